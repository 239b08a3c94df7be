"""The water network in time: tanks fill and empty, pumps follow their orders and their supply.

Flows are solved on a grid of hydraulic steps, at once when a pump or its supply changes, and when a
tank runs empty; between solutions they are constant and volumes move along straight lines. What the
arrays show at time t is therefore what flowed in the interval that ended at t.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from simulator.water.engine import Bools, Engine, NoSolutionError, Solution
from simulator.water.layout import DAY_S, Floats, Layout
from simulator.water.network import find_inp
from simulator.water.readings import Readings
from simulator.water.sealing import solve_sealed
from simulator.water.state import State, dead, derive
from simulator.water.storage import Storage
from streams.errors import BadInput
from streams.messages import EventKind


class WaterEvent(NamedTuple):
    """Something that happened at ``t_s``; the plant adds producer and exchange."""

    t_s: float
    kind: EventKind
    element: str
    cause: str
    value: float
    unit: str


class Water(Readings):
    """A water network under way.

    network: catalogue name or INP path. hydraulic_step_s: more than 0, at most 60.
    start_clock_s: clock time of t = 0, seconds of the day; the INP's patterns start there, its tanks
    at their initial levels. Raises BadInput on a network or step that cannot be used.

    ``Readings`` names what can be read: flows and pressures of the interval that ended at ``t_s``, levels at
    ``t_s``. Accumulators since t = 0:
    water_not_delivered_m3: asked for by customers (the INP's demands) and not delivered;
    low_pressure_node_hours: hours times junctions with demand whose pressure is below 20 psi;
    supplied_m3: net from reservoirs; delivered_m3: to junctions, extra demand included;
    leaked_m3: through the INP's emitters. contaminant is None: water quality is not simulated.
    """

    contaminant: None = None

    def __init__(self, network: str, hydraulic_step_s: float = 60.0, start_clock_s: float = 0.0) -> None:
        if not 0.0 < hydraulic_step_s <= 60.0:
            raise BadInput("water.hydraulic_step_s", hydraulic_step_s, "more than 0, at most 60")
        self._engine = Engine(find_inp(network))
        self.layout: Layout = self._engine.layout
        self._step_s = hydraulic_step_s
        self._start_s = (start_clock_s - self.layout.clock_start_s) % DAY_S
        self._storage = Storage(self.layout.tanks, self.layout.tank_initial_m)
        self._ordered: Bools = self.layout.link_open.copy()
        self._setting: Floats = self.layout.link_setting.copy()
        self._alive: Bools = np.ones(len(self.layout.pumps), dtype=np.bool_)
        self._factor: float | Floats = 1.0
        self._factor_changed = self._per_node = False
        self._extra_m3h: dict[int, float] = {}
        self._node_index = {name: i for i, name in enumerate(self.layout.node_names)}
        self._link_index = {name: i for i, name in enumerate(self.layout.link_names)}
        self._events: list[WaterEvent] = []
        self._troubled = False
        self.t_s = 0.0
        self.water_not_delivered_m3 = self.low_pressure_node_hours = 0.0
        self.supplied_m3 = self.delivered_m3 = self.leaked_m3 = 0.0
        try:
            self._first_solve()
        except NoSolutionError as failure:
            self.close()
            raise BadInput("water.network", network, f"a network EPANET can solve ({failure})") from None
        # Inputs given before the first advance count from t = 0.
        self._stale, self._solved_k = True, -1

    def close(self) -> None:
        """Free EPANET's memory; safe to call twice."""
        self._engine.close()

    @property
    def link_open(self) -> Bools:
        """(links,) what is ordered open and, if a pump, supplied."""
        return self._link_open()

    # Inputs

    def set_pump(self, index: int, on: bool) -> None:
        """Order pump ``index`` (of ``layout.pump_names``) on or off; it runs only while it is supplied."""
        self._order(int(self.layout.pumps[index]), on)

    def set_link_open(self, name: str, is_open: bool) -> None:
        """Open or close a link by name, as a motor valve would. Raises KeyError."""
        self._order(self._link_index[name], is_open)

    def set_link_setting(self, name: str, setting: float) -> None:
        """Set a pump's relative speed (more than 0) or a valve's setting in the INP's unit; NaN: none.

        It holds while the link is open; a valve without a setting is open for good. Raises KeyError.
        """
        link = self._link_index[name]
        if not np.array_equal(self._setting[link], setting, equal_nan=True):
            self._setting[link] = setting
            self._engine.set_setting(link, setting)
            self._stale = True

    def _order(self, link: int, is_open: bool) -> None:
        if bool(self._ordered[link]) != is_open:
            self._ordered[link] = is_open
            self._stale = True

    def set_pump_supply(self, index: int, alive: bool, at_s: float = 0.0) -> None:
        """Say whether pump ``index`` has electricity; a change is an event, for an idle pump too.

        at_s: when it changed; the network goes on to there first if it is behind.
        """
        if bool(self._alive[index]) == alive:
            return
        self._run(at_s)
        self._alive[index] = alive
        self._stale = True
        flow = float(self.pump_flow_m3h[index])
        kind: EventKind = "pump_back" if alive else "pump_lost"
        self._event(kind, self.layout.pump_names[index], "supply", flow, "m3/h")

    def set_demand_factor(self, factor: float | Floats) -> None:
        """Scale the INP's demands by one number or by (nodes,) numbers, from the next hydraulic step on.

        Raises ValueError if a factor is negative or not finite.
        """
        if not (np.isfinite(factor).all() and np.greater_equal(factor, 0.0).all()):
            raise ValueError(f"demand factor: {factor!r} is not allowed; allowed: finite, at least 0")
        self._factor, self._factor_changed = factor, True

    def set_extra_demand(self, node: str, m3h: float) -> None:
        """Let junction ``node`` draw ``m3h`` more, from the next hydraulic step on (a power plant's cooling).

        Raises BadInput if the node is no junction, ValueError if the demand is negative or not finite.
        """
        index = self._node_index.get(node, -1)
        if index not in self.layout.junctions:
            raise BadInput("water.cooling_node", node, f"a junction of {self.layout.path.name}")
        if not (math.isfinite(m3h) and m3h >= 0.0):
            raise ValueError(f"extra demand: {m3h!r} is not allowed; allowed: finite, at least 0")
        self._extra_m3h[index] = m3h

    # Time

    def advance(self, until_s: float) -> list[WaterEvent]:
        """Go on to ``until_s``; returns what happened since the last call, in order of time."""
        self._run(until_s)
        events, self._events = self._events, []
        return events

    def _run(self, until_s: float) -> None:
        while self.t_s < until_s:
            k = math.floor(self.t_s / self._step_s + 1e-9)
            on_grid = k != self._solved_k
            if on_grid or self._stale:
                self._solve(new_inputs=on_grid, refill=True)
                self._solved_k = k
            self._move(min(until_s, (k + 1) * self._step_s))

    def _move(self, end_s: float) -> None:
        """Let the present flows act to ``end_s``, or until a tank reaches a limit if that is earlier."""
        inflow = self.state.tank_inflow_m3h
        horizon_s = self._storage.horizon_s(inflow)
        seconds = min(end_s - self.t_s, horizon_s)
        emptied, filled = self._storage.move(inflow, seconds)
        self._count(seconds / 3600.0)
        self.t_s = end_s if seconds >= end_s - self.t_s else self.t_s + seconds
        for tank in emptied:
            self._tank_event("tank_empty", tank)
        for tank in filled:
            self._tank_event("tank_full", tank)
        if (self._storage.dry & (inflow < 0.0)).any():
            # Refilling waits for the next step: two small tanks feeding each other would never end.
            self._solve(new_inputs=False, refill=False)

    def _count(self, hours: float) -> None:
        state = self.state
        missing = np.maximum(state.node_demand_m3h - state.node_delivered_m3h, 0.0)
        for node, extra in self._applied_extra.items():
            asked = state.node_demand_m3h[node]
            missing[node] *= 1.0 - min(extra / asked, 1.0) if asked > 0.0 else 0.0
        self.water_not_delivered_m3 += float(missing.sum()) * hours
        self.low_pressure_node_hours += state.customers_without_pressure * hours
        self.supplied_m3 += state.supplied_m3h * hours
        self.delivered_m3 += state.delivered_m3h * hours
        self.leaked_m3 += state.leaked_m3h * hours

    # Solving

    def _first_solve(self) -> None:
        self._applied_extra: dict[int, float] = {}
        link_open = self._link_open()
        dry = self._storage.dry
        self._solution, used = solve_sealed(
            self._engine, self._start_s, self._storage.level_m, link_open, dry, refill=True
        )
        self.state: State = derive(self.layout, self._solution, used, dry)

    def _solve(self, new_inputs: bool, refill: bool) -> None:
        if new_inputs:
            self._apply_demands()
        link_open, dry = self._link_open(), self._storage.dry
        self._stale = False
        try:
            self._solution, used = self._solve_twice(link_open, dry, refill)
            self._trouble("" if self._solution.converged else "not converged")
        except NoSolutionError as failure:
            self._solution, used = dead(self.layout, self._solution), link_open
            self._trouble(f"nothing flows: {failure}")
        self.state = derive(self.layout, self._solution, used, dry)

    def _solve_twice(self, link_open: Bools, dry: Bools, refill: bool) -> tuple[Solution, Bools]:
        """Solve from the last flows; where that leads nowhere, as it may after a blackout, start flat."""
        # The nudge keeps a time that is a hair short of a pattern's full hour on the right side of it.
        arguments = (
            self._engine,
            self._start_s + self.t_s + 1e-6,
            self._storage.level_m,
            link_open,
            dry,
            refill,
        )
        try:
            solution, used = solve_sealed(*arguments)
            if solution.converged:
                return solution, used
        except NoSolutionError:
            pass
        self._engine.restart()
        return solve_sealed(*arguments)

    def _apply_demands(self) -> None:
        if self._factor_changed:
            per_node = isinstance(self._factor, np.ndarray)
            if per_node or self._per_node:
                factors = self._factor if per_node else 1.0
                self._engine.set_node_factors(np.broadcast_to(factors, len(self.layout.node_names)))
            self._engine.set_demand(1.0 if per_node else float(self._factor))
            self._per_node, self._factor_changed = per_node, False
        for node, m3h in self._extra_m3h.items():
            if self._applied_extra.get(node) != m3h:
                self._engine.set_extra_demand(node, m3h)
                self._applied_extra[node] = m3h

    def _link_open(self) -> Bools:
        result = self._ordered.copy()
        result[self.layout.pumps] &= self._alive
        return result

    def _trouble(self, cause: str) -> None:
        """Report the solver once when its trouble begins, not at every step of it."""
        if cause and not self._troubled:
            name = self.layout.path.stem
            self._event("solver", name, cause, self._solution.relative_error, "relative flow change")
        self._troubled = bool(cause)

    def _tank_event(self, kind: EventKind, tank: int) -> None:
        level = float(self._storage.level_m[tank])
        self._event(kind, self.layout.tank_names[tank], "level", level, "m")

    def _event(self, kind: EventKind, element: str, cause: str, value: float, unit: str) -> None:
        self._events.append(WaterEvent(self.t_s, kind, element, cause, value, unit))
