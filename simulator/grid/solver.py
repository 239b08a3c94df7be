"""AC power flow of one island on one lightsim2grid model."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.grid.case import GridCase
from simulator.grid.model import UnitModes, branch_positions, shunt_buses
from simulator.grid.network_kernels import lowest_voltage, take_solution
from simulator.grid.reactive_limits import HOLDS_VOLTAGE, MAX_RETURNS, back_to_control, to_limits

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
    island's imbalance, units at 0 take none; solution: shared with the other islands, each writes its own
    buses and units only. mode (g,): ``HOLDS_VOLTAGE``, or at the upper (1) or lower (-1) reactive limit.
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
        solution: Solution,
    ) -> None:
        self.bus = bus
        self.load = bus[case.load_bus]
        self.unit = bus[case.unit_bus] & unit_on
        self._case = case
        self._model = model.copy()
        self._modes = modes
        self._solution = solution
        self._participation = participation
        self._positions = branch_positions(case)
        self._buses = np.flatnonzero(bus)
        self.mode = np.full(len(case.unit_name), HOLDS_VOLTAGE, dtype=np.int64)
        self._wanted = self.mode.copy()
        self._returns = np.zeros_like(self.mode)
        self._power32 = np.zeros(modes.rows * len(case.unit_name), dtype=np.float32)
        self._given = np.zeros(len(self._power32), dtype=np.bool_)
        self._switch_off_outside(closed & bus[case.branch_from])
        for i in np.flatnonzero(self.unit):
            self._take_slack(int(i), int(i))
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

    def _take_slack(self, unit: int, row: int) -> None:
        if self._participation[unit] > 0.0:
            self._model.add_gen_slackbus(row, float(self._participation[unit]))

    def _follow_units(self) -> None:
        """After a change of units: flat start, and which of the model's machines stand for them."""
        case = self._case
        self._units = np.flatnonzero(self.unit)
        self._flat[self._buses] = 1.0
        self._flat[case.unit_bus[self.unit]] = case.unit_voltage_pu[self.unit]
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
        self._take_slack(i, i)
        self._follow_units()

    def _switch_off(self, i: int) -> None:
        row = int(self._modes.row_of(i, self.mode))
        if self._participation[i] > 0.0:
            self._model.remove_gen_slackbus(row)
        self._model.deactivate_gen(row)

    def _switch_modes(self, mode: Index, unit_mw: Floats) -> None:
        """Let other machines of the model stand for the units whose mode changes; each keeps its power."""
        for i in self._units[mode[self._units] != self.mode[self._units]]:
            self._switch_off(int(i))
            self.mode[i] = mode[i]
            row = int(self._modes.row_of(i, self.mode))
            self._model.reactivate_gen(row)
            self._take_slack(int(i), row)
        self._follow_modes()
        self._give_power(unit_mw)

    def _give_power(self, unit_mw: Floats) -> None:
        self._power32[self._rows] = unit_mw[self._units]
        self._model.update_gens_p(self._given, self._power32)

    # Solving

    def solve(self, load_mw: Floats32, load_mvar: Floats32, unit_mw: Floats) -> Start:
        """Solve for demand (d,) and mechanical power (g,), whose sum the participating units make good.

        Returns the start that led to a solution: "warm", else "flat", else "dc"; "none" without a solution,
        and then the island's part of ``solution`` keeps its last values. With reactive limits, units beyond
        theirs give what they can and no longer hold their voltage, until the voltage needs them less.
        """
        model = self._model
        model.update_loads_p(self.load, load_mw)
        model.update_loads_q(self.load, load_mvar)
        self._give_power(unit_mw)
        start = self._solve_as_switched()
        if start == "none" and (self.mode != HOLDS_VOLTAGE).any():
            # That units gave their limits before says nothing of now: begin with every unit in control.
            self._switch_modes(np.full(len(self.mode), HOLDS_VOLTAGE), unit_mw)
            start = self._solve_as_switched()
        return self._respect_limits(unit_mw, start) if self._modes.limited and start != "none" else start

    def _respect_limits(self, unit_mw: Floats, start: Start) -> Start:
        """Switch units to and from their reactive limits until none is beyond one and none is needed less."""
        self._returns[:] = 0
        while True:
            if (first := self._beyond_limits()) >= 0:
                if not self._change_modes(first, unit_mw):
                    return "none"
            elif (first := self._needed_less()) >= 0:
                self._returns += self._wanted != self.mode
                if not self._change_modes(first, unit_mw):
                    # In control this unit leads nowhere: it keeps giving its limit.
                    self._returns[first] = MAX_RETURNS
                    self._solve_as_switched()
            else:
                return start

    def _beyond_limits(self) -> int:
        modes, mvar = self._modes, self._solution.unit_mvar
        return int(to_limits(self._units, self.mode, mvar, modes.low_mvar, modes.high_mvar, self._wanted))

    def _needed_less(self) -> int:
        if not (self.mode != HOLDS_VOLTAGE).any():
            return -1
        case, voltage = self._case, self._solution.voltage
        first = back_to_control(
            self._units, self.mode, self._returns, voltage, case.unit_bus, case.unit_voltage_pu, self._wanted
        )
        if first >= 0 and self._returns.any():
            # Units that return together push each other back: from the second time on one by one.
            self._alone(first)
        return int(first)

    def _alone(self, unit: int) -> None:
        """Of the wanted changes, only that of ``unit``."""
        new = self._wanted[unit]
        self._wanted[:] = self.mode
        self._wanted[unit] = new

    def _change_modes(self, first: int, unit_mw: Floats) -> bool:
        """Make the wanted changes and solve; where that has no solution, only that of ``first``. False, with
        the modes of before, where that has none either."""
        before = self.mode.copy()
        for _ in range(2):
            self._switch_modes(self._wanted, unit_mw)
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
        linear = self._model.dc_pf(self._flat.copy(), MAX_ITERATIONS, TOLERANCE_PU)
        found = self._try(linear) if len(linear) else None
        return "none" if found is None else self._keep(found, "dc")

    def _try(self, start: Complexes) -> Complexes | None:
        voltage: Complexes = self._model.ac_pf(start.copy(), MAX_ITERATIONS, TOLERANCE_PU)
        if not len(voltage) or not lowest_voltage(voltage, self._buses) >= FALSE_VOLTAGE_PU:
            return None
        return voltage

    def _keep(self, voltage: Complexes, start: Start) -> Start:
        power, reactive, _ = self._model.get_gen_res()
        take_solution(voltage, power, reactive, self._buses, self._units, self._rows, *self._solution)
        return start
