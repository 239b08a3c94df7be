"""A simulated day of IEEE 118 with Micropolis at 4 s scans beside its solvers alone, and what a week takes.

Measured in CPU time: on a shared machine wall time says more of the neighbours.
"""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

import highspy
import msgspec

from scenarios.bench import scaling
from scenarios.bench.bare_solvers import GridStep, Stopwatch, bare_epanet_s, bare_power_flow_s
from scenarios.bench.figure import BenchFigure, beside, say
from scenarios.bench.grid_steps import grid2op_steps_per_s, grid_steps_per_s
from scenarios.bench.resident import resident_mb
from scenarios.direct_loop import DirectLoop
from scenarios.scenario import Scenario, load_scenario
from simulator.control.estimator import Estimator
from simulator.control.role import ControlRole
from simulator.grid.case import load_case
from simulator.nature.demand import WaterDemand
from simulator.plant import Plant
from simulator.plant_role import PlantRole
from simulator.water.network import find_inp
from streams.bus import topics_of
from streams.embedded import EmbeddedBus
from streams.lockstep import Participant, run_lockstep, writers
from streams.role import Role

DAY_S = 86_400.0
WEEK_DAYS = 7
SETTLED_DAYS = 2
"""Caches and allocators have filled by then; from here on memory must be flat."""
WARM_UP_S = 600.0
GRID_SCANS = 5_000
GIGABYTE_MB = 1000.0
GRID2OP_STEPS_PER_S = 2100.0
"""Grid2Op on lightsim2grid, case118, as its documentation says."""


def bench_twin(out: Path | None = None) -> list[BenchFigure]:
    """Figures of a day, a week and of grids of many sizes; ``out``: folder for the plot of the last."""
    say("a simulated day and week of IEEE 118 with Micropolis, two minutes")
    figures = [*_day_and_week(), _encoded_day(), _start()]
    say("the grid alone")
    figures.append(_grid_only())
    say("grids from 14 to 9241 buses")
    points = scaling.measure()
    if out is not None:
        scaling.plot(points, out / "scan_cost.html")
    return [*figures, *scaling.figures(points)]


def _scenario(duration_s: float) -> Scenario:
    flagship = load_scenario("flagship")
    general = msgspec.structs.replace(flagship.scenario, duration_s=duration_s, start="2025-07-15T00:00:00")
    return msgspec.structs.replace(flagship, scenario=general, attack=())


def _day_and_week() -> list[BenchFigure]:
    """The loop without encoding for a day beside the bare solvers, then on to a week for its memory."""
    scenario = _scenario(WEEK_DAYS * DAY_S)
    day = round(DAY_S / scenario.scenario.exchange_s)
    loop = DirectLoop(scenario.plant_settings(attacked=False))
    steps: list[GridStep] = []
    grid = loop.plant.grid
    loop.run(round(WARM_UP_S / scenario.scenario.exchange_s))

    def record() -> None:
        steps.append(
            GridStep(grid.load_served_mw.copy(), grid.load_demand_mvar.copy(), grid.unit_power_mw.copy())
        )

    with Stopwatch(highspy.Highs, "run") as dispatch, Stopwatch(Estimator, "estimate") as estimation:
        started = time.process_time()
        loop.run(day)
        cpu_s = time.process_time() - started
    loop.run(500, record)
    case = load_case(scenario.grid.network)
    flow_s = bare_power_flow_s(case, case.unit_inertia_s * case.unit_p_max_mw, steps) * day / len(steps)
    water_s = _bare_water_s(scenario)
    bare_s = flow_s + water_s + dispatch.seconds + estimation.seconds
    memory = [resident_mb()]
    for _ in range(WEEK_DAYS - 1):
        loop.run(day)
        memory.append(resident_mb())
    loop.close()
    return [
        beside("a simulated day without encoding, CPU time", cpu_s, "s", "solvers alone, s", bare_s),
        BenchFigure("of the solvers alone: power flow", flow_s, "s"),
        BenchFigure("of the solvers alone: EPANET", water_s, "s"),
        BenchFigure("of the solvers alone: dispatch (HiGHS)", dispatch.seconds, "s"),
        BenchFigure("of the solvers alone: state estimation", estimation.seconds, "s"),
        beside("resident memory after a week", memory[-1], "MB", "1 GB", GIGABYTE_MB),
        BenchFigure(
            "growth of memory after the second day",
            (memory[-1] - memory[SETTLED_DAYS - 1]) / (WEEK_DAYS - SETTLED_DAYS),
            "MB per day",
        ),
    ]


def _bare_water_s(scenario: Scenario) -> float:
    """EPANET alone for a day, on the twin's demand."""
    general, step_s = scenario.scenario, scenario.water.hydraulic_step_s
    start = datetime.fromisoformat(general.start)
    demand = WaterDemand(general.seed, start, step_s, scenario.nature.seasonal)
    factors = [demand.at(step) for step in range(round(DAY_S / step_s))]
    return bare_epanet_s(find_inp(scenario.water.network), round(step_s), factors)


def _encoded_day() -> BenchFigure:
    scenario = _scenario(DAY_S)
    bus = EmbeddedBus()
    bus.declare(topics_of("bench"))
    roles: list[Role] = [PlantRole(scenario.plant_settings(attacked=False)), ControlRole()]
    participants = [
        Participant(role, bus, "bench", writers(roles), scenario.scenario.exchange_s) for role in roles
    ]
    started = time.process_time()
    run_lockstep(participants, scenario.exchanges + 1)
    return BenchFigure("a simulated day with encoding, CPU time", time.process_time() - started, "s")


def _start() -> BenchFigure:
    settings = _scenario(DAY_S).plant_settings(attacked=False)
    started = time.perf_counter()
    Plant(settings).close()
    return BenchFigure("start of the plant, networks cached", time.perf_counter() - started, "s")


def _grid_only() -> BenchFigure:
    ours = grid_steps_per_s("ieee118", GRID_SCANS)
    peer = grid2op_steps_per_s()
    if peer is None:
        return beside(
            "grid only", ours, "steps/s", "Grid2Op, published steps/s (not run)", GRID2OP_STEPS_PER_S
        )
    name = f"Grid2Op {peer.environment}, steps/s"
    return beside("grid only", ours, "steps/s", name, peer.steps_per_s)
