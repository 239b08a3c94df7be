"""Cost of one scan against the size of the network, as figures and as a plot."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

from scenarios.bench.bare_solvers import GridStep, bare_power_flow_s
from scenarios.bench.figure import BenchFigure, beside
from scenarios.bench.grid_steps import GridSteps
from scenarios.report.style import DARK, MID, layout
from simulator.grid.case import load_case
from streams.errors import BadInput

NETWORKS = ("ieee14", "ieee39", "ieee118", "ieee300", "activsg500", "pegase1354", "pegase2869", "pegase9241")
BUDGET_S = 3.0
"""CPU time spent on each network, at most."""
CALM_SCANS = 1000
"""Later the evening sets in, for which no printed schedule is meant."""


class Point(NamedTuple):
    """One network: microseconds of CPU per scan, of ours and of lightsim2grid alone."""

    network: str
    buses: int
    scan_us: float
    bare_us: float


def measure(networks: tuple[str, ...] = NETWORKS) -> list[Point]:
    """One point per network; those whose data are not installed are left out."""
    points = []
    for network in networks:
        try:
            points.append(_point(network))
        except BadInput:
            continue
    return points


def figures(points: list[Point]) -> list[BenchFigure]:
    """A row per network."""
    return [
        beside(f"scan of {p.network}, {p.buses} buses", p.scan_us, "us", "lightsim2grid alone, us", p.bare_us)
        for p in points
    ]


def _point(network: str) -> Point:
    case = load_case(network)
    steps = GridSteps(case)
    grid = steps.grid
    steps.run(5)
    scans, started = 0, time.process_time()
    while scans < CALM_SCANS and time.process_time() - started < BUDGET_S:
        steps.run(5)
        scans += 5
    scan_us = (time.process_time() - started) / scans * 1e6
    # The same steps once more, written down for the solver alone.
    series: list[GridStep] = []
    for _ in range(scans):
        steps.run(1)
        series.append(
            GridStep(grid.load_served_mw.copy(), grid.load_demand_mvar.copy(), grid.unit_power_mw.copy())
        )
    bare_s = bare_power_flow_s(case, case.unit_inertia_s * case.unit_p_max_mw, series)
    return Point(network, len(case.bus_name), scan_us, bare_s / scans * 1e6)


def plot(points: list[Point], path: Path) -> None:
    """Cost against buses, both axes logarithmic, as a page that needs no network."""
    import plotly.graph_objects as go

    buses = [p.buses for p in points]
    names = [p.network for p in points]
    page = go.Figure(
        data=[
            go.Scatter(
                x=buses,
                y=[p.scan_us for p in points],
                text=names,
                name="scan of the twin",
                line={"color": DARK},
            ),
            go.Scatter(
                x=buses,
                y=[p.bare_us for p in points],
                text=names,
                name="lightsim2grid alone",
                line={"color": MID, "dash": "dot"},
            ),
        ],
        layout=layout(
            "CPU time per scan (us)",
            height=480,
            xaxis={"type": "log", "title": {"text": "buses"}},
            yaxis={"type": "log"},
            title={"text": "Cost of one scan against the size of the grid", "y": 0.97},
            margin={"t": 84},
        ),
    )
    page.write_html(path, include_plotlyjs=True)
