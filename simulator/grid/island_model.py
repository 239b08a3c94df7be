"""One island's own lightsim2grid model, and the switching of its elements."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.grid.case import GridCase
from simulator.grid.model import UnitModes, branch_positions, shunt_buses
from simulator.grid.reactive_limits import HOLDS_VOLTAGE
from simulator.grid.solution_kernels import place

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]
Index = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Solution(NamedTuple):
    """Where the solvers of all islands write: voltage (n,) complex pu, unit_mw and unit_mvar (g,)."""

    voltage: Complexes
    unit_mw: Floats
    unit_mvar: Floats


class IslandModel:
    """Model of one island; everything outside is switched off in its own copy of the model.

    bus (n,): True inside; closed (l,), unit_on (g,): status; participation (g,): share of each unit in the
    island's imbalance, units at 0 take none; chosen (g,): units that take all of it while any of them is on;
    solution: shared with the other islands, each writes its own buses and units only. mode (g,):
    ``HOLDS_VOLTAGE``, or at the upper (1) or lower (-1) reactive limit.
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
    ) -> None:
        self.bus = bus
        self.load = bus[case.load_bus]
        self.unit = bus[case.unit_bus] & unit_on
        self._case = case
        self._model = model.copy()
        self._modes = modes
        self._solution = solution
        self._participation, self._chosen = participation, chosen
        self._share = np.zeros(len(participation))
        self._positions = branch_positions(case)
        self._buses = np.flatnonzero(bus)
        self.mode = np.full(len(case.unit_name), HOLDS_VOLTAGE, dtype=np.int64)
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
        self._units = units = np.flatnonzero(self.unit)
        set_point_pu, low_mvar, high_mvar = case.unit_voltage_pu, self._modes.low_mvar, self._modes.high_mvar
        self._limits = np.stack((set_point_pu[units], low_mvar[units], high_mvar[units]))
        self._flat[self._buses] = 1.0
        self._flat[case.unit_bus[self.unit]] = case.unit_voltage_pu[self.unit]
        self._share_imbalance()
        self._follow_modes()

    def _follow_modes(self) -> None:
        units, mode = self._units, self.mode[self._units]
        rows = self._modes.row_of(units, self.mode)
        # What ``take_solution`` needs of every unit, side by side.
        self._placed = np.stack((units, rows, self._case.unit_bus[units], mode))
        self._given[:] = False
        self._given[rows] = True

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
        place(unit_mw, self._placed, self._power32)
        self._model.update_gens_p(self._given, self._power32)
