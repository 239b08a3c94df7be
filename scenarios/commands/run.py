"""``breakwater run``."""

from __future__ import annotations

import sys
from pathlib import Path

from scenarios.commands.printing import number, print_json, print_table
from scenarios.detection import Detection
from scenarios.prepare import choose_arms, parse_arm, prepare
from scenarios.report.build import build_report
from scenarios.run import open_bus, run_scenario
from scenarios.scenario import Scenario, load_scenario
from scenarios.scenario_sections import MAX_SEED
from scenarios.summary import Summary
from streams.errors import BadInput

BUSES = ("memory", "kafka")

OUTCOMES = (
    ("lines_tripped", "lines tripped", "", 0),
    ("generators_tripped", "units tripped", "", 0),
    ("peak_load_shed_mw", "peak load shed", "MW", 1),
    ("energy_not_served_mwh", "energy not served", "MWh", 1),
    ("min_frequency_hz", "lowest frequency", "Hz", 3),
    ("water_not_delivered_m3", "water not delivered", "m3", 0),
    ("low_pressure_node_hours", "nodes under 20 psi", "node-h", 0),
    ("safe_mode_hours", "in safe modes", "h", 2),
)
DETECTIONS = (
    ("time_to_detect_s", "first alarm after", "s", 1.0, 0),
    ("certified_time_to_detect_s", "first certified alarm after", "s", 1.0, 0),
    ("false_alarms_per_day", "false alarms", "per day", 1.0, 1),
    ("certified_share", "windows with a certificate", "%", 100.0, 2),
)


def load(name: str, seed: int | None, overrides: tuple[str, ...]) -> Scenario:
    """The scenario under the command line's seed and overrides. Raises BadInput."""
    scenario = load_scenario(name, overrides)
    if seed is None:
        return scenario
    if not 0 <= seed <= MAX_SEED:
        raise BadInput("--seed", seed, f"an integer from 0 to {MAX_SEED}")
    return scenario.with_seed(seed)


def run_command(
    name: str,
    arms: str | None,
    seed: int | None,
    bus_kind: str,
    bootstrap: str | None,
    overrides: tuple[str, ...],
    out: Path | None,
    as_json: bool,
) -> None:
    """Run, report, print. Raises BadInput before anything is written."""
    if bus_kind not in BUSES:
        raise BadInput("--bus", bus_kind, " or ".join(BUSES))
    if bootstrap is not None and bus_kind != "kafka":
        raise BadInput("--bootstrap", bootstrap, "only with --bus kafka")
    scenario = load(name, seed, overrides)
    for arm in (arms or "").split(",") if arms is not None else ():
        parse_arm(arm)
    prepared = prepare(scenario, name)
    chosen = choose_arms(arms, prepared)
    general = scenario.scenario
    folder = out or Path("runs") / f"{general.name}-{general.seed}"
    with open_bus(bus_kind, bootstrap) as bus:
        summary = run_scenario(prepared, chosen, folder, bus)
    report = build_report(folder)
    if as_json:
        print_json(summary)
    else:
        print_outcomes(summary)
    _tell(prepared.assumptions, prepared.misfit, report)


def print_outcomes(summary: Summary) -> None:
    """The outcome table: a row per figure, a column per arm."""
    arms = list(summary.arms.values())
    rows = [
        [words, unit, *(number(arm.outcome[key], digits) for arm in arms)]
        for key, words, unit, digits in OUTCOMES
    ]
    rows += [
        [words, unit, *(_detection(arm.detection, key, scale, digits) for arm in arms)]
        for key, words, unit, scale, digits in DETECTIONS
    ]
    print_table(["", "unit", *summary.arms], rows, f"{summary.scenario}, seed {summary.seed}")
    averted = summary.harm_averted
    if averted.energy_mwh is not None:
        print(f"harm averted: {number(averted.energy_mwh)} MWh, {number(averted.water_m3, 0)} m3 of water")


def _detection(detection: Detection, key: str, scale: float, digits: int) -> str:
    value = getattr(detection, key)
    return number(None if value is None else scale * value, digits)


def _tell(assumptions: tuple[str, ...], misfit: str, report: Path) -> None:
    for note in assumptions:
        print(f"assumption: {note}", file=sys.stderr)
    if misfit:
        print(f"only arms without a detector ran by default: {misfit}", file=sys.stderr)
    print(f"report: {report}", file=sys.stderr)
