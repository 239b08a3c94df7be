"""What happened in the grid, as events with their own time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.grid.case import GridCase
from simulator.grid.collapse import Relief
from simulator.grid.feeders import BLOCK_SHARE
from streams.messages import EventKind

Floats = NDArray[np.float64]
Index = NDArray[np.int64]


class GridEvent(NamedTuple):
    """kind: of ``streams.messages.EventKind``; element: name of a branch, unit or bus; value in ``unit``.

    line_trip: loading in pu of rating. generator_trip: MW lost. load_shed: MW at this bus, cause ufls, uvls,
    voltage_collapse, island or planned. island: a new part of the grid named by its first bus, cause live or
    dead, value its buses. voltage_collapse: MW of the pocket around this bus, each bus of which also has its
    load_shed. solver: power flow of the island of this bus found no solution from a warm start; cause says
    what did (flat, dc) or that nothing did (none).
    """

    t_s: float
    kind: EventKind
    element: str
    cause: str
    value: float
    unit: str


class EventLog:
    """Collects events until they are taken."""

    def __init__(self, case: GridCase) -> None:
        self._case = case
        self._events: list[GridEvent] = []
        self.t_s = 0.0

    def take(self) -> list[GridEvent]:
        """Events since the last call, in order of occurrence."""
        events, self._events = self._events, []
        return events

    def _add(self, kind: EventKind, element: str, cause: str, value: float, unit: str) -> None:
        self._events.append(GridEvent(self.t_s, kind, element, cause, float(value), unit))

    def line_trip(self, branch: int, cause: str, loading_pu: float) -> None:
        """Branch opened at this loading."""
        self._add("line_trip", self._case.branch_name[branch], cause, loading_pu, "pu")

    def generator_trip(self, unit: int, cause: str, lost_mw: float) -> None:
        """Unit off that gave ``lost_mw``; condensers are not reported."""
        if self._case.unit_p_max_mw[unit] > 0.0:
            self._add("generator_trip", self._case.unit_name[unit], cause, lost_mw, "MW")

    def load_shed(self, loads: Index, blocks: Index, cause: str, demand_mw: Floats) -> None:
        """``blocks`` feeders opened at each of ``loads``; one event per bus that lost any."""
        for load, count in zip(loads, blocks, strict=True):
            if count:
                name = self._case.bus_name[self._case.load_bus[load]]
                self._add("load_shed", name, cause, count * BLOCK_SHARE * demand_mw[load], "MW")

    def island(self, bus: int, alive: bool, n_buses: int) -> None:
        """A part split off."""
        self._add("island", self._case.bus_name[bus], "live" if alive else "dead", n_buses, "buses")

    def solver(self, bus: int, start: str) -> None:
        """The island that ``bus`` is in needed another start than a warm one."""
        self._add("solver", self._case.bus_name[bus], start, 1.0, "")

    def relief(self, step: Relief, demand_mw: Floats, unit_mw: Floats) -> None:
        """One step against a power flow without solution."""
        lost = float((step.blocks * BLOCK_SHARE * demand_mw[step.loads]).sum())
        if step.kind in ("collapse", "blackout"):
            self._add("voltage_collapse", self._case.bus_name[step.bus], step.kind, lost, "MW")
        self.load_shed(step.loads, step.blocks, step.cause, demand_mw)
        cause = "out_of_step" if step.kind == "out_of_step" else "voltage_collapse"
        for unit in step.units:
            self.generator_trip(int(unit), cause, unit_mw[unit])
