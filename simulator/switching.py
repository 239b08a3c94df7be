"""Switching orders of the control centre, as they arrive at the stations, carried out on the grid."""

from __future__ import annotations

import math

from simulator.coupling.coolings import Coolings
from simulator.faults import Faults
from simulator.grid.case import GridCase
from simulator.grid.feeders import BLOCKS
from simulator.grid.grid import Grid
from streams.messages import Setpoint

SWITCHING = ("branch_closed", "unit_on", "feeders_closed")
CAUSE = "operator"
OUT_OF_ORDER = "out of order"
NO_WATER = "cooling water lacks"


class Switching:
    """Elements by name; what the grid refuses is answered with the reason."""

    def __init__(self, case: GridCase, grid: Grid, faults: Faults, coolings: Coolings) -> None:
        self._grid, self._faults, self._coolings = grid, faults, coolings
        self._branch = {name: i for i, name in enumerate(case.branch_name)}
        self._unit = {name: i for i, name in enumerate(case.unit_name)}
        self._load = {case.bus_name[b]: i for i, b in enumerate(case.load_bus)}

    def carry_out(self, order: Setpoint, value: float) -> str:
        """Act on one order of SWITCHING; returns "" or why not. NaN was lost on the way: nothing happens."""
        if math.isnan(value):
            return ""
        places = {"branch_closed": self._branch, "unit_on": self._unit}.get(order.quantity, self._load)
        if order.element not in places:
            return "no such element"
        place = places[order.element]
        if order.quantity == "branch_closed":
            return self._switch_branch(place, value > 0.5)
        if order.quantity == "unit_on":
            return self._start_unit(place) if value > 0.5 else ""
        return self._switch_feeders(place, min(max(round(value), 0), BLOCKS))

    def _switch_branch(self, branch: int, close: bool) -> str:
        if close:
            faulty = branch in self._faults.out_of_order
            return OUT_OF_ORDER if faulty else self._grid.close_branch(branch, CAUSE)
        self._grid.open_branch(branch, CAUSE)
        return ""

    def _start_unit(self, unit: int) -> str:
        if unit in self._faults.units_out_of_order:
            return OUT_OF_ORDER
        return NO_WATER if self._coolings.too_dry(unit) else self._grid.start_unit(unit)

    def _switch_feeders(self, load: int, wanted: int) -> str:
        change = wanted - int(self._grid.feeders_closed[load])
        if wanted == 0:
            # Also at a dead bus, so that its load does not come back with the voltage.
            self._grid.shed_load(load, BLOCKS)
        elif change < 0:
            self._grid.shed_load(load, -change)
        elif change > 0 and not self._grid.restore_load(load, change):
            return "no feeder could be closed"
        return ""
