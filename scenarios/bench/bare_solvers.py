"""The solvers alone, on the networks and steps of the twin: what no twin on them can undercut."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.grid.case import GridCase
from simulator.grid.model import UnitModes, build_model
from simulator.grid.solver import MAX_ITERATIONS, TOLERANCE_PU

Floats = NDArray[np.float64]


class GridStep(NamedTuple):
    """Inputs of one power flow: demand (d,) and unit powers (g,)."""

    load_mw: Floats
    load_mvar: Floats
    unit_mw: Floats


def bare_power_flow_s(case: GridCase, participation: Floats, steps: Sequence[GridStep]) -> float:
    """CPU seconds of lightsim2grid alone: loads and units in, one warm power flow a step."""
    model = build_model(case, UnitModes.of(case, limited=False))
    for unit in np.flatnonzero(participation > 0.0):
        model.add_gen_slackbus(int(unit), float(participation[unit]))
    loads, units = np.ones(len(case.load_bus), dtype=bool), np.ones(len(case.unit_name), dtype=bool)
    voltage = case.bus_printed_pu.copy()
    started = time.process_time()
    for step in steps:
        model.update_loads_p(loads, step.load_mw.astype(np.float32))
        model.update_loads_q(loads, step.load_mvar.astype(np.float32))
        model.update_gens_p(units, step.unit_mw.astype(np.float32))
        voltage = model.ac_pf(voltage, MAX_ITERATIONS, TOLERANCE_PU)
        if not len(voltage):
            raise AssertionError("the bare power flow of a calm day has a solution at every step")
    return time.process_time() - started


def bare_epanet_s(path: Path, step_s: int, factors: Sequence[float]) -> float:
    """CPU seconds of EPANET alone with its own controls and pressure-driven demand, a step for each demand
    factor; heads, demands and flows are read in bulk each step."""
    from epanet import toolkit as en

    from simulator.water.engine import depend_on_pressure
    from simulator.water.project import close_project, open_project

    project = open_project(path)
    try:
        depend_on_pressure(project)
        en.setstatusreport(project, en.NO_REPORT)
        en.settimeparam(project, en.DURATION, (len(factors) + 1) * step_s)
        en.settimeparam(project, en.HYDSTEP, step_s)
        buffer = en.doubleArray(max(en.getcount(project, en.NODECOUNT), en.getcount(project, en.LINKCOUNT)))
        en.initH(project, en.INITFLOW)
        started = time.process_time()
        for factor in factors:
            en.setoption(project, en.DEMANDMULT, factor)
            with warnings.catch_warnings(action="ignore"):
                en.runH(project)
            en.getnodevalues(project, en.HEAD, buffer)
            en.getnodevalues(project, en.DEMAND, buffer)
            en.getlinkvalues(project, en.FLOW, buffer)
            en.nextH(project)
        return time.process_time() - started
    finally:
        close_project(project)


class Stopwatch(AbstractContextManager["Stopwatch"]):
    """While active, adds up the CPU time inside one method of a class, in ``seconds``."""

    def __init__(self, owner: type, method: str) -> None:
        self._owner, self._method = owner, method
        self._original: Callable[..., Any] = getattr(owner, method)
        self.seconds = 0.0

    def __enter__(self) -> Stopwatch:
        original = self._original

        def timed(*arguments: Any, **options: Any) -> Any:
            started = time.process_time()
            try:
                return original(*arguments, **options)
            finally:
                self.seconds += time.process_time() - started

        setattr(self._owner, self._method, timed)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        setattr(self._owner, self._method, self._original)
