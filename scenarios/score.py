"""From the record of an arm to its figures. Every definition with its formula: docs/outcomes.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pyarrow.parquet as pq

from scenarios.arms import Arm
from streams.messages import Outcome

TRAIL_S = 300.0
"""An alarm up to this long after tampering ended still belongs to it: its traces stay in windows."""

SECONDS_PER_DAY = 86_400.0
CERTIFIED = ("certified_normal", "certified_alarm")
OUTCOMES = (
    "energy_not_served_mwh",
    "peak_load_shed_mw",
    "shed_mw_by_cause",
    "lines_tripped",
    "generators_tripped",
    "min_frequency_hz",
    "water_not_delivered_m3",
    "low_pressure_node_hours",
    "tank_overflow_m3",
    "contaminant_consumed_g",
    "plant_derated_mwh",
    "safe_mode_hours",
)
COUNTS = ("lines_tripped", "generators_tripped")
SHED_CAUSES = ("ufls", "uvls", "voltage_collapse", "island", "planned")


class Detection(msgspec.Struct, frozen=True):
    """The ``detection`` block of a summary; None does not apply."""

    detected: bool | None = None
    time_to_detect_s: float | None = None
    certified_time_to_detect_s: float | None = None
    false_alarms_per_day: float | None = None
    certified_share: float | None = None
    uncertain_share: float | None = None


class HarmAverted(msgspec.Struct, frozen=True):
    """Undefended minus defended; None unless both arms ran."""

    energy_mwh: float | None = None
    water_m3: float | None = None
    share_of_oracle: float | None = None


class Span(NamedTuple):
    """From start_s (inclusive) to end_s (exclusive), simulated seconds."""

    start_s: float
    end_s: float


def outcome_of(folder: Path, arm: Arm) -> dict[str, Any]:
    """The ``outcome`` block of one arm; all None where the arm did not reach its end."""
    path = folder / "outcome.json"
    final = msgspec.json.decode(path.read_bytes(), type=Outcome) if path.is_file() else None
    if final is None or not final.complete:
        return dict.fromkeys(OUTCOMES) | {"shed_mw_by_cause": dict.fromkeys(SHED_CAUSES)}
    figures: dict[str, Any] = {name: final.figures.get(name) for name in OUTCOMES}
    figures |= {name: round(figures[name]) for name in COUNTS if figures[name] is not None}
    figures["shed_mw_by_cause"] = {cause: final.shed_mw_by_cause.get(cause) for cause in SHED_CAUSES}
    if arm.defended:
        figures["safe_mode_hours"] = safe_mode_hours(read_rows(folder / "events.parquet"), final.t_s)
    return figures


def detection_of(folder: Path, arm: Arm, duration_s: float) -> Detection:
    """The ``detection`` block of one arm; all None where no detector took part."""
    if not arm.defended:
        return Detection()
    alarms = [row for row in read_rows(folder / "alarms.parquet") if row["state"] == "raised"]
    spans = tampered_spans(read_rows(folder / "events.parquet"), duration_s)
    verdicts = pq.read_table(folder / "verdicts.parquet", columns=["verdict"]).column(0).to_pylist()
    detected, time_s = time_to_detect(spans, alarms)
    _, certified_time_s = time_to_detect(spans, [row for row in alarms if row["certified"]])
    return Detection(
        detected=detected,
        time_to_detect_s=time_s,
        certified_time_to_detect_s=certified_time_s,
        false_alarms_per_day=false_alarms_per_day(spans, first_raises(alarms), duration_s),
        certified_share=share(verdicts, CERTIFIED),
        uncertain_share=share(verdicts, ("uncertain",)),
    )


def harm_averted(outcomes: dict[str, dict[str, Any]]) -> HarmAverted:
    """Undefended minus defended of the outcome blocks by arm name."""
    undefended, defended = outcomes.get("undefended"), outcomes.get("defended")
    if undefended is None or defended is None:
        return HarmAverted()

    def averted(figure: str) -> float | None:
        without, with_ = undefended[figure], defended[figure]
        return None if without is None or with_ is None else float(without - with_)

    return HarmAverted(averted("energy_not_served_mwh"), averted("water_not_delivered_m3"))


def tampered_spans(events: Iterable[dict[str, Any]], end_s: float) -> list[Span]:
    """When at least one link showed tampered values, from ``tap_in`` and ``tap_out`` events in time order."""
    spans: list[Span] = []
    tapped: set[str] = set()
    since_s = 0.0
    for event in events:
        if event["kind"] == "tap_in":
            if not tapped:
                since_s = event["t_s"]
            tapped.add(event["element"])
        elif event["kind"] == "tap_out" and event["element"] in tapped:
            tapped.remove(event["element"])
            if not tapped:
                spans.append(Span(since_s, event["t_s"]))
    if tapped:
        spans.append(Span(since_s, end_s))
    return spans


def time_to_detect(
    spans: Sequence[Span], raised: Sequence[dict[str, Any]]
) -> tuple[bool | None, float | None]:
    """Whether and how long after the first tampered sample an alarm was raised; None where none was sent."""
    if not spans:
        return None, None
    first_s = spans[0].start_s
    later = [row["t_s"] - first_s for row in raised if row["t_s"] >= first_s]
    return bool(later), float(min(later)) if later else None


def first_raises(raised: Iterable[dict[str, Any]]) -> list[float]:
    """When each alarm was first raised; one that is told again as it becomes certified stays one alarm."""
    first: dict[str, float] = {}
    for row in raised:
        first.setdefault(row["alarm_id"], row["t_s"])
    return list(first.values())


def false_alarms_per_day(spans: Sequence[Span], raised_s: Sequence[float], duration_s: float) -> float | None:
    """Alarms raised outside tampering and its trail, per day of such time; None where there is none."""
    covered: list[Span] = []
    for span in spans:
        end_s = min(span.end_s + TRAIL_S, duration_s)
        if covered and span.start_s <= covered[-1].end_s:
            covered[-1] = Span(covered[-1].start_s, max(end_s, covered[-1].end_s))
        else:
            covered.append(Span(span.start_s, end_s))
    quiet_s = duration_s - sum(span.end_s - span.start_s for span in covered)
    if quiet_s <= 0.0:
        return None
    false = [t for t in raised_s if not any(span.start_s <= t <= span.end_s for span in covered)]
    return len(false) / (quiet_s / SECONDS_PER_DAY)


def share(verdicts: Sequence[str | None], values: Sequence[str]) -> float | None:
    """Share of three-valued verdicts that are one of ``values``; None where there are none."""
    spoken = [verdict for verdict in verdicts if verdict is not None]
    return sum(verdict in values for verdict in spoken) / len(spoken) if spoken else None


def safe_mode_hours(events: Iterable[dict[str, Any]], end_s: float) -> float:
    """Hours in safe modes, each mode counted by itself."""
    since: dict[str, float] = {}
    total_s = 0.0
    for event in events:
        if event["kind"] == "safe_mode_in":
            since.setdefault(event["element"], event["t_s"])
        elif event["kind"] == "safe_mode_out" and event["element"] in since:
            total_s += event["t_s"] - since.pop(event["element"])
    total_s += sum(end_s - start_s for start_s in since.values())
    return total_s / 3600.0


def read_rows(path: Path) -> list[dict[str, Any]]:
    """A small table of a run folder as dictionaries, in time order."""
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return sorted(rows, key=lambda row: float(row["t_s"]))
