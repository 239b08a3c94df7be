"""The grid in time: demand and set-points in, true voltages, flows, frequencies and what tripped out.

In calm one power flow closes each ``advance``. After anything acted, the compiled swing and the relays run
to the next trip, each at its own time, with a power flow after every change and at least every
``DynamicsSettings.resolve_s``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.grid.case import GridCase
from simulator.grid.collapse import Demand, Relief, relieve
from simulator.grid.dynamics import FrequencyDynamics
from simulator.grid.feeders import BLOCKS, Feeders, ShedCause
from simulator.grid.powerflow import DEAD, PowerFlow
from simulator.grid.protection import DynamicsSettings, ProtectionSettings
from simulator.grid.relays import LowRelays, OverloadRelays
from streams.messages import EventKind

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

MAX_RELIEFS = 20


class GridEvent(NamedTuple):
    """Something that happened at ``t_s``; the plant adds producer and exchange."""

    t_s: float
    kind: EventKind
    element: str
    cause: str
    value: float
    unit: str


class Grid:
    """True state of one grid. n buses, l branches, g units, d loads, in the case's order.

    initial_dispatch_mw: (g,); losses are added by participation, so that the run starts in steady state.
    Raises BadInput for settings that are not allowed.
    load_demand_mw, load_served_mw (d,); unit_power_mw (g,) electrical; bus_voltage_pu (n,), 0 where dead;
    bus_frequency_hz (n,), NaN where dead; branch_flow_from_mw, branch_loading_pu (l,); losses_mw.
    """

    def __init__(
        self,
        case: GridCase,
        initial_dispatch_mw: Floats,
        protection: ProtectionSettings | None = None,
        dynamics: DynamicsSettings | None = None,
    ) -> None:
        protection, dynamics = protection or ProtectionSettings(), dynamics or DynamicsSettings()
        protection.check()
        dynamics.check()
        self._case, self._settings, self._uvls_steps = case, dynamics, protection.uvls_max_steps
        self._dynamics = FrequencyDynamics(case, protection, dynamics)
        self._flow = PowerFlow(case, self._dynamics.participation)
        self.feeders = Feeders(case.load_mw)
        self._overload = OverloadRelays(len(case.branch_name), protection)
        self._uvls = LowRelays(len(case.load_bus), ((protection.uvls_pu, protection.uvls_delay_s),))
        self._unit_low = LowRelays(len(case.unit_name), protection.unit_low_pu)
        self._load_of_bus = {case.bus_name[b]: i for i, b in enumerate(case.load_bus)}
        self._events: list[GridEvent] = []
        self._calm_at_s = 0.0
        self.t_s = 0.0
        self.load_demand_mw: Floats = case.load_mw.copy()
        self._demand_mvar: Floats = case.load_mvar.copy()
        self._dynamics.settle(np.asarray(initial_dispatch_mw, dtype=np.float64))
        self._regroup(np.full(len(case.bus_name), case.nominal_hz))
        self._started = False

    # Inputs

    def set_demand(self, load_mw: Floats, load_mvar: Floats) -> None:
        """Demand of every load (d,) at nominal frequency from now on."""
        self.load_demand_mw, self._demand_mvar = load_mw, load_mvar

    def set_setpoints(self, power_mw: Floats) -> None:
        """Set-points (g,) MW from now on; NaN keeps the last one."""
        given = ~np.isnan(power_mw) & self._flow.unit_on
        self._dynamics.units.setpoint[given] = power_mw[given]

    def set_unit_limit(self, unit: int, p_max_mw: float) -> None:
        """Bound a unit's output, as a loss of cooling does; at least its minimum, at most its capacity."""
        low, high = self._case.unit_p_min_mw[unit], self._case.unit_p_max_mw[unit]
        self._dynamics.units.high[unit] = min(max(p_max_mw, low), high)

    def open_branch(self, branch: int, cause: str) -> None:
        """Open a branch by hand; counts as an event, not as a trip by a relay."""
        if not self._flow.closed[branch]:
            return
        self._flow.open_branch(branch)
        self._overload.reset(branch)
        self._event("switch", self._case.branch_name[branch], cause, 0.0, "closed")
        self._disturbed()

    def close_branch(self, branch: int) -> None:
        """Close a branch; islands on its two sides are joined at their inertia-weighted mean frequency."""
        if self._flow.closed[branch]:
            return
        self._flow.close_branch(branch)
        self._overload.reset(branch)
        self._event("switch", self._case.branch_name[branch], "closed", 1.0, "closed")
        self._disturbed()

    # Time

    def advance(self, until_s: float) -> list[GridEvent]:
        """Go on to ``until_s`` and return what happened since the last call, in order of time."""
        if not self._started:
            self._start()
        while self.t_s < until_s:
            self._run_to_next(until_s)
        events, self._events = self._events, []
        return events

    def _start(self) -> None:
        """Steady state at t = 0: units take the losses they have been left."""
        self._started = True
        self._solve()
        self._dynamics.settle(np.clip(self._flow.unit_mw, 0.0, self._case.unit_p_max_mw))
        self._solve()

    def _run_to_next(self, until_s: float) -> None:
        """Sub-step to the next action or power flow, and solve."""
        self._dynamics.balance(self._connected_mw(), self._flow.island_losses_mw())
        span = until_s - self.t_s
        if self.t_s < self._calm_at_s:
            span = min(span, self._settings.resolve_s)
        relays = (self._overload.time_to_trip(), self._uvls.time_to_act(), self._unit_low.time_to_act())
        passed = self._dynamics.run(min(span, *relays))
        # Whole spans land on the caller's time exactly.
        self.t_s = until_s if passed >= until_s - self.t_s else self.t_s + passed
        tripping = self._overload.advance(passed)
        shedding, failing = self._uvls.advance(passed), self._unit_low.advance(passed)
        if tripping or shedding or failing or self._frequency_acted():
            self._act()
        self._solve()

    def _frequency_acted(self) -> bool:
        return bool(self._dynamics.loads.acts.any() or self._dynamics.relays.trips.any())

    def _act(self) -> None:
        """Carry out what the relays ordered."""
        self._disturbed()
        for i in np.flatnonzero(self._overload.trips):
            branch = int(i)
            loading = float(self.branch_loading_pu[branch])
            self._flow.open_branch(branch)
            self._overload.reset(branch)
            self._event("line_trip", self._case.branch_name[branch], "overload", loading, "pu of rating")
        for i in np.flatnonzero(self._dynamics.relays.trips & self._flow.unit_on):
            self._trip_unit(int(i), "frequency")
        for i in np.flatnonzero(self._unit_low.acts & self._flow.unit_on):
            self._trip_unit(int(i), "voltage")
        self._shed(np.flatnonzero(self._dynamics.loads.acts), 1, "ufls")
        low = self._uvls.acts
        self._shed(np.flatnonzero(low & (self.feeders.opened_by("uvls") < self._uvls_steps)), 1, "uvls")
        self._uvls.restart(low)

    def _trip_unit(self, unit: int, cause: str) -> None:
        output = float(self._flow.unit_mw[unit])
        self._flow.drop_unit(unit)
        self._unit_low.restart(np.arange(len(self._case.unit_name)) == unit)
        self._event("generator_trip", self._case.unit_name[unit], cause, output, "MW")

    def _shed(self, loads: NDArray[np.int64], blocks: int, cause: ShedCause) -> None:
        opened = self.feeders.shed(loads, blocks, cause)
        self._report_shed(loads, opened, cause)

    def _report_shed(self, loads: NDArray[np.int64], opened: NDArray[np.int64], cause: ShedCause) -> None:
        for load, count in zip(loads, opened, strict=True):
            if count:
                bus = self._case.bus_name[self._case.load_bus[load]]
                self._event("load_shed", bus, cause, float(count * self.load_demand_mw[load] / BLOCKS), "MW")

    # Solving

    def _solve(self) -> None:
        """Power flow of every island; where there is none, relieve until there is."""
        for _ in range(MAX_RELIEFS):
            before = self.bus_frequency_hz if self._started else None
            if self._flow.update_topology() or len(self._flow.islands) != self._islands_seen:
                self._regroup(before)
            factor = self._dynamics.damping_factor(self._flow.bus_island) * self.feeders.served_share()
            attempts = self._flow.solve(
                self.load_demand_mw * factor, self._demand_mvar * factor, self._dynamics.units.power
            )
            failed = [attempt.island for attempt in attempts if attempt.start == "none"]
            if not failed:
                break
            self._relieve(failed[0], factor)
        self._measure()

    def _relieve(self, island: int, factor: Floats) -> None:
        served = np.maximum(self.feeders.served_share(), 1e-12)
        demand = Demand(
            self.load_demand_mw * factor / served,
            self._demand_mvar * factor / served,
            self._dynamics.units.power.copy(),
        )
        on = self._flow.unit_on.copy()
        where = self._case.bus_name[int(np.flatnonzero(self._flow.islands[island].bus)[0])]
        self._event("solver", where, "no power flow solution", float(island), "island")
        self._disturbed()
        steps = relieve(self._case, self._flow, island, self.feeders, demand, self._uvls_steps)
        for step in steps:
            self._note_relief(step, on)

    def _note_relief(self, step: Relief, on: Flags) -> None:
        bus = self._case.bus_name[step.bus]
        for i in step.units:
            if on[i]:
                output = float(self._dynamics.units.power[i])
                self._event("generator_trip", self._case.unit_name[int(i)], step.kind, output, "MW")
        if step.kind in ("collapse", "blackout"):
            lost = float((step.blocks * self.load_demand_mw[step.loads]).sum() / BLOCKS)
            self._event("voltage_collapse", bus, step.kind, lost, "MW")
        self._report_shed(step.loads, step.blocks, step.cause)

    def _regroup(self, bus_hz: Floats | None) -> None:
        """Follow new islands: frequencies, dead loads."""
        nominal = self._case.nominal_hz
        hz = np.full(len(self._case.bus_name), nominal) if bus_hz is None else np.nan_to_num(bus_hz, nan=nominal)
        island = self._flow.bus_island
        self._islands_seen = len(self._flow.islands)
        self._dynamics.regroup(island, self._flow.unit_on, hz)
        dead = np.flatnonzero((island[self._case.load_bus] == DEAD) & (self.feeders.closed_blocks() > 0))
        self._shed(dead, BLOCKS, "island")
        if self._islands_seen != 1:
            sizes = [float(solver.bus.sum()) for solver in self._flow.islands]
            self._event("island", f"{len(sizes)} islands", "topology", max(sizes, default=0.0), "buses")

    def _measure(self) -> None:
        """Let relays see the new state."""
        case, flow = self._case, self._flow
        self._overload.measure(self.branch_loading_pu)
        voltage = self.bus_voltage_pu
        self._uvls.measure(voltage[case.load_bus], flow.bus_island[case.load_bus] != DEAD)
        self._unit_low.measure(voltage[case.unit_bus], flow.unit_on & (flow.bus_island[case.unit_bus] != DEAD))

    def _connected_mw(self) -> Floats:
        return np.asarray(self.load_demand_mw * self.feeders.served_share())

    def _disturbed(self) -> None:
        self._calm_at_s = self.t_s + self._settings.calm_after_s

    def _event(self, kind: EventKind, element: str, cause: str, value: float, unit: str) -> None:
        self._events.append(GridEvent(self.t_s, kind, element, cause, value, unit))

    # True state

    @property
    def load_served_mw(self) -> Floats:
        """(d,) what loads draw, frequency dependence included."""
        factor = self._dynamics.damping_factor(self._flow.bus_island)
        return np.asarray(self._connected_mw() * factor)

    @property
    def load_shed_mw(self) -> Floats:
        """(d,) demand behind opened feeders."""
        return np.asarray(self.load_demand_mw * (1.0 - self.feeders.served_share()))

    @property
    def shed_mw_by_cause(self) -> dict[str, float]:
        """Present demand behind opened feeders, by cause."""
        return self.feeders.shed_mw(self.load_demand_mw)

    @property
    def unit_power_mw(self) -> Floats:
        """(g,) electrical output."""
        return self._flow.unit_mw

    @property
    def unit_on(self) -> Flags:
        """(g,) synchronised."""
        return self._flow.unit_on

    @property
    def bus_voltage_pu(self) -> Floats:
        """(n,) voltage magnitude."""
        return np.abs(self._flow.voltage)

    @property
    def bus_energised(self) -> Flags:
        """(n,) True where alive."""
        return np.asarray(self._flow.bus_island != DEAD)

    @property
    def bus_frequency_hz(self) -> Floats:
        """(n,) frequency, NaN where dead."""
        hz = self._dynamics.bus_hz(self._flow.bus_island)
        return np.where(self.bus_energised, hz, np.nan)

    @property
    def branch_flow_from_mw(self) -> Floats:
        """(l,) active power entering at the from side."""
        return np.asarray(self._flow.flows.from_mva.real)

    @property
    def branch_loading_pu(self) -> Floats:
        """(l,) larger end current over rating."""
        return self._flow.flows.loading

    @property
    def branch_closed(self) -> Flags:
        """(l,) switch status."""
        return self._flow.closed

    @property
    def losses_mw(self) -> float:
        """Branch losses and shunt draw of all islands."""
        return float(self._flow.island_losses_mw().sum())

    def feeder_alive(self, bus: str, block: int) -> bool:
        """Whether feeder ``block`` (0 to BLOCKS - 1, 0 is shed first) of a load bus is live. Raises KeyError."""
        load = self._load_of_bus[bus]
        alive = self._flow.bus_island[self._case.load_bus[load]] != DEAD
        return bool(alive) and self.feeders.alive(load, block)
