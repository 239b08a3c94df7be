"""AC power flow of one island on one lightsim2grid model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.grid.case import GridCase
from simulator.grid.model import UnitModes, branch_positions, shunt_buses
from simulator.grid.network_kernels import lowest_voltage, place, take_solution
from simulator.grid.protection import FORCING_PU
from simulator.grid.reactive_limits import (
    ANEW,
    BACK,
    HOLDS_VOLTAGE,
    MAX_RETURNS,
    SETTLED,
    TO_LIMITS,
    TOLERANCE_MVAR,
    UPPER,
    Machines,
    next_step,
)

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]
Complexes = NDArray[np.complex128]
Index = NDArray[np.int64]
Flags = NDArray[np.bool_]
Start = Literal["warm", "flat", "dc", "none"]

MAX_ITERATIONS = 15
TOLERANCE_PU = 1e-8
# A solution below this is the lower branch of the PV curve unless a flat start finds it too.
SUSPECT_VOLTAGE_PU = 0.7
# Below this it is no operating point: a bus without injection has a root at 0 V, which is a short circuit.
FALSE_VOLTAGE_PU = 0.3


class Solution(NamedTuple):
    """Where the solvers of all islands write: voltage (n,) complex pu, unit_mw and unit_mvar (g,)."""

    voltage: Complexes
    unit_mw: Floats
    unit_mvar: Floats


class IslandSolver:
    """Power flow of one island; everything outside is switched off in its own copy of the model.

    bus (n,): True inside; closed (l,), unit_on (g,): status; participation (g,): share of each unit in the
    island's imbalance, units at 0 take none; chosen (g,): units that take all of it while any of them is on;
    solution: shared with the other islands, each writes its own buses and units only. mode (g,):
    ``HOLDS_VOLTAGE``, or at the upper (1) or lower (-1) reactive limit. may_force (g,): shared too; which
    units may for now give FORCING_PU of their upper limit; forced (g,): which of them do, is_forcing:
    whether any does.
    Loads and unit powers are rounded to float32 by lightsim2grid (1e-5 MW), so balances hold to that.
    """

    def __init__(
        self,
        case: GridCase,
        model: Any,
        modes: UnitModes,
        bus: Flags,
        closed: Flags,
        unit_on: Flags,
        participation: Floats,
        chosen: Flags,
        solution: Solution,
        may_force: Flags,
    ) -> None:
        self.bus = bus
        self.load = bus[case.load_bus]
        self.unit = bus[case.unit_bus] & unit_on
        self._case = case
        self._model = model.copy()
        self._modes = modes
        self._solution = solution
        self._participation, self._chosen = participation, chosen
        self._may_force = may_force
        self.forced = np.zeros(len(participation), dtype=np.bool_)
        self.is_forcing = False
        self._share = np.zeros(len(participation))
        self._positions = branch_positions(case)
        self._buses = np.flatnonzero(bus)
        self.mode = np.full(len(case.unit_name), HOLDS_VOLTAGE, dtype=np.int64)
        self._machines = Machines(
            self._buses,
            case.unit_bus,
            case.unit_voltage_pu,
            modes.low_mvar,
            modes.high_mvar,
            self.mode,
            self.mode.copy(),
            np.zeros(len(self.mode), dtype=np.bool_),
            np.zeros_like(self.mode),
        )
        self._power32 = np.zeros(modes.rows * len(case.unit_name), dtype=np.float32)
        self._given = np.zeros(len(self._power32), dtype=np.bool_)
        self._switch_off_outside(closed & bus[case.branch_from])
        self._flat = np.where(bus, 1.0 + 0.0j, 0.0j)
        self._follow_units()
        if np.abs(solution.voltage[self._buses]).min() == 0.0:
            # Large networks have no solution within reach of a flat start.
            solution.voltage[self._buses] = case.bus_printed_pu[self._buses]

    def _switch_off_outside(self, closed: Flags) -> None:
        case, model = self._case, self._model
        for i in np.flatnonzero(~closed):
            self.open_branch(int(i))
        for i in np.flatnonzero(~self.unit):
            model.deactivate_gen(int(i))
        for i in np.flatnonzero(~self.load):
            model.deactivate_load(int(i))
        for shunt, bus in enumerate(shunt_buses(case)):
            if not self.bus[bus]:
                model.deactivate_shunt(shunt)

    def _share_imbalance(self) -> None:
        """After a change of units: who takes the imbalance, the chosen or all."""
        chosen = self._chosen & self.unit
        takes = (chosen if chosen.any() else self.unit) & (self._participation > 0.0)
        for i in np.flatnonzero(takes != (self._share > 0.0)):
            row = int(self._modes.row_of(i, self.mode))
            if takes[i]:
                self._model.add_gen_slackbus(row, float(self._participation[i]))
            elif self.unit[i]:
                self._model.remove_gen_slackbus(row)
        self._share = np.where(takes, self._participation, 0.0)
        self._has_source = bool(takes.any())

    def _follow_units(self) -> None:
        """After a change of units: flat start, and which of the model's machines stand for them."""
        case = self._case
        self._units = np.flatnonzero(self.unit)
        self._machines = self._machines._replace(units=self._units)
        self._flat[self._buses] = 1.0
        self._flat[case.unit_bus[self.unit]] = case.unit_voltage_pu[self.unit]
        self._share_imbalance()
        self._follow_modes()

    def _follow_modes(self) -> None:
        self._rows = self._modes.row_of(self._units, self.mode)
        self._given[:] = False
        self._given[self._rows] = True

    # Status

    def open_branch(self, i: int) -> None:
        """Take branch i out; the caller knows that the island stays in one part."""
        model, is_transformer = self._model, self._case.branch_is_transformer[i]
        (model.deactivate_trafo if is_transformer else model.deactivate_powerline)(int(self._positions[i]))

    def close_branch(self, i: int) -> None:
        """Put branch i back between two buses of this island."""
        model, is_transformer = self._model, self._case.branch_is_transformer[i]
        (model.reactivate_trafo if is_transformer else model.reactivate_powerline)(int(self._positions[i]))

    def drop_unit(self, i: int) -> None:
        """Take unit i out; its bus becomes a load bus unless another unit holds its voltage."""
        self._switch_off(i)
        self.unit[i] = False
        self._solution.unit_mw[i] = self._solution.unit_mvar[i] = 0.0
        self._follow_units()

    def add_unit(self, i: int) -> None:
        """Put unit i on, holding the voltage of its bus."""
        self.unit[i] = True
        self.mode[i] = HOLDS_VOLTAGE
        self._model.reactivate_gen(i)
        self._follow_units()

    def _switch_off(self, i: int) -> None:
        row = int(self._modes.row_of(i, self.mode))
        if self._share[i] > 0.0:
            self._model.remove_gen_slackbus(row)
        self._model.deactivate_gen(row)

    def _switch_modes(self, mode: Index, unit_mw: Floats) -> None:
        """Let other machines of the model stand for the units whose mode changes; each keeps its power."""
        for i in self._units[mode[self._units] != self.mode[self._units]]:
            self._switch_off(int(i))
            self.mode[i] = mode[i]
            row = int(self._modes.row_of(i, self.mode))
            self._model.reactivate_gen(row)
            if self._share[i] > 0.0:
                self._model.add_gen_slackbus(row, float(self._share[i]))
        self._follow_modes()
        self._give_power(unit_mw)

    def _give_power(self, unit_mw: Floats) -> None:
        place(unit_mw, self._units, self._rows, self._power32)
        self._model.update_gens_p(self._given, self._power32)

    # Solving

    def solve(self, load_mw: Floats32, load_mvar: Floats32, unit_mw: Floats) -> Start:
        """Solve for demand (d,) and mechanical power (g,), whose sum the participating units make good.

        Returns the start that led to a solution: "warm", else "flat", else "dc"; "none" without a solution,
        and then the island's part of ``solution`` is that of an earlier power flow. With
        reactive limits, units beyond theirs give what they can and no longer hold their voltage, until the
        voltage needs them less; where that has no solution, units force their fields if they may.
        """
        if self.is_forcing:
            self.is_forcing = False
            self.forced.fill(False)
        if not self._has_source:
            return "none"
        model = self._model
        model.update_loads_p(self.load, load_mw)
        model.update_loads_q(self.load, load_mvar)
        self._give_power(unit_mw)
        start = self._solve_as_switched()
        if start == "none" and (self.mode != HOLDS_VOLTAGE).any():
            # That units gave their limits before says nothing of now.
            start = "flat" if self._all_in_control(unit_mw) else "none"
        if not self._modes.limited or start == "none":
            return start
        start = self._respect_limits(unit_mw, start)
        return (
            self._force_fields(unit_mw) if start == "none" and self._may_force[self._units].any() else start
        )

    def _force_fields(self, unit_mw: Floats) -> Start:
        """All units hold their voltage with what they may give for a short time; "none" if not enough."""
        if not self._all_in_control(unit_mw):
            return "none"
        given, high = self._solution.unit_mvar, self._modes.high_mvar
        beyond = self.unit & (given > high + TOLERANCE_MVAR)
        allowed = self._may_force & (given <= FORCING_PU * high)
        if (beyond & ~allowed).any():
            return "none"
        self.forced[:] = beyond
        self.is_forcing = True
        return "flat"

    def _respect_limits(self, unit_mw: Floats, start: Start) -> Start:
        """Switch units to and from their reactive limits until none is beyond one and none is needed less.

        Without solution at an upper limit the voltage collapses. Without one at a lower limit it would rise
        without end: there the unit keeps control, for shedding load would not help. This ends: units that
        keep control only become more, and each comes back a limited number of times.
        """
        machines = self._machines
        machines.kept.fill(False)
        machines.returns.fill(0)
        while True:
            step, first = next_step(machines, self._solution.voltage, self._solution.unit_mvar)
            if step == SETTLED:
                return start
            if step == BACK:
                machines.returns[:] += machines.wanted != self.mode
            if step != ANEW and self._change_modes(first, unit_mw):
                continue
            if step == TO_LIMITS and machines.wanted[first] == UPPER:
                return "none"
            if step == TO_LIMITS:
                machines.kept[first] = True
            elif step == BACK:
                machines.returns.fill(MAX_RETURNS)
            if not self._all_in_control(unit_mw):
                return "none"

    def _all_in_control(self, unit_mw: Floats) -> bool:
        """Solve with every unit holding its voltage, from a flat start; False without solution."""
        self._switch_modes(np.full(len(self.mode), HOLDS_VOLTAGE), unit_mw)
        voltage, last = self._solution.voltage, self._solution.voltage[self._buses]
        voltage[self._buses] = self._flat[self._buses]
        if self._solve_as_switched() != "none":
            return True
        voltage[self._buses] = last
        return False

    def _alone(self, unit: int) -> None:
        """Of the wanted changes, only that of ``unit``."""
        wanted = self._machines.wanted
        new = wanted[unit]
        wanted[:] = self.mode
        wanted[unit] = new

    def _change_modes(self, first: int, unit_mw: Floats) -> bool:
        """Make the wanted changes and solve; where that has no solution, only that of ``first``. False, with
        the modes of before, where that has none either."""
        before = self.mode.copy()
        for _ in range(2):
            self._switch_modes(self._machines.wanted, unit_mw)
            if self._solve_as_switched() != "none":
                return True
            self._switch_modes(before, unit_mw)
            self._alone(first)
        return False

    def _solve_as_switched(self) -> Start:
        found = self._try(self._solution.voltage)
        if found is not None and lowest_voltage(found, self._buses) >= SUSPECT_VOLTAGE_PU:
            return self._keep(found, "warm")
        flat = self._try(self._flat)
        if flat is not None:
            return self._keep(flat, "flat" if found is None else "warm")
        if found is not None:
            self._try(found)
            return self._keep(found, "warm")
        linear = self._run(self._model.dc_pf, self._flat)
        found = self._try(linear) if len(linear) else None
        return "none" if found is None else self._keep(found, "dc")

    def _try(self, start: Complexes) -> Complexes | None:
        voltage = self._run(self._model.ac_pf, start)
        if not len(voltage) or not lowest_voltage(voltage, self._buses) >= FALSE_VOLTAGE_PU:
            return None
        return voltage

    @staticmethod
    def _run(solve: Callable[..., Complexes], start: Complexes) -> Complexes:
        """A solution from ``start``, empty without one; an error of the solver is no solution either."""
        try:
            return solve(start.copy(), MAX_ITERATIONS, TOLERANCE_PU)
        except RuntimeError:
            return np.zeros(0, dtype=np.complex128)

    def _keep(self, voltage: Complexes, start: Start) -> Start:
        power, reactive, _ = self._model.get_gen_res()
        take_solution(voltage, power, reactive, self._buses, self._units, self._rows, *self._solution)
        return start
