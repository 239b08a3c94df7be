"""The grid in time: demand and set-points in, true voltages, flows, frequencies and what tripped out.

In calm one power flow closes each ``advance``. After anything acted, the compiled swing and the relays run
to the next trip, each at its own time, with a power flow after every change and at least every
``DynamicsSettings.resolve_s``.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from simulator.grid.case import GridCase
from simulator.grid.collapse import Demand, blackout, relieve
from simulator.grid.dynamics import FrequencyDynamics
from simulator.grid.events import EventLog, GridEvent
from simulator.grid.feeders import BLOCKS, ShedCause
from simulator.grid.powerflow import DEAD, PowerFlow
from simulator.grid.protection import DynamicsSettings, ProtectionSettings
from simulator.grid.relays import LowRelays, OverloadRelays
from simulator.grid.state import GridState
from streams.errors import BadInput

Floats = NDArray[np.float64]
Index = NDArray[np.int64]

MAX_RELIEFS = 20
SETTLE_ROUNDS = 4
# A remainder of time below this would be a power flow of its own for nothing.
SAME_INSTANT_S = 1e-9


class Grid(GridState):
    """One grid in motion; what can be read of it is in ``GridState``.

    t_s: how far it has come. lowest_frequency_hz: of any live island so far, seen before every power flow.
    lowest_voltage_pu (n,): at any power flow since the last ``advance`` began, its first state included.
    initial_dispatch_mw: (g,); losses are added by participation, so that the run starts in steady state with
    what was switched and set before the first ``advance``. Reactive limits of units are not enforced.
    Raises BadInput for settings or values that are not allowed.
    """

    def __init__(
        self,
        case: GridCase,
        initial_dispatch_mw: Floats,
        protection: ProtectionSettings | None = None,
        dynamics: DynamicsSettings | None = None,
    ) -> None:
        protection, settings = protection or ProtectionSettings(), dynamics or DynamicsSettings()
        protection.check()
        settings.check()
        motion = FrequencyDynamics(case, protection, settings)
        super().__init__(case, PowerFlow(case, motion.participation), motion)
        self._settings, self._uvls_steps = settings, protection.uvls_max_steps
        self._overload = OverloadRelays(len(case.branch_name), protection)
        self._uvls = LowRelays(len(case.load_bus), ((protection.uvls_pu, protection.uvls_delay_s),))
        self._unit_low = LowRelays(len(case.unit_name), protection.unit_low_pu)
        self._log = EventLog(case)
        self._calm_at_s = 0.0
        self.t_s = 0.0
        self.lowest_frequency_hz = case.nominal_hz
        self.lowest_voltage_pu: Floats = np.zeros(len(case.bus_name))
        self._demand_mvar: Floats = case.load_mvar.copy()
        self._started = False
        motion.settle(_checked("initial_dispatch_mw", initial_dispatch_mw, case.unit_p_max_mw))
        self._regroup(np.full(len(case.bus_name), case.nominal_hz))

    # Inputs

    def set_demand(self, load_mw: Floats, load_mvar: Floats) -> None:
        """Demand of every load (d,) at nominal frequency from now on; shed feeders stay open."""
        self.load_demand_mw = _checked("load_mw", load_mw, self._case.load_mw)
        self._demand_mvar = _checked("load_mvar", load_mvar, self._case.load_mw)

    def set_feeder_draw(self, load: int, block: int, mw: float) -> None:
        """Constant power on one feeder of a load (position) from now on, beside its share of the demand."""
        if not 0.0 <= mw < math.inf:
            raise BadInput(f"draw at load {load}", mw, "a finite number of MW, 0 or more")
        self.feeders.set_draw(load, block, mw)

    def set_setpoints(self, power_mw: Floats) -> None:
        """Set-points (g,) MW from now on, held to the units' limits; NaN keeps the last one."""
        wanted = np.asarray(power_mw, dtype=np.float64)
        units = self._dynamics.units
        if wanted.shape != units.setpoint.shape:
            raise BadInput("set-points shape", wanted.shape, str(units.setpoint.shape))
        given = ~np.isnan(wanted) & self._flow.unit_on
        # A set-point out of reach would wind the ramp up.
        units.setpoint[given] = np.clip(wanted, units.low, units.high)[given]

    def set_unit_limit(self, unit: int, p_max_mw: float) -> None:
        """Bound a unit's output, as a loss of cooling does; held between its minimum and its capacity."""
        if math.isnan(p_max_mw):
            raise BadInput(f"limit of {self._case.unit_name[unit]}", p_max_mw, "a number of MW")
        low, high = self._case.unit_p_min_mw[unit], self._case.unit_p_max_mw[unit]
        self._dynamics.units.high[unit] = min(max(p_max_mw, low), high)

    def fit_relays(
        self,
        branch_current: Floats,
        load_voltage: Floats,
        unit_voltage: Floats,
        load_frequency: Floats,
        unit_frequency: Floats,
    ) -> None:
        """Measured over true value of every relay: (l,), (d,), (g,), (d,), (g,); 1 without this."""
        self._overload.gain[:] = branch_current
        self._uvls.gain[:] = load_voltage
        self._unit_low.gain[:] = unit_voltage
        self._dynamics.loads.gain[:] = load_frequency
        self._dynamics.relays.gain[:] = unit_frequency
        self._measure()

    def open_branch(self, branch: int, cause: str) -> None:
        """Open a branch by hand, now; counts as a switching, not as a trip by a relay."""
        if self._flow.closed[branch]:
            self._flow.open_branch(branch)
            self._switched(branch, cause, closed=False)

    def close_branch(self, branch: int) -> None:
        """Close a branch, now; islands on its two sides meet at their inertia-weighted mean frequency.

        Loads that went dead with their part come back; what relays shed stays open.
        """
        if not self._flow.closed[branch]:
            self._flow.close_branch(branch)
            self._switched(branch, "closed", closed=True)

    def _switched(self, branch: int, cause: str, closed: bool) -> None:
        self._overload.reset(branch)
        self._log.switch(self.t_s, branch, cause, closed)
        self._disturbed()
        if self._started:
            self._solve()

    # Time

    def advance(self, until_s: float) -> list[GridEvent]:
        """Go on to ``until_s`` and return what happened since the last call, in order of time.

        Raises BadInput for a time in the past or without end.
        """
        if not self.t_s <= until_s < math.inf:
            raise BadInput("advance until_s", until_s, f"finite, from {self.t_s:g}")
        if not self._started:
            self._start()
        if self.t_s < until_s:
            np.copyto(self.lowest_voltage_pu, self.bus_voltage_pu)
        while self.t_s < until_s:
            self._run_to_next(until_s)
        return self._log.take()

    def _start(self) -> None:
        """Steady state at t = 0: units take the losses they have been left."""
        self._started = True
        self._solve()
        for _ in range(SETTLE_ROUNDS):
            self._dynamics.settle(self._dynamics.within_limits(self._flow.unit_mw))
            self._solve()

    def _run_to_next(self, until_s: float) -> None:
        """Sub-step to the next action or power flow, and solve."""
        self._dynamics.balance(self._connected_mw(), self._constant_mw())
        left = until_s - self.t_s
        span = min(left, self._settings.resolve_s) if self.t_s < self._calm_at_s else left
        relays = (self._overload.time_to_trip(), self._uvls.time_to_act(), self._unit_low.time_to_act())
        passed = self._dynamics.run(min(span, *relays))
        self.lowest_frequency_hz = min(self.lowest_frequency_hz, self._dynamics.lowest_hz())
        self.t_s = until_s if left - passed < SAME_INSTANT_S else self.t_s + passed
        acted = [relay.advance(passed) for relay in (self._overload, self._uvls, self._unit_low)]
        if any(acted) or self._dynamics.loads.acts.any() or self._dynamics.relays.trips.any():
            self._act()
        self._solve()

    def _constant_mw(self) -> Floats:
        """Per island what does not follow frequency: losses, and draws of single feeders."""
        constant = self._flow.island_losses_mw()
        for load, mw in self.feeders.connected_draws():
            constant[self._flow.bus_island[self._case.load_bus[load]]] += mw
        return constant

    def _act(self) -> None:
        """Carry out what the relays ordered at this instant."""
        self._disturbed()
        for i in np.flatnonzero(self._overload.trips & self._flow.closed):
            branch = int(i)
            self._log.line_trip(self.t_s, branch, self.branch_loading_pu[branch])
            self._flow.open_branch(branch)
            self._overload.reset(branch)
        for trips, cause in ((self._dynamics.relays.trips, "frequency"), (self._unit_low.acts, "voltage")):
            for i in np.flatnonzero(trips & self._flow.unit_on):
                self._trip_unit(int(i), cause)
        self._shed(np.flatnonzero(self._dynamics.loads.acts), 1, "ufls")
        self._shed(np.flatnonzero(self._uvls.acts), 1, "uvls")
        self._uvls.restart(self._uvls.acts)
        self._unit_low.restart(self._unit_low.acts)

    def trip_unit(self, unit: int, cause: str) -> None:
        """Take a unit off by its own protection, now, as a loss of cooling does; nothing where it is off."""
        if self._flow.unit_on[unit]:
            self._disturbed()
            self._trip_unit(unit, cause)
            if self._started:
                self._solve()

    def _trip_unit(self, unit: int, cause: str) -> None:
        self._log.generator_trip(self.t_s, unit, cause, self._flow.unit_mw[unit])
        self._flow.drop_unit(unit)

    def _shed(self, loads: Index, blocks: int, cause: ShedCause) -> None:
        opened = self.feeders.shed(loads, blocks, cause)
        self._log.load_shed(self.t_s, loads, opened, cause, self.load_demand_mw)

    def _disturbed(self) -> None:
        self._calm_at_s = self.t_s + self._settings.calm_after_s

    # Solving

    def _solve(self) -> None:
        """Power flow of every island; where there is none, relieve until there is."""
        reliefs = 0
        while failed := self._solve_once():
            # Giving an island up ends it, so that this loop ends too.
            self._relieve(failed[0], last=reliefs >= MAX_RELIEFS)
            reliefs += 1
        self._measure()

    def _solve_once(self) -> list[int]:
        """Follow the topology and solve; returns the islands without solution."""
        self._follow_topology()
        served, flow = self.feeders.served_share(), self._flow
        active_mw = self.load_demand_mw * served * self._dynamics.damping_factor(flow.bus_island)
        active_mw += self.feeders.draw_mw()
        attempts = flow.solve(active_mw, self._demand_mvar * served, self._dynamics.units.power)
        return [attempt.island for attempt in attempts if attempt.start == "none"]

    def _relieve(self, island: int, last: bool) -> None:
        """Shed, trip or give up what keeps an island from a solution; ``last``: give it up."""
        self._disturbed()
        flow, unit_mw = self._flow, self._dynamics.units.power.copy()
        self._log.no_solution(self.t_s, int(np.flatnonzero(flow.islands[island].bus)[0]), island)
        damping = self._dynamics.damping_factor(flow.bus_island)
        demand = Demand(self.load_demand_mw * damping, self._demand_mvar, unit_mw)
        if last:
            steps = [blackout(flow, island, self.feeders)]
        else:
            steps = relieve(self._case, flow, island, self.feeders, demand, self._uvls_steps)
        for step in steps:
            self._log.relief(self.t_s, step, self.load_demand_mw, unit_mw)

    def _follow_topology(self) -> None:
        """Rebuild islands after switching; frequencies, dead units and dead loads follow."""
        flow, dynamics = self._flow, self._dynamics
        if not flow.changed:
            return
        island, on, mw = flow.bus_island, flow.unit_on.copy(), flow.unit_mw.copy()
        bus_hz = dynamics.bus_hz(island)
        rebuilt = flow.update_topology()
        if rebuilt or dynamics.holds_off_units(flow.unit_on):
            self._regroup(bus_hz)
        if rebuilt and not np.array_equal(island, flow.bus_island):
            for unit in np.flatnonzero(on & ~flow.unit_on):
                self._log.generator_trip(self.t_s, int(unit), "island", mw[unit])
            self._log.islands(self.t_s, [int(solver.bus.sum()) for solver in flow.islands])

    def _regroup(self, bus_hz: Floats) -> None:
        """Frequencies by the islands as they are; loads of dead parts go, those of living ones come back."""
        self._dynamics.regroup(self._flow.bus_island, self._flow.unit_on, bus_hz)
        dead = self._flow.bus_island[self._case.load_bus] == DEAD
        self.feeders.restore(np.flatnonzero(~dead), "island")
        self._shed(np.flatnonzero(dead), BLOCKS, "island")

    def _measure(self) -> None:
        """Let relays see the new state."""
        case, flow = self._case, self._flow
        voltage = self.bus_voltage_pu
        np.minimum(self.lowest_voltage_pu, voltage, out=self.lowest_voltage_pu)
        steps_left = self.feeders.can_shed() & (self.feeders.opened_by("uvls") < self._uvls_steps)
        alive = flow.bus_island[case.load_bus] != DEAD
        self._overload.measure(self.branch_loading_pu)
        self._uvls.measure(voltage[case.load_bus], alive & steps_left)
        self._unit_low.measure(voltage[case.unit_bus], flow.unit_on)


def _checked(where: str, values: Floats, like: Floats) -> Floats:
    """A copy of ``values``. Raises BadInput unless it has the shape of ``like`` and is finite."""
    array = np.array(values, dtype=np.float64)
    if array.shape != like.shape:
        raise BadInput(f"{where} shape", array.shape, str(like.shape))
    if not np.isfinite(array).all():
        raise BadInput(where, float(array[~np.isfinite(array)][0]), "finite numbers")
    return array
