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
from simulator.grid.events import GridEvent
from simulator.grid.input_kernels import take_demand, take_setpoints
from simulator.grid.network_kernels import keep_lower
from simulator.grid.powerflow import DEAD
from simulator.grid.protection import DynamicsSettings, ProtectionSettings
from simulator.grid.solving import SolvedGrid
from simulator.grid.synchronism import black_start_units, closing_refusal, starting_refusal
from streams.errors import BadInput

Floats = NDArray[np.float64]
Index = NDArray[np.int64]

SETTLE_ROUNDS = 4
# A remainder of time below this would be a power flow of its own for nothing.
SAME_INSTANT_S = 1e-9


class Grid(SolvedGrid):
    """One grid in motion; what can be read of it is in ``GridState``.

    t_s: how far it has come. lowest_voltage_pu (n,): of any state that lasted since
    ``restart_lowest_voltage``, the one at that time included. initial_dispatch_mw: (g,); losses are added by
    participation, so that the run starts in steady state with what was switched and set before the first
    ``advance``.
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
        super().__init__(case, protection, settings)
        self._black_start = black_start_units(case)
        self._started = False
        self._lowest_restarts = True
        dispatch_mw = np.asarray(initial_dispatch_mw, dtype=np.float64)
        _check("initial_dispatch_mw", dispatch_mw, (len(case.unit_name),))
        self._dynamics.settle(dispatch_mw)
        self._regroup(np.full(len(case.bus_name), case.nominal_hz))

    # Inputs

    def set_demand(self, load_mw: Floats, load_mvar: Floats) -> None:
        """Demand of every load (d,) at nominal frequency from now on; shed feeders stay open."""
        mw, mvar = np.asarray(load_mw, dtype=np.float64), np.asarray(load_mvar, dtype=np.float64)
        fits = mw.shape == mvar.shape == self.load_demand_mw.shape
        if not (fits and take_demand(mw, mvar, self._demand)):
            _check("load_mw", mw, self.load_demand_mw.shape)
            _check("load_mvar", mvar, self.load_demand_mvar.shape)
            self._demand[:] = mw, mvar

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
        take_setpoints(wanted, self._flow.unit_on, units.table)

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
        self._unit_voltage.gain[:] = unit_voltage
        self._dynamics.fit(load_frequency, unit_frequency)
        self._measure()

    # Actuators

    def open_branch(self, branch: int, cause: str) -> None:
        """Open a branch by hand, now; counts as a switching, not as a trip by a relay."""
        if self._flow.closed[branch]:
            self._flow.open_branch(branch)
            self._switched(branch, cause, closed=False)

    def close_branch(self, branch: int, cause: str = "closed") -> str:
        """Close a branch, now, if the synchronism check lets it; returns "" or why it stays open.

        A dead part that meets a live one comes alive, with every load whose feeders are closed; two islands
        meet at their inertia-weighted mean frequency. What relays or orders opened stays open. Where the live
        part has no operating point with a dead one, the branch trips again at once, as relays do on the
        voltage that lines without load, or load without generation, would bring about.
        """
        if self._flow.closed[branch]:
            return ""
        ends = self._flow.bus_island[[self._case.branch_from[branch], self._case.branch_to[branch]]]
        energises = self._started and (ends == DEAD).sum() == 1
        hz = self._dynamics.islands.hz
        refusal = (
            closing_refusal(self._case, self._flow, hz, self._protection, branch) if self._started else ""
        )
        if not refusal:
            self._flow.close_branch(branch)
            self._overload.reset(branch)
            self._log.switch(self.t_s, branch, cause, closed=True)
            if energises and self._flow_fails_at(self._case.branch_from[branch]):
                self._log.line_trip(self.t_s, branch, 0.0, "energising")
                self._flow.open_branch(branch)
            self._switched_over()
        return refusal

    def _flow_fails_at(self, bus: int) -> bool:
        """Whether the island that ``bus`` is in now has no power flow."""
        failed = self._solve_once()
        return int(self._flow.bus_island[bus]) in failed

    def start_unit(self, unit: int) -> str:
        """Put a unit that is off back on, now; returns "" or why it cannot.

        It comes without power and ramps to its minimum, or to the next set-point. A unit with black-start
        capability also energises a dead part, with every load there whose feeders are closed.
        """
        black_start = bool(self._black_start[unit])
        refusal = starting_refusal(self._case, self._flow, black_start, self._protection, unit)
        if not refusal:
            self._flow.start_unit(unit)
            self._log.unit_started(self.t_s, unit)
            self._dynamics.units.setpoint[unit] = self._case.unit_p_min_mw[unit]
            self._switched_over()
        return refusal

    def restore_load(self, load: int, blocks: int) -> int:
        """Close up to ``blocks`` feeders of a load at a live bus, the last opened first; returns how many.

        Under-frequency stages that had opened them are armed again.
        """
        if self._flow.bus_island[self._case.load_bus[load]] == DEAD:
            return 0
        causes = self.feeders.close_last(load, blocks)
        self._dynamics.rearm(load, causes.count("ufls"))
        if causes:
            self._log.feeders(self.t_s, load, "restored", len(causes))
            self._switched_over()
        return len(causes)

    def shed_load(self, load: int, blocks: int) -> int:
        """Open up to ``blocks`` feeders of a load by order (cause "planned"); returns how many.

        At a dead bus the feeders are kept open for when supply returns.
        """
        if self._flow.bus_island[self._case.load_bus[load]] == DEAD:
            kept = self.feeders.keep_open(load, blocks)
            if kept:
                self._log.feeders(self.t_s, load, "kept open", -kept)
            return kept
        opened = int(self._shed(np.array([load]), blocks, "planned")[0])
        if opened:
            self._switched_over()
        return opened

    def _switched(self, branch: int, cause: str, closed: bool) -> None:
        self._overload.reset(branch)
        self._log.switch(self.t_s, branch, cause, closed)
        self._switched_over()

    def _switched_over(self) -> None:
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
        while self.t_s < until_s:
            self._note_lowest_voltage()
            self._run_to_next(until_s)
        self._note_lowest_voltage()
        return self._log.take()

    def restart_lowest_voltage(self) -> None:
        """``lowest_voltage_pu`` counts from the present state on."""
        self._lowest_restarts = True

    def _note_lowest_voltage(self) -> None:
        if self._lowest_restarts:
            self.lowest_voltage_pu[:] = self.bus_voltage_pu
            self._lowest_restarts = False
        elif not self._lowest_noted:
            keep_lower(self.bus_voltage_pu, self.lowest_voltage_pu)
        self._lowest_noted = True

    def _start(self) -> None:
        """Steady state at t = 0: units take the losses they have been left."""
        self._started = True
        self._solve()
        for _ in range(SETTLE_ROUNDS):
            self._dynamics.settle(self._dynamics.within_limits(self._flow.unit_mw))
            self._solve()

    def _run_to_next(self, until_s: float) -> None:
        """Sub-step to the next action or power flow, and solve."""
        # A change of demand falls on the rotors at once, before the network is solved for it.
        self._connect()
        self._dynamics.take_losses(self._flow.island_losses_mw)
        left = until_s - self.t_s
        calm = self.t_s >= self._calm_at_s
        span = left if calm else min(left, self._settings.resolve_s)
        passed = self._dynamics.run(min(span, self._relay_s), calm)
        self.t_s = until_s if left - passed < SAME_INSTANT_S else self.t_s + passed
        overload, uvls = self._overload.advance(passed), self._uvls.advance(passed)
        if self._unit_voltage.advance(passed) or uvls or overload or self._dynamics.acted:
            self._act()
        self._solve()

    def _act(self) -> None:
        """Carry out what the relays ordered at this instant."""
        self._disturbed()
        for i in np.flatnonzero(self._overload.trips & self._flow.closed):
            branch = int(i)
            self._log.line_trip(self.t_s, branch, self.branch_loading_pu[branch], "overload")
            self._flow.open_branch(branch)
            self._overload.reset(branch)
        for trips, cause in (
            (self._dynamics.relays.trips, "frequency"),
            (self._unit_voltage.acts, "voltage"),
        ):
            for i in np.flatnonzero(trips & self._flow.unit_on):
                self._trip_unit(int(i), cause)
        self._shed(np.flatnonzero(self._dynamics.loads.acts), 1, "ufls")
        self._shed(np.flatnonzero(self._uvls.acts), 1, "uvls")
        self._uvls.restart(self._uvls.acts)
        self._unit_voltage.restart(self._unit_voltage.acts)

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


def _check(where: str, values: Floats, shape: tuple[int, ...]) -> None:
    """Raises BadInput unless ``values`` are finite numbers of that shape."""
    if values.shape != shape:
        raise BadInput(f"{where} shape", values.shape, str(shape))
    if not np.isfinite(values).all():
        raise BadInput(where, float(values[~np.isfinite(values)][0]), "finite numbers")
