"""Figures of detection: verdict strips, what happened when, certified share against eps."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import Any

from scenarios.report.figures import Figure
from scenarios.report.run_data import ArmData, RunData
from scenarios.report.style import AMBER, DARK, INK, LIGHT, MID, PALE_RED, RED, layout

VERDICT_COLOURS = {
    "certified_normal": LIGHT,
    "uncertain": AMBER,
    "certified_alarm": RED,
    "alarm": PALE_RED,
    "quiet": LIGHT,
}
VERDICT_WORDS = {
    "certified_normal": "certified normal (stable)",
    "uncertain": "uncertain",
    "certified_alarm": "certified alarm",
    "alarm": "monitor: alarm",
    "quiet": "monitor: quiet",
}
SEVERITY = ("quiet", "certified_normal", "uncertain", "alarm", "certified_alarm")
"""Where one instant has several verdicts of one detector, the last of these wins."""

LANES = {
    "tap_in": ("tampering begins", MID, "triangle-right"),
    "tap_out": ("tampering ends", MID, "triangle-left"),
    "line_trip": ("line trips", RED, "x"),
    "generator_trip": ("unit trips", RED, "diamond"),
    "load_shed": ("load shed", RED, "square"),
    "voltage_collapse": ("voltage collapse", RED, "star"),
    "island": ("island", RED, "circle-open"),
    "pump_lost": ("pump lost", RED, "triangle-down"),
    "pump_back": ("pump back", DARK, "triangle-up"),
    "tank_empty": ("tank empty", RED, "square-open"),
    "tank_full": ("tank full", AMBER, "square"),
    "plant_derated": ("plant derated", AMBER, "diamond-open"),
    "fault_in": ("fault begins", AMBER, "triangle-right"),
    "fault_out": ("fault ends", DARK, "triangle-left"),
    "backup_on": ("backup takes over", AMBER, "triangle-up-open"),
    "backup_off": ("backup leaves", DARK, "triangle-down-open"),
    "station_lost": ("station blind", RED, "circle-x"),
    "station_back": ("station back", DARK, "circle-dot"),
    "solver": ("solver", AMBER, "circle"),
    "safe_mode_in": ("safe mode entered", DARK, "circle"),
    "safe_mode_out": ("safe mode left", DARK, "circle-open"),
    "alarm": ("alarm raised", AMBER, "star"),
}


def timeline(arm: ArmData) -> Figure | None:
    """Every event of an arm in its lane; same-lane events of one instant share a mark."""
    found: dict[str, dict[float, list[str]]] = defaultdict(lambda: defaultdict(list))
    for event in arm.events:
        amount = (
            f" {event['value']:.4g} {event['unit']}" if event["value"] is not None and event["unit"] else ""
        )
        text = f"{event['element']}{amount}" + (f" ({event['cause']})" if event["cause"] else "")
        found[event["kind"]][event["t_s"]].append(text)
    for alarm in arm.alarms:
        if alarm["state"] == "raised":
            kind = "certified" if alarm.get("certified") else "not certified"
            found["alarm"][alarm["t_s"]].append(f"{alarm['source']} ({kind})")
    if not found:
        return None
    lanes = [kind for kind in LANES if kind in found] + sorted(kind for kind in found if kind not in LANES)
    data = [_lane(kind, found[kind]) for kind in lanes]
    order = [_look(kind)[0] for kind in reversed(lanes)]
    figure = layout(
        "",
        56 + 26 * len(lanes),
        margin={"t": 10},
        showlegend=False,
        hovermode="closest",
        yaxis={"categoryorder": "array", "categoryarray": order, "automargin": True},
        xaxis={"range": _whole(arm)},
    )
    return Figure(f"events-{arm.name}", arm.name, "", data, figure)


def _lane(kind: str, moments: dict[float, list[str]]) -> dict[str, Any]:
    word, colour, symbol = _look(kind)
    texts = [_abridged(texts) for texts in moments.values()]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [round(t_s / 3600.0, 5) for t_s in moments],
        "y": [word] * len(moments),
        "text": texts,
        "hovertemplate": "%{x:.4f} h<br>%{text}<extra></extra>",
        "marker": {"color": colour, "symbol": symbol, "size": 9},
    }


def _look(kind: str) -> tuple[str, str, str]:
    return LANES.get(kind, (kind.replace("_", " "), MID, "circle"))


def _abridged(texts: list[str], most: int = 8) -> str:
    rest = f"<br>and {len(texts) - most} more" if len(texts) > most else ""
    return "<br>".join(texts[:most]) + rest


def verdict_strip(arm: ArmData) -> Figure | None:
    """One row per detector: bands of equal verdicts."""
    rows = arm.verdicts
    if not rows["t_s"]:
        return None
    worst: dict[str, dict[float, str]] = defaultdict(dict)
    for t_s, detector, domain, value, alarm in zip(
        rows["t_s"], rows["detector"], rows["domain"], rows["verdict"], rows["alarm"], strict=True
    ):
        word = value or ("alarm" if alarm else "quiet")
        name = f"{detector}, {domain}"
        before = worst[name].get(t_s)
        if before is None or SEVERITY.index(word) > SEVERITY.index(before):
            worst[name][t_s] = word
    bands: dict[str, list[tuple[str, float, float]]] = defaultdict(list)
    for name, by_time in worst.items():
        for word, start_s, end_s in _bands(sorted(by_time.items())):
            bands[word].append((name, start_s, end_s))
    data = [_band_trace(word, bands[word]) for word in VERDICT_WORDS if word in bands]
    figure = layout(
        "",
        90 + 34 * len(worst),
        barmode="overlay",
        hovermode="closest",
        yaxis={"automargin": True},
        xaxis={"range": _whole(arm)},
    )
    caption = (
        "Where several stations or windows speak at once, the gravest. "
        "Certified normal means stable: no change of at most the certified eps per tag makes this window "
        'alarm. It does not mean "no attack".'
    )
    return Figure(f"verdicts-{arm.name}", arm.name, caption, data, figure)


def _bands(sequence: list[tuple[float, str]]) -> list[tuple[str, float, float]]:
    """(word, start, end) of stretches with one verdict; each verdict holds until the next."""
    step = min((b[0] - a[0] for a, b in pairwise(sequence)), default=0.0)
    bands: list[tuple[str, float, float]] = []
    for i, (t_s, word) in enumerate(sequence):
        end_s = sequence[i + 1][0] if i + 1 < len(sequence) else t_s + step
        if bands and bands[-1][0] == word:
            bands[-1] = (word, bands[-1][1], end_s)
        else:
            bands.append((word, t_s, end_s))
    return bands


def _band_trace(word: str, bands: list[tuple[str, float, float]]) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "name": VERDICT_WORDS[word],
        "y": [name for name, _, _ in bands],
        "base": [round(start_s / 3600.0, 5) for _, start_s, _ in bands],
        "x": [round((end_s - start_s) / 3600.0, 6) for _, start_s, end_s in bands],
        "marker": {"color": VERDICT_COLOURS[word], "line": {"width": 0}},
        "hovertemplate": "%{base:.4f} h<extra>" + VERDICT_WORDS[word] + "</extra>",
    }


CURVES = {
    "certified_normal_share": ("quiet windows certified normal", "circle-open"),
    "certified_detection_share": ("tampered windows certified alarm", "square"),
    "detection_share": ("tampered windows with any alarm", "x-thin-open"),
}
NETWORK_LINES = {
    "model": {"color": INK, "width": 1.8},
    "normally trained twin": {"color": MID, "dash": "dash"},
}


def against_eps(run: RunData) -> list[Figure]:
    """Per domain: certified share of quiet windows and of tampered ones, the model beside its twin."""
    if run.eps_curves is None:
        return []
    curves = run.eps_curves["curves"]
    chosen = run.scenario.detector.eps
    eps = run.eps_curves["certified_eps"] if isinstance(chosen, dict) else chosen
    return [
        _against_eps(domain, [c for c in curves if c["domain"] == domain], eps)
        for domain in dict.fromkeys(curve["domain"] for curve in curves)
    ]


def _against_eps(domain: str, curves: list[dict[str, Any]], certified_eps: float) -> Figure:
    data = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": f"{curve['name']}: {words}",
            "x": [100.0 * eps for eps in curve["eps"]],
            "y": [None if share is None else 100.0 * share for share in curve[key]],
            "line": NETWORK_LINES[curve["name"]],
            "marker": {"symbol": symbol, "size": 7, "line": {"width": 1.5}},
        }
        for curve in curves
        for key, (words, symbol) in CURVES.items()
        if curve.get(key) is not None
    ]
    here = {
        "type": "line",
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "x0": 100.0 * certified_eps,
        "x1": 100.0 * certified_eps,
        "line": {"color": LIGHT, "width": 6},
        "layer": "below",
    }
    caption = (
        "Share of windows with a certificate, all unprotected tags moved at once. Grey bar: the eps that "
        "this run certified for. Tampered: every sample of the window is (water: the newest)."
    )
    figure = layout(
        "% of windows",
        420,
        xaxis={"title": {"text": "eps (% of each tag's range)"}},
        yaxis={"range": [-3, 103]},
        shapes=[here],
        legend={"y": -0.3, "yanchor": "top", "orientation": "v"},
        margin={"b": 190},
    )
    return Figure(f"against-eps-{domain}", domain, caption, data, figure)


def _whole(arm: ArmData) -> list[float]:
    """The arm's whole time and a little more, so that marks at either end show."""
    end = float(arm.hours[-1]) if len(arm.hours) else 1.0
    return [-0.01 * end, 1.01 * end]
