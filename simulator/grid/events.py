"""What happened in the grid, as events with their own time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.grid.case import GridCase
from simulator.grid.collapse import Relief
from simulator.grid.feeders import BLOCK_SHARE
from streams.messages import EventKind

Floats = NDArray[np.float64]
Index = NDArray[np.int64]
Flags = NDArray[np.bool_]


class GridEvent(NamedTuple):
    """Something that happened at ``t_s``; the plant adds producer and exchange.

    switch: by hand or fault; a branch with value 1 closed, 0 open; a started unit, value 1 on; a bus with
    value the feeders restored, negative those kept open while it is dead. line_trip: by a relay, loading in
    pu of rating; cause overload, or energising where the live part could not bear the dead one.
    generator_trip: MW lost; cause frequency, voltage, cooling, fault, out_of_step, blackout or island (its
    part of the grid died). field_forced: a unit gives more than its reactive limit for a short time, by so
    many Mvar at its beginning. load_shed: MW at this bus, cause as in ``ShedCause``. island: how many live
    islands there are now, value the buses of the largest. solver: no power flow solution in the island
    of this bus. voltage_collapse: MW lost in the pocket (cause collapse) or island (blackout) around this
    bus, each bus of which has its load_shed too.
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

    def take(self) -> list[GridEvent]:
        """Events since the last call, in order of time."""
        events, self._events = self._events, []
        return events

    def _add(self, t_s: float, kind: EventKind, element: str, cause: str, value: float, unit: str) -> None:
        self._events.append(GridEvent(t_s, kind, element, cause, float(value), unit))

    def switch(self, t_s: float, branch: int, cause: str, closed: bool) -> None:
        """Branch opened or closed by hand."""
        self._add(t_s, "switch", self._case.branch_name[branch], cause, closed, "closed")

    def unit_started(self, t_s: float, unit: int) -> None:
        """Unit put on by order."""
        self._add(t_s, "switch", self._case.unit_name[unit], "started", 1.0, "on")

    def feeders(self, t_s: float, load: int, cause: str, closed: int) -> None:
        """Feeders of a load restored by order, or (negative) kept open for when supply returns."""
        bus = self._case.bus_name[self._case.load_bus[load]]
        self._add(t_s, "switch", bus, cause, closed, "feeders")

    def line_trip(self, t_s: float, branch: int, loading_pu: float, cause: str) -> None:
        """Branch opened by a relay at this loading."""
        self._add(t_s, "line_trip", self._case.branch_name[branch], cause, loading_pu, "pu of rating")

    def generator_trip(self, t_s: float, unit: int, cause: str, lost_mw: float) -> None:
        """Unit off that gave ``lost_mw``."""
        self._add(t_s, "generator_trip", self._case.unit_name[unit], cause, lost_mw, "MW")

    def field_forced(self, t_s: float, unit: int, over_mvar: float) -> None:
        """Unit begins to give this much more than its upper reactive limit."""
        self._add(
            t_s, "field_forced", self._case.unit_name[unit], "no solution within limits", over_mvar, "Mvar"
        )

    def load_shed(self, t_s: float, loads: Index, blocks: Index, cause: str, demand_mw: Floats) -> None:
        """``blocks`` feeders opened at each of ``loads``; one event per bus that lost any."""
        for load, count in zip(loads, blocks, strict=True):
            if count:
                bus = self._case.bus_name[self._case.load_bus[load]]
                self._add(t_s, "load_shed", bus, cause, count * BLOCK_SHARE * demand_mw[load], "MW")

    def islands(self, t_s: float, n_buses: Sequence[int]) -> None:
        """There are islands of these sizes now."""
        name = "1 island" if len(n_buses) == 1 else f"{len(n_buses)} islands"
        self._add(t_s, "island", name, "topology", max(n_buses, default=0), "buses")

    def no_solution(self, t_s: float, bus: int, island: int) -> None:
        """The power flow of the island that ``bus`` is in has no solution."""
        self._add(t_s, "solver", self._case.bus_name[bus], "no power flow solution", island, "island")

    def relief(self, t_s: float, step: Relief, demand_mw: Floats, unit_mw: Floats) -> None:
        """One step against a power flow without solution."""
        if step.kind in ("collapse", "blackout"):
            lost_mw = float((step.blocks * demand_mw[step.loads]).sum() * BLOCK_SHARE)
            self._add(t_s, "voltage_collapse", self._case.bus_name[step.bus], step.kind, lost_mw, "MW")
        self.load_shed(t_s, step.loads, step.blocks, step.cause, demand_mw)
        for unit in step.units:
            self.generator_trip(t_s, int(unit), step.kind, unit_mw[unit])
