"""``breakwater run``."""

from __future__ import annotations

import sys
from pathlib import Path

from scenarios.commands.printing import number, print_json, print_table
from scenarios.prepare import choose_arms, parse_arm, prepare
from scenarios.report.build import build_report
from scenarios.run import open_bus, run_scenario
from scenarios.scenario import MAX_SEED, Scenario, load_scenario
from scenarios.summary import Summary
from streams.errors import BadInput

BUSES = ("memory", "kafka")


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
    prepared = prepare(scenario)
    chosen = choose_arms(arms, prepared)
    general = scenario.scenario
    folder = out or Path("runs") / f"{general.name}-{general.seed}"
    _announce(prepared.assumptions, prepared.misfit)
    with open_bus(bus_kind, bootstrap) as bus:
        summary = run_scenario(prepared, chosen, folder, bus)
    report = build_report(folder)
    if as_json:
        print_json(summary)
    else:
        print_outcomes(summary)
    print(f"report: {report}", file=sys.stderr)


def print_outcomes(summary: Summary) -> None:
    """The outcome table over arms."""
    rows = []
    for name, arm in summary.arms.items():
        o, d = arm.outcome, arm.detection
        rows.append(
            [
                name,
                number(o["lines_tripped"], 0),
                number(o["peak_load_shed_mw"]),
                number(o["energy_not_served_mwh"]),
                number(o["min_frequency_hz"], 2),
                number(o["water_not_delivered_m3"], 0),
                number(o["low_pressure_node_hours"], 0),
                number(o["safe_mode_hours"], 2),
                number(d.time_to_detect_s, 0),
                number(d.certified_time_to_detect_s, 0),
                number(d.false_alarms_per_day),
                number(None if d.certified_share is None else 100.0 * d.certified_share),
            ]
        )
    heads = [
        "arm",
        "lines\ntripped",
        "peak shed\nMW",
        "not served\nMWh",
        "lowest\nHz",
        "water short\nm3",
        "low pressure\nnode-h",
        "safe mode\nh",
        "detected\nafter s",
        "certified\nafter s",
        "false\nper day",
        "certified\n%",
    ]
    print_table(heads, rows, f"{summary.scenario}, seed {summary.seed}")


def _announce(assumptions: tuple[str, ...], misfit: str) -> None:
    for note in assumptions:
        print(f"assumption: {note}", file=sys.stderr)
    if misfit:
        print(f"without a detector: {misfit}", file=sys.stderr)
