"""The true grid: power flow, frequency and protection between one scan and the next."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from simulator.grid.case import GridCase
from simulator.grid.collapse import Demand, relieve
from simulator.grid.dynamics import FrequencyDynamics
from simulator.grid.events import EventLog, GridEvent
from simulator.grid.feeders import BLOCKS, Feeders, ShedCause
from simulator.grid.powerflow import DEAD, Attempt, PowerFlow
from simulator.grid.protection import DynamicsSettings, ProtectionSettings
from simulator.grid.scheme import ProtectionScheme
from simulator.grid.state import GridState, checked, split_parts
from streams.errors import BadInput

Floats = NDArray[np.float64]
Index = NDArray[np.int64]
Flags = NDArray[np.bool_]

SETTLE_ROUNDS = 8
SETTLED_MW = 1e-4


class Grid(GridState):
    """The grid in motion; what can be read of it is in ``GridState``.

    Between two power flows currents and voltages are constant, frequency is not. In calm one ``advance`` is
    one power flow, at its end; after a disturbance there is one at every trip and at least one per
    ``DynamicsSettings.resolve_s``. Electrical output is mechanical power plus the unit's inertial share of
    the island's imbalance. Reactive limits of units are not enforced. Not thread-safe.
    """

    def __init__(
        self,
        case: GridCase,
        initial_dispatch_mw: Floats,
        protection: ProtectionSettings | None = None,
        dynamics: DynamicsSettings | None = None,
        load_mw: Floats | None = None,
        load_mvar: Floats | None = None,
    ) -> None:
        """Start in steady state at nominal frequency at t = 0.

        initial_dispatch_mw (g,): units make good the losses in proportion to their headroom.
        load_mw, load_mvar (d,): initial demand, that of the case by default.
        Raises BadInput for wrong lengths, non-finite values or settings out of range.
        """
        protection, dynamics = protection or ProtectionSettings(), dynamics or DynamicsSettings()
        protection.check()
        dynamics.check()
        self._settings = dynamics
        self._demand_mw = checked("load_mw", case.load_mw if load_mw is None else load_mw, case.load_mw)
        mvar = case.load_mvar if load_mvar is None else load_mvar
        self._demand_mvar = checked("load_mvar", mvar, case.load_mw)
        feeders, motion = Feeders(case.load_mw), FrequencyDynamics(case, protection, dynamics)
        super().__init__(case, PowerFlow(case, motion.participation), feeders, motion)
        self.relays = ProtectionScheme(case, protection)
        self._log = EventLog(case)
        self._disturbed_until_s = -math.inf
        self._motion.regroup(self._flow.bus_island, self._flow.unit_on, self._hz)
        self.settle(checked("initial_dispatch_mw", initial_dispatch_mw, case.unit_p_max_mw))

    # --- inputs -------------------------------------------------------------------------------------------

    def set_demand(self, load_mw: Floats, load_mvar: Floats) -> None:
        """Demand of every load (d,) at nominal frequency, MW and Mvar, from now on; shed feeders stay open.

        Raises BadInput for wrong lengths or non-finite values.
        """
        self._demand_mw = checked("load_mw", load_mw, self.case.load_mw)
        self._demand_mvar = checked("load_mvar", load_mvar, self.case.load_mw)

    def set_setpoints(self, power_mw: Floats) -> None:
        """Set-points of the units (g,), MW; NaN keeps the old one. Clipped to each unit's present limits.

        Raises BadInput for a wrong length or an infinite value.
        """
        wanted = np.asarray(power_mw, dtype=np.float64)
        units = self._motion.units
        if wanted.shape != units.setpoint.shape or np.isinf(wanted).any():
            raise BadInput("set-points", wanted.shape, f"{units.setpoint.shape}, finite or NaN")
        new = np.where(np.isnan(wanted), units.setpoint, np.clip(wanted, units.low, units.high))
        units.setpoint[:] = np.where(units.island >= 0, new, 0.0)

    def set_unit_limit(self, i: int, p_max_mw: float) -> None:
        """Derate unit i to ``p_max_mw`` (0 to its capacity): the governor takes it there at once."""
        case, units = self.case, self._motion.units
        units.high[i] = min(max(float(p_max_mw), 0.0), case.unit_p_max_mw[i])
        units.low[i] = min(case.unit_p_min_mw[i], units.high[i])
        units.setpoint[i] = min(units.setpoint[i], units.high[i])
        units.reference[i] = min(units.reference[i], units.high[i])

    def open_branch(self, i: int, cause: str) -> None:
        """Open branch i now; the event comes with the next ``advance``. No effect if open."""
        if self._flow.closed[i]:
            self._open(i, cause)
            self._solve_after_action()

    def close_branch(self, i: int) -> None:
        """Close branch i now, without a synchronism check. Shed load and dropped units do not come back."""
        if not self._flow.closed[i]:
            self.relays.overload.reset(i)
            self._flow.close_branch(i)
            self._solve_after_action()

    def trip_unit(self, i: int, cause: str) -> None:
        """Take unit i off now. No effect if off."""
        if self._flow.unit_on[i]:
            self._drop(i, cause)
            self._solve_after_action()

    def shed_load(self, bus_name: str, blocks: int, cause: ShedCause = "planned") -> float:
        """Open up to ``blocks`` feeders (of 20) at a bus now; returns MW of demand behind them.

        Raises BadInput for a bus without load.
        """
        loads = np.array([self.load_index(bus_name)])
        opened = self._shed(loads, blocks, cause)
        self._solve_after_action()
        return float(opened[0] * self._demand_mw[loads[0]] / BLOCKS)

    # --- time ---------------------------------------------------------------------------------------------

    def advance(self, until_s: float) -> list[GridEvent]:
        """Run to ``until_s``; returns what happened since the last call, each event at its own time.

        Raises BadInput where ``until_s`` lies in the past.
        """
        if not until_s >= self.t_s:
            raise BadInput("advance until_s", until_s, f"{self.t_s} or later")
        while self.t_s < until_s:
            self._segment(until_s)
        return self._log.take()

    def settle(self, unit_mw: Floats | None = None) -> None:
        """Put the grid in steady state at the present demand: units at ``unit_mw`` (g,) or as they are."""
        units = self._motion.units
        power = np.clip(self._flow.unit_mw if unit_mw is None else unit_mw, units.low, units.high)
        self._motion.settle(np.where(units.island >= 0, power, 0.0))
        for _ in range(SETTLE_ROUNDS):
            self._solve()
            missing = self._flow.unit_mw - units.power
            if np.abs(missing).sum() < SETTLED_MW:
                break
            self._motion.settle(self._shared(missing))

    def _shared(self, missing_mw: Floats) -> Floats:
        """Present mechanical power plus each island's missing MW, by headroom of its units."""
        units = self._motion.units
        power = units.power.copy()
        for k in range(self.n_islands):
            own = units.island == k
            gap = missing_mw[own].sum()
            room = (units.high - power)[own] if gap > 0.0 else (power - units.low)[own]
            if room.sum() > 0.0:
                power[own] += room * max(min(gap / room.sum(), 1.0), -1.0)
        return power

    def _segment(self, until_s: float) -> None:
        """To the next power flow: the first trip, the next one due while disturbed, or ``until_s``."""
        self._motion.balance(self._demand_mw * self._feeders.served_share(), self._losses_mw)
        self.relays.measure(self._flow, self.bus_voltage_pu, self._feeders)
        span = until_s - self.t_s
        if self.t_s < self._disturbed_until_s:
            span = min(span, self._settings.resolve_s)
        span = min(span, self.relays.time_to_act())
        elapsed = self._motion.run(span)
        reached = self.t_s + elapsed
        # Land on the scan exactly; a remainder below a nanosecond would be a segment of its own.
        self.t_s = until_s if until_s - reached < 1e-9 else reached
        self._log.t_s = self.t_s
        acted = self.relays.advance(elapsed)
        acted = bool(acted or self._motion.loads.acts.any() or self._motion.relays.trips.any())
        if acted:
            self._apply()
        self._solve()

    def _apply(self) -> None:
        """Do what the relays ordered at this instant: branches, units, then load."""
        self._disturbed_until_s = self.t_s + self._settings.calm_after_s
        relays, motion = self.relays, self._motion
        for i in np.flatnonzero(relays.overload.trips & self._flow.closed):
            self._open(int(i), "overload")
        for trips, cause in ((motion.relays.trips, "frequency"), (relays.unit_low.acts, "under_voltage")):
            for i in np.flatnonzero(trips & self._flow.unit_on):
                self._drop(int(i), cause)
        self._shed(np.flatnonzero(motion.loads.acts), 1, "ufls")
        self._shed(np.flatnonzero(relays.uvls.acts), 1, "uvls")
        relays.uvls.restart(relays.uvls.acts)

    def _open(self, i: int, cause: str) -> None:
        self._log.line_trip(i, cause, self._flow.flows.loading[i])
        self.relays.overload.reset(i)
        self._flow.open_branch(i)

    def _drop(self, i: int, cause: str) -> None:
        self._log.generator_trip(i, cause, self._flow.unit_mw[i])
        self._flow.drop_unit(i)

    def _shed(self, loads: Index, blocks: int, cause: ShedCause) -> Index:
        opened = self._feeders.shed(loads, blocks, cause)
        self._log.load_shed(loads, opened, cause, self._demand_mw)
        return opened

    def _solve_after_action(self) -> None:
        self._disturbed_until_s = self.t_s + self._settings.calm_after_s
        self._log.t_s = self.t_s
        self._solve()

    # --- power flow ---------------------------------------------------------------------------------------

    def _solve(self) -> None:
        """Power flow of every island; relieves those without a solution until all have one or are dead."""
        while True:
            self._follow_topology()
            served = self._feeders.served_share()
            active = self._demand_mw * served * self._motion.damping_factor(self._flow.bus_island)
            attempts = self._flow.solve(active, self._demand_mvar * served, self._motion.units.power)
            self.n_solves += 1
            if not self._relieved(attempts):
                break
        self._losses_mw = self._flow.island_losses_mw()
        energised = self._flow.bus_island[self.case.load_bus] != DEAD
        self._take_solution(
            np.where(energised, active, 0.0), np.where(energised, self._demand_mvar * served, 0.0)
        )

    def _relieved(self, attempts: list[Attempt]) -> bool:
        """Report other than warm starts; relieve islands without solution. True if there was one."""
        failed = False
        for attempt in attempts:
            if attempt.start == "warm":
                continue
            bus = int(np.flatnonzero(self._flow.islands[attempt.island].bus)[0])
            self._log.solver(bus, attempt.start)
            if attempt.start == "none":
                failed = True
                self._relieve(attempt.island)
        return failed

    def _relieve(self, island: int) -> None:
        self._disturbed_until_s = self.t_s + self._settings.calm_after_s
        power = self._motion.units.power
        demand = Demand(self._demand_mw, self._demand_mvar, power)
        for step in relieve(self.case, self._flow, island, self._feeders, demand, self.relays.uvls_max_steps):
            self._log.relief(step, self._demand_mw, power)

    def _follow_topology(self) -> None:
        """Rebuild islands after switching; load and frequency follow."""
        before = self._flow.bus_island.copy()
        hz = self._motion.bus_hz(before)
        rebuilt = self._flow.update_topology()
        if rebuilt:
            for part in split_parts(before, self._flow.bus_island, self._flow.raw_part):
                self._log.island(part.first_bus, part.alive, part.n_buses)
            dead = np.flatnonzero(self._flow.bus_island[self.case.load_bus] == DEAD)
            self._shed(dead, BLOCKS, "island")
        if rebuilt or (self._motion.units.island >= 0).sum() != self._flow.sources_on():
            self._motion.regroup(self._flow.bus_island, self._flow.unit_on, hz)
