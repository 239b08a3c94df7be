"""Every unit that draws its cooling water from the water network."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from simulator.coupling.cooling import CooledUnit, cooling_draw_m3h, pressure_fraction
from simulator.coupling.events import CouplingEvent
from simulator.grid.case import GridCase
from simulator.grid.grid import Grid
from simulator.settings import CoolingSettings
from simulator.water.state import State
from simulator.water.water import Water


class Coolings:
    """The cooled units of one plant; each draws from one of its ``replication`` districts its share."""

    def __init__(self, declared: Sequence[CoolingSettings], case: GridCase, grid: Grid, water: Water) -> None:
        self.declared, self._grid, self._water = declared, grid, water
        self._units = [case.unit_index(own.unit) for own in declared]
        self._p_max_mw = [float(case.unit_p_max_mw[unit]) for unit in self._units]
        pairs = zip(declared, self._p_max_mw, strict=True)
        self._states = [CooledUnit(own.technology, p_max_mw) for own, p_max_mw in pairs]
        self._lacking = [False] * len(declared)
        # The state of the water that all units have seen; None while one waits for its trip.
        self._seen: State | None = None
        self._lost_mw = 0.0
        for own in declared:
            water.set_extra_demand(own.node, 0.0)

    def draw(self) -> None:
        """Ask the water network for what every unit needs at its present output."""
        asked_m3h: dict[str, float] = defaultdict(float)
        for own, unit in zip(self.declared, self._units, strict=True):
            power_mw = float(self._grid.unit_power_mw[unit])
            asked_m3h[own.node] += cooling_draw_m3h(power_mw, own.technology, own.replication)
        for node, m3h in asked_m3h.items():
            self._water.set_extra_demand(node, m3h)

    def derate(self, t_s: float, events: list[CouplingEvent]) -> float:
        """Bound every unit by what its water sustains, trip those that lack it; returns the MW lost."""
        if self._water.state is self._seen:
            return self._lost_mw
        lost_mw = 0.0
        for n, (own, unit, state) in enumerate(zip(self.declared, self._units, self._states, strict=True)):
            trips = state.take(t_s, self._delivered_fraction(own.node))
            missing_mw = self._p_max_mw[n] - state.available_mw
            self._grid.set_unit_limit(unit, state.available_mw)
            if (missing_mw > 0.0) != self._lacking[n]:
                self._lacking[n] = missing_mw > 0.0
                cause = "cooling water lacks" if self._lacking[n] else "cooling water is back"
                events.append(CouplingEvent(t_s, "plant_derated", own.unit, cause, missing_mw, "MW"))
            if trips:
                self._grid.trip_unit(unit, "cooling")
            lost_mw += missing_mw
        waits = any(state.too_dry for state in self._states)
        self._lost_mw, self._seen = lost_mw, None if waits else self._water.state
        return lost_mw

    def too_dry(self, unit: int) -> bool:
        """Whether a unit (position) is cooled and lacks the water to run."""
        return unit in self._units and self._states[self._units.index(unit)].too_dry

    def _delivered_fraction(self, node: str) -> float:
        """Of what is asked at the connection; by pressure where nothing is."""
        asked_m3h = self._water.extra_asked_m3h(node)
        if asked_m3h > 0.0:
            return self._water.extra_delivered_m3h(node) / asked_m3h
        return pressure_fraction(self._water.pressure_m(node))
