"""A grid that is solved: power flow of every island, relief where there is none, relays that see it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from simulator.grid.case import GridCase
from simulator.grid.collapse import Demand, blackout, connected_mw, relieve, settled
from simulator.grid.dynamics import FrequencyDynamics
from simulator.grid.events import EventLog
from simulator.grid.feeders import BLOCKS, ShedCause
from simulator.grid.powerflow import DEAD, PowerFlow
from simulator.grid.protection import FIELD_COOLED_S, FORCING_S, DynamicsSettings, ProtectionSettings
from simulator.grid.relays import OverloadRelays, VoltageRelays, none_stirs
from simulator.grid.state import GridState

Floats = NDArray[np.float64]
Index = NDArray[np.int64]

MAX_RELIEFS = 20


class SolvedGrid(GridState):
    """Network, frequency and relays of one instant; ``Grid`` lets time pass. t_s: which instant."""

    def __init__(self, case: GridCase, protection: ProtectionSettings, settings: DynamicsSettings) -> None:
        motion = FrequencyDynamics(case, protection, settings)
        slack = case.bus_index(settings.slack_bus) if settings.slack_bus else -1
        super().__init__(case, PowerFlow(case, motion.participation, slack, settings.q_limits), motion)
        self._settings, self._protection = settings, protection
        self._overload = OverloadRelays(len(case.branch_name), protection)
        self._uvls = VoltageRelays(case.load_bus, ((protection.uvls_pu, protection.uvls_delay_s),))
        self._unit_voltage = VoltageRelays(
            case.unit_bus,
            protection.unit_low_pu,
            protection.unit_high_pu,
            np.maximum(case.unit_voltage_pu, 1.0),
        )
        self._unit_voltage.in_service = self._flow.unit_on
        self._log = EventLog(case)
        self._calm_at_s = 0.0
        # Seconds until the first overload or voltage relay acts if nothing changes.
        self._relay_s = math.inf
        self._feeder_changes = -1
        self._forced_from_s: Floats = np.full(len(case.unit_name), -np.inf)
        self._any_forced = False
        self._flow.may_force.fill(True)
        self.lowest_voltage_pu: Floats = np.zeros(len(case.bus_name))
        # Whether the present state is in that.
        self._lowest_noted = False
        self.t_s = 0.0

    def _disturbed(self) -> None:
        self._calm_at_s = self.t_s + self._settings.calm_after_s

    def _shed(self, loads: Index, blocks: int, cause: ShedCause) -> Index:
        opened = self.feeders.shed(loads, blocks, cause)
        self._log.load_shed(self.t_s, loads, opened, cause, self.load_demand_mw)
        return opened

    def _solve(self) -> None:
        """Power flow of every island; where there is none, relieve until there is."""
        reliefs = 0
        while failed := self._solve_once():
            # Giving an island up ends it, so that this loop ends too.
            self._relieve(failed[0], last=reliefs >= MAX_RELIEFS)
            reliefs += 1
        self._count_forcing()
        self._measure()

    def _solve_once(self) -> list[int]:
        """Follow the topology and solve; returns the islands without solution."""
        self._follow_topology()
        self._connect()
        if self._any_forced:
            forced_s = self.t_s - self._forced_from_s
            np.logical_or(forced_s < FORCING_S, forced_s >= FIELD_COOLED_S, out=self._flow.may_force)
        starts = self._flow.solve(self._active, self._reactive, self._dynamics.units.power)
        self._lowest_noted = False
        return [i for i, start in enumerate(starts) if start == "none"] if "none" in starts else []

    def _count_forcing(self) -> None:
        """Units that had to force their fields may do so for FORCING_S, and not again until they are cool."""
        if not self._flow.is_forcing:
            return
        forced, self._any_forced = self._flow.forced, True
        # The limits come back at their time.
        self._disturbed()
        for i in np.flatnonzero(forced & (self.t_s - self._forced_from_s >= FIELD_COOLED_S)):
            self._forced_from_s[i] = self.t_s
            over_mvar = self._flow.unit_mvar[i] - self._case.unit_q_max_mvar[i]
            self._log.field_forced(self.t_s, int(i), over_mvar)

    def _relieve(self, island: int, last: bool) -> None:
        """Shed, trip or give up what keeps an island from a solution; ``last``: give it up."""
        self._disturbed()
        flow, dynamics, unit_mw = self._flow, self._dynamics, self._dynamics.units.power.copy()
        solver = flow.islands[island]
        self._log.no_solution(self.t_s, int(np.flatnonzero(solver.bus)[0]), island)
        load_mw = self.load_demand_mw * dynamics.damping_factor(flow.bus_island)
        connected = connected_mw(solver, self.feeders, load_mw)
        demand = Demand(load_mw, self.load_demand_mvar, dynamics.governors(), connected)
        if last:
            steps = [blackout(flow, island, self.feeders)]
        else:
            steps = relieve(self._case, flow, island, self.feeders, demand, self._protection.uvls_max_steps)
        if flow.unit_on[solver.unit].any():
            dynamics.settle_island(island, *settled(solver, self.feeders, demand))
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
        if rebuilt or not dynamics.counts(flow.unit_on):
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
        if self.feeders.changes != self._feeder_changes:
            self._feeder_changes = self.feeders.changes
            alive = self._flow.bus_island[self._case.load_bus] != DEAD
            steps_left = self.feeders.opened_by("uvls") < self._protection.uvls_max_steps
            self._uvls.in_service[:] = alive & steps_left & self.feeders.can_shed()
        loading, voltage = self.branch_loading_pu, self.bus_voltage_pu
        if none_stirs(self._overload, self._uvls, self._unit_voltage, loading, voltage):
            self._relay_s = math.inf
            return
        self._relay_s = min(
            self._overload.measure(loading),
            self._uvls.measure(voltage),
            self._unit_voltage.measure(voltage),
        )
