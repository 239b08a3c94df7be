"""``breakwater impact``."""

from __future__ import annotations

import math
import sys

from detectors.model import load_model
from scenarios.commands.printing import number, print_json, print_table
from scenarios.impact.instant import first_instant
from scenarios.impact.report import ImpactReport, impact_report
from scenarios.prepare import prepare
from scenarios.scenario import load_scenario
from streams.errors import BadInput

MOST_PLACED = 50


def impact_command(
    name: str,
    tau: float,
    place: int,
    sigma: float,
    outflow_m3_h: float | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Bounds of what an invisible attacker can do at the start of a scenario. Raises BadInput."""
    if not 0.0 <= tau <= 1.0:
        raise BadInput("--tau", tau, "0 to 1, a share of each load")
    if not 0 <= place <= MOST_PLACED:
        raise BadInput("--place", place, f"0 to {MOST_PLACED} further meters")
    if not (math.isfinite(sigma) and sigma >= 0.0):
        raise BadInput("--sigma", sigma, "finite, 0 or more")
    if sigma and place:
        raise BadInput("--place", place, "0 with --sigma: a meter that is not there yet has no scatter")
    if outflow_m3_h is not None and not (math.isfinite(outflow_m3_h) and outflow_m3_h > 0.0):
        raise BadInput("--outflow", outflow_m3_h, "above 0 m3/h")
    prepared = prepare(load_scenario(name, overrides), name)
    model = load_model(prepared.model_folder) if prepared.model_folder else None
    report = impact_report(
        prepared.scenario.scenario.name,
        first_instant(prepared.scenario),
        tau,
        place,
        model,
        sigma,
        outflow_m3_h,
    )
    if as_json:
        print_json(report)
        return
    _print(report)
    if model is None:
        print(f"no word on tanks, because {prepared.misfit}", file=sys.stderr)


def _print(report: ImpactReport) -> None:
    rows = []
    for statement in report.grid:
        worst, ac = statement.worst, statement.ac_worst
        rows.append(
            [
                f"proven, {statement.kind}",
                worst.line,
                number(worst.bound, 4),
                number(statement.honest_bound, 4),
                number(worst.ac_loading, 4),
                "-" if ac is None else f"{number(ac.ac_loading, 4)} on {ac.line}",
            ]
        )
    for words, found in (("found", report.found), ("found, overload shown", report.found_shown)):
        if found is not None:
            own = number(found.loading, 4), "-", number(found.ac_loading, 4), f"{found.lies} lies"
            rows.append([words, found.line, *own])
    heads = ["statement", "line", "loading", "no lie", "AC", "worst AC"]
    title = f"true loading of lines behind invisible shifts of at most {report.tau:g} of a load"
    print_table(heads, rows, title)
    if report.placement:
        steps = [[step.meter or "as it is", number(step.bound, 4), step.line] for step in report.placement]
        print_table(["protected meter on", "worst bound", "on line"], steps, "placement, one after the other")
    for tank in report.water:
        lies = [[f"{float(s) / 3600.0:g} h", number(lie, 3)] for s, lie in tank.lie_m.items()]
        print_table(["after", "largest silent lie, m"], lies, f"tank {tank.tank}")
        if tank.harm is not None:
            harm = tank.harm
            row = [
                number(tank.net_outflow_m3_h, 0),
                number(harm.unsafe_s / 3600.0, 2),
                "-" if harm.exposed_s is None else number(harm.exposed_s / 3600.0, 2),
                number(harm.needed_m, 2),
                number(harm.fastest_hidden_m3_h, 1),
                "yes" if harm.detected_first else "no",
            ]
            heads = [
                "net outflow, m3/h", "unsafe after, h", "seen after, h", "lie needed, m",
                "outflow that can be hidden, m3/h", "seen before harm",
            ]  # fmt: skip
            print_table(heads, [row])
