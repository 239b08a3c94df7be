"""The water network in time: tanks fill and empty, pumps follow their orders and their supply.

Flows are solved on a grid of hydraulic steps, at once when a pump or its supply changes, and when a
tank runs empty; between solutions they are constant and volumes move along straight lines. What the
arrays show at time t is therefore what flowed in the interval that ended at t.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from simulator.water.accounts import Accounts
from simulator.water.constituents import QualityPlan
from simulator.water.engine import Bools, Engine, NoSolutionError, Solution, still
from simulator.water.failures import Failures, WaterEvent, at_least_0
from simulator.water.layout import DAY_S, Floats, Layout
from simulator.water.network import find_inp
from simulator.water.orders import LinkOrders
from simulator.water.quality import Quality
from simulator.water.sealing import solve_sealed
from simulator.water.state import State, derive
from simulator.water.storage import Storage
from streams.errors import BadInput
from streams.messages import EventKind


class Water(Failures):
    """A water network under way.

    network: catalogue name or INP path. hydraulic_step_s: whole seconds that divide a minute.
    start_clock_s: clock time of t = 0, seconds of the day; the INP's patterns start there, its tanks
    at their initial levels. quality: what the water carries, None for nothing.
    patterns: a CSV file in place of the INP's patterns (``replace_patterns``), "" for none.
    Raises BadInput on a network, step or quality that cannot be used.

    ``Readings`` names what can be read: flows and pressures of the interval that ended at ``t_s``, levels at
    ``t_s``, and sums since t = 0.
    """

    def __init__(
        self,
        network: str,
        hydraulic_step_s: float = 60.0,
        start_clock_s: float = 0.0,
        quality: QualityPlan | None = None,
        patterns: str = "",
    ) -> None:
        if not (1.0 <= hydraulic_step_s <= 60.0 and 60.0 % hydraulic_step_s == 0.0 == hydraulic_step_s % 1.0):
            allowed = "whole seconds that divide 60 s: EPANET counts seconds, RTUs report each minute"
            raise BadInput("water.hydraulic_step_s", hydraulic_step_s, allowed)
        self._engine = Engine(find_inp(network), Path(patterns) if patterns else None)
        self.layout: Layout = self._engine.layout
        self._step_s = hydraulic_step_s
        self._start_s = (start_clock_s - self.layout.clock_start_s) % DAY_S
        self._storage = Storage(self.layout.tanks, self.layout.tank_initial_m)
        self._start_volume_m3 = self.tank_volume_m3
        self._orders = LinkOrders(self.layout)
        self._accounts = Accounts(len(self.layout.pumps))
        self._factor: float | Floats = 1.0
        self._factor_changed = self._per_node = False
        self._extra_m3h: dict[int, float] = {}
        self._node_index = {name: i for i, name in enumerate(self.layout.node_names)}
        self._link_index = {name: i for i, name in enumerate(self.layout.link_names)}
        self._is_junction: Bools = np.isin(np.arange(len(self.layout.node_names)), self.layout.junctions)
        self._events: list[WaterEvent] = []
        self._troubled = False
        self.t_s = 0.0
        try:
            self._quality = None if quality is None else self._engine.follow(quality, self._start_s)
            self._first_solve()
        except NoSolutionError as failure:
            self.close()
            raise BadInput("water.network", network, f"a network EPANET can solve ({failure})") from None
        except BadInput:
            self.close()
            raise
        # Inputs given before the first advance count from t = 0.
        self._stale, self._solved_k = True, -1

    def close(self) -> None:
        """Free EPANET's memory; safe to call twice."""
        self._engine.close()

    # Orders and demands

    def set_pump(self, index: int, on: bool) -> None:
        """Order pump ``index`` (of ``layout.pump_names``) on or off; it runs only while it is supplied."""
        self._stale |= self._orders.order(int(self.layout.pumps[index]), on)

    def set_link_open(self, name: str, is_open: bool) -> None:
        """Open or close a link by name, as a motor valve would. Raises KeyError."""
        self._stale |= self._orders.order(self._link_index[name], is_open)

    def set_link_setting(self, name: str, setting: float) -> None:
        """Set a pump's relative speed (more than 0) or a valve's setting in the INP's unit; NaN: none.

        It holds while the link is open; a valve without a setting is open for good. Raises KeyError.
        """
        link = self._link_index[name]
        if self._orders.set_setting(link, setting):
            self._engine.set_setting(link, setting)
            self._stale = True

    def set_pump_supply(self, index: int, alive: bool, at_s: float = 0.0, cause: str = "supply") -> None:
        """Say whether pump ``index`` has electricity; a change is an event, for an idle pump too.

        at_s: when it changed; the network goes on to there first if it is behind. cause: why.
        """
        if bool(self._orders.alive[index]) == alive:
            return
        self._run(at_s)
        self._orders.alive[index] = alive
        self._stale = True
        self._pump_event("pump_back" if alive else "pump_lost", index, cause)

    def set_demand_factor(self, factor: float | Floats) -> None:
        """Scale the INP's demands by one number or by (nodes,) numbers, from the next hydraulic step on.

        Raises ValueError if a factor is negative or not finite.
        """
        if isinstance(factor, np.ndarray):
            allowed = bool((np.isfinite(factor) & (factor >= 0.0)).all())
        else:
            allowed = 0.0 <= factor < math.inf
        if not allowed:
            raise ValueError(f"demand factor: {factor!r} is not allowed; allowed: finite, at least 0")
        self._factor, self._factor_changed = factor, True

    def set_extra_demand(self, node: str, m3h: float) -> None:
        """Let junction ``node`` draw ``m3h`` more, from the next hydraulic step on (a power plant's cooling).

        Raises BadInput if the node is no junction, ValueError if the demand is negative or not finite.
        """
        index = self._junction("water.cooling_node", node)
        self._extra_m3h[index] = at_least_0("extra demand", m3h)

    # Time

    def advance(self, until_s: float) -> list[WaterEvent]:
        """Go on to ``until_s``; returns what happened since the last call, in order of time."""
        self._run(until_s)
        events, self._events = self._events, []
        return events

    def settle(self) -> None:
        """Solve at once where something was switched at this instant, so that power and flows show it."""
        if self._stale:
            self._solve(new_inputs=False, refill=True)

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
        self._accounts.add(self.state, self._applied_extra, seconds / 3600.0)
        self.t_s = end_s if seconds >= end_s - self.t_s else self.t_s + seconds
        if self._quality is not None:
            self._carry(self._quality)
        for tank in emptied:
            self._tank_event("tank_empty", tank)
        for tank in filled:
            self._tank_event("tank_full", tank)
        if (self._storage.dry & (inflow < 0.0)).any():
            # Refilling waits for the next step: two small tanks feeding each other would never end.
            self._solve(new_inputs=False, refill=False)

    def _carry(self, quality: Quality) -> None:
        if self._solution.flow_m3h.any():
            quality.advance(self.t_s, self.state.node_delivered_m3h)
        else:
            quality.wait(self.t_s)

    # Solving

    def _first_solve(self) -> None:
        self._applied_extra: dict[int, float] = {}
        link_open, dry = self._orders.link_open(), self._storage.dry
        self._solution, used = solve_sealed(
            self._engine, self._start_s, self._storage.level_m, link_open, dry, refill=True
        )
        self.state: State = derive(self.layout, self._solution, used, dry)

    def _solve(self, new_inputs: bool, refill: bool) -> None:
        if new_inputs:
            self._apply_demands()
        link_open, dry = self._orders.link_open(), self._storage.dry
        self._stale = False
        try:
            self._solution, used = self._solve_twice(link_open, dry, refill)
            self._trouble("" if self._solution.converged else "not converged")
        except NoSolutionError as failure:
            last = self._solution
            self._solution = still(self.layout, last.requested_m3h, last.relative_error, converged=False)
            used = link_open
            self._trouble(f"nothing flows: {failure}")
        self.state = derive(self.layout, self._solution, used, dry)
        if self._quality is not None:
            self._quality.flows_changed(self._solution.flow_m3h)

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

    def _trouble(self, cause: str) -> None:
        """Report the solver once when its trouble begins, not at every step of it."""
        if cause and not self._troubled:
            name = self.layout.path.stem
            self._event("solver", name, cause, self._solution.relative_error, "relative flow change")
        self._troubled = bool(cause)

    def _tank_event(self, kind: EventKind, tank: int) -> None:
        level = float(self._storage.level_m[tank])
        self._event(kind, self.layout.tank_names[tank], "level", level, "m")
