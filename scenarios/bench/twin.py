"""A simulated day of IEEE 118 with Micropolis at 4 s scans, with telemetry and control, without detector.

Measured in CPU time: on a shared machine wall time says more of the neighbours.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec

from scenarios.bench.figure import BenchFigure, beside
from scenarios.scenario import Scenario, load_scenario
from simulator.control.role import ControlRole
from simulator.grid.solver import IslandSolver
from simulator.plant_role import PlantRole
from simulator.water.engine import Engine
from streams.bus import topics_of
from streams.embedded import EmbeddedBus
from streams.lockstep import Participant, run_lockstep, writers
from streams.role import Role

DAY_S = 86_400.0
WARM_UP_S = 600.0
GRID2OP_STEPS_PER_S = 2100.0
"""Grid2Op on lightsim2grid, case118, as its documentation says; not measured here."""


def bench_twin() -> list[BenchFigure]:
    """CPU seconds of the day, scans per second, and the share of it inside the two solvers."""
    _run(_scenario(WARM_UP_S))
    spent = _SolverTime()
    started = time.process_time()
    with spent:
        _run(_scenario(DAY_S))
    cpu_s = time.process_time() - started
    scans = DAY_S / 4.0
    return [
        BenchFigure("a simulated day, CPU time", cpu_s, "s"),
        beside("scans", scans / cpu_s, "scans/s", "Grid2Op's published steps/s", GRID2OP_STEPS_PER_S),
        BenchFigure("share in the power-flow solver", 100.0 * spent.grid_s / cpu_s, "%"),
        BenchFigure("share in EPANET", 100.0 * spent.water_s / cpu_s, "%"),
    ]


def _scenario(duration_s: float) -> Scenario:
    flagship = load_scenario("flagship")
    general = msgspec.structs.replace(flagship.scenario, duration_s=duration_s, start="2025-07-15T00:00:00")
    return msgspec.structs.replace(flagship, scenario=general, attack=())


def _run(scenario: Scenario) -> None:
    bus = EmbeddedBus()
    bus.declare(topics_of("bench"))
    roles: list[Role] = [PlantRole(scenario.plant_settings(attacked=False)), ControlRole()]
    expected = writers(roles)
    exchange_s = scenario.scenario.exchange_s
    participants = [Participant(role, bus, "bench", expected, exchange_s) for role in roles]
    run_lockstep(participants, scenario.exchanges + 1)


class _SolverTime:
    """While active, adds up the CPU time inside the power-flow solver and EPANET."""

    def __init__(self) -> None:
        self.grid_s = 0.0
        self.water_s = 0.0
        self._originals = (IslandSolver.solve, Engine.solve)

    def __enter__(self) -> None:
        IslandSolver.solve = self._timed(IslandSolver.solve, "grid_s")  # type: ignore[method-assign]
        Engine.solve = self._timed(Engine.solve, "water_s")  # type: ignore[method-assign]

    def __exit__(self, *_: object) -> None:
        IslandSolver.solve, Engine.solve = self._originals  # type: ignore[method-assign]

    def _timed(self, method: Callable[..., Any], total: str) -> Any:
        def timed(*arguments: Any, **options: Any) -> Any:
            started = time.process_time()
            try:
                return method(*arguments, **options)
            finally:
                setattr(self, total, getattr(self, total) + time.process_time() - started)

        return timed
