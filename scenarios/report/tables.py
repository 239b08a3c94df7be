"""Tables of the report: outcomes over arms, attack budgets beside what is certified, provenance."""

from __future__ import annotations

from typing import Any, NamedTuple

from scenarios.detection import Detection, DomainDetection
from scenarios.report.run_data import RunData


class Cell(NamedTuple):
    """Text of a cell; abnormal ones are coloured."""

    text: str
    abnormal: bool = False


class Row(NamedTuple):
    """A quantity with its unit and a cell per arm."""

    label: str
    unit: str
    cells: list[Cell]


OUTCOME_ROWS = (
    ("lines_tripped", "Lines tripped", "", 0),
    ("generators_tripped", "Units tripped", "", 0),
    ("peak_load_shed_mw", "Peak load shed", "MW", 1),
    ("energy_not_served_mwh", "Energy not served", "MWh", 1),
    ("min_frequency_hz", "Lowest frequency", "Hz", 3),
    ("water_not_delivered_m3", "Water not delivered", "m³", 0),
    ("low_pressure_node_hours", "Nodes under 20 psi", "node-hours", 0),
    ("tank_overflow_m3", "Tank overflow", "m³", 0),
    ("plant_derated_mwh", "Plant derated", "MWh", 1),
    ("contaminant_consumed_g", "Contaminant consumed", "g", 1),
    ("safe_mode_hours", "In safe modes", "h", 2),
)
NEVER_HARM = {"safe_mode_hours"}
"""Figures that are a cost of the response, not harm; ``min_frequency_hz`` is judged by its own limit."""

FIRST_SHEDDING_HZ_BELOW_NOMINAL = 0.7
"""The first under-frequency stage, 59.3 Hz on a 60 Hz grid."""

CAUSES = {
    "ufls": "under-frequency",
    "uvls": "under-voltage",
    "voltage_collapse": "voltage collapse",
    "island": "island without units",
    "planned": "planned",
}


def outcome_rows(run: RunData) -> list[Row]:
    """Physical outcome of every arm; None shows as a dash."""
    arms = run.summary.arms
    base = arms["baseline"].outcome if "baseline" in arms else {}
    rows = [
        Row(
            label,
            unit,
            [_outcome_cell(run, key, arm.outcome[key], base.get(key), digits) for arm in arms.values()],
        )
        for key, label, unit, digits in OUTCOME_ROWS
    ]
    shed = []
    for cause, words in CAUSES.items():
        values = [arm.outcome["shed_mw_by_cause"][cause] for arm in arms.values()]
        if any(values):
            shed.append(Row(f"… shed by {words}", "MW", [Cell(figure(v, 1), bool(v)) for v in values]))
    return rows[:3] + shed + rows[3:]


def detection_rows(run: RunData) -> list[Row]:
    """Detection of every arm."""
    found = [arm.detection for arm in run.summary.arms.values()]

    def row(label: str, unit: str, values: list[float | None], digits: int, abnormal: bool = False) -> Row:
        return Row(label, unit, [Cell(figure(v, digits), abnormal and bool(v)) for v in values])

    def percent(values: list[float | None]) -> list[float | None]:
        return [None if v is None else 100.0 * v for v in values]

    latency = [arm.latency for arm in run.summary.arms.values()]
    return [
        row("First alarm after the first tampered sample", "s", [d.time_to_detect_s for d in found], 0),
        row("First alarm with an evasion certificate", "s", [d.certified_time_to_detect_s for d in found], 0),
        row("False alarms", "per day", [d.false_alarms_per_day for d in found], 1, abnormal=True),
        row("Windows with a certificate", "%", percent([d.certified_share for d in found]), 2),
        row("Windows uncertain", "%", percent([d.uncertain_share for d in found]), 2),
        *(row(*line) for line in _by_domain(found)),
        row("Detectors' step, median", "ms", [one["verdict_p50_ms"] for one in latency], 1),
        row("Detectors' step, 99th percentile", "ms", [one["verdict_p99_ms"] for one in latency], 1),
    ]


def _by_domain(found: list[Detection]) -> list[tuple[str, str, list[float | None], int]]:
    """(label, unit, a value per arm, digits): an alarm of one domain says nothing of the other."""
    rows: list[tuple[str, str, list[float | None], int]] = []
    for domain in sorted({name for one in found for name in one.domains}):
        own = [one.domains.get(domain, DomainDetection()) for one in found]
        shares = [None if d.certified_share is None else 100.0 * d.certified_share for d in own]
        certified_s = [d.certified_time_to_detect_s for d in own]
        rows += [
            (f"… {domain}: first alarm", "s", [d.time_to_detect_s for d in own], 0),
            (f"… {domain}: first alarm with an evasion certificate", "s", certified_s, 0),
            (f"… {domain}: windows with a certificate", "%", shares, 2),
        ]
    return rows


def attack_rows(run: RunData) -> list[list[str]]:
    """One row per attack: what it may do, and what is certified against."""
    return [
        [
            attack.attacker,
            f"{attack.start_s / 3600.0:.2f} to {attack.end_s / 3600.0:.2f} h",
            f"{len(attack.links)}: {', '.join(attack.links[:4])}{', …' if len(attack.links) > 4 else ''}",
            budget_text(attack.eps),
            f"{attack.knowledge} box, {attack.queries} plans{', may drop' if attack.allow_drop else ''}",
            ", ".join(attack.techniques) + (f" ({attack.attack_version})" if attack.attack_version else ""),
        ]
        for attack in run.scenario.attack
    ]


def budget_text(eps: float | dict[str, float]) -> str:
    """An eps for people: a share of range, or how many tags have their own."""
    if isinstance(eps, dict):
        return (
            f"{len(eps)} tags, {min(eps.values(), default=0.0):g} to {max(eps.values(), default=0.0):g} units"
        )
    return f"{100.0 * eps:g} % of each tag's range"


def headline(run: RunData) -> str:
    """One sentence: what the attack did, and what the defence averted."""
    arms, averted = run.summary.arms, run.summary.harm_averted
    if "undefended" not in arms or arms["undefended"].outcome["energy_not_served_mwh"] is None:
        return "The run holds no undefended arm, so harm cannot be told."
    harm = arms["undefended"].outcome
    text = (
        f"Undefended: lines tripped {figure(harm['lines_tripped'], 0)}, "
        f"{figure(harm['peak_load_shed_mw'], 0)} MW shed at the worst, "
        f"{figure(harm['energy_not_served_mwh'], 0)} MWh and "
        f"{figure(harm['water_not_delivered_m3'], 0)} m³ of water not delivered."
    )
    if averted.energy_mwh is not None:
        text += f" Harm averted by the defence: {figure(averted.energy_mwh, 0)} MWh"
        text += _of(averted.energy_mwh, harm["energy_not_served_mwh"])
    if averted.water_m3 is not None:
        text += f" and {figure(averted.water_m3, 0)} m³ of water"
        text += _of(averted.water_m3, harm["water_not_delivered_m3"])
    return text + ("." if averted.energy_mwh is not None else "")


def provenance_rows(run: RunData) -> list[tuple[str, str]]:
    """What identifies the run."""
    p = run.provenance
    rows = [
        ("status", str(p.get("status"))),
        ("scenario", f"{p.get('scenario')}, seed {p.get('seed')}"),
        ("scenario hash", str(p.get("scenario_hash"))),
        ("plant-model hash", str(p.get("plant_model_hash"))),
        ("detector model", f"{p.get('model')}, {p.get('model_hash')}" if p.get("model") else "none"),
        ("results digest", run.summary.digest or "none: the run did not complete"),
        ("bus", str(p.get("bus"))),
    ]
    versions = {name: v for name, v in p.get("versions", {}).items() if v}
    return [*rows, ("versions", ", ".join(f"{name} {v}" for name, v in versions.items()))]


def figure(value: float | None, digits: int) -> str:
    """A figure with thin thousands; a dash where it does not apply."""
    return "–" if value is None else f"{value:,.{digits}f}".replace(",", "\u202f")


def _of(part: float, whole: float | None) -> str:
    return f" ({100.0 * part / whole:.0f} %)" if whole else ""


def _outcome_cell(run: RunData, key: str, value: Any, base: Any, digits: int) -> Cell:
    if value is None:
        return Cell("–")
    if key == "min_frequency_hz":
        limit = run.plant_model.nominal_frequency_hz - FIRST_SHEDDING_HZ_BELOW_NOMINAL
        return Cell(figure(value, digits), value < limit)
    # What the untouched arm shows as well is not the attack's doing.
    return Cell(figure(value, digits), key not in NEVER_HARM and value > 1.05 * (base or 0.0) + 0.5)
