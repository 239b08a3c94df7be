"""AC power flow of one island, its units within their reactive limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from simulator.grid.case import GridCase
from simulator.grid.island_model import IslandModel, Solution
from simulator.grid.model import UnitModes, paired
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
from simulator.grid.solution_kernels import lowest_voltage, take_solution

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]
Complexes = NDArray[np.complex128]
Flags = NDArray[np.bool_]
Start = Literal["warm", "flat", "dc", "none"]

MAX_ITERATIONS = 15
# A warm start that is not there after two pairs of iterations begins anew with Newton's.
PAIRED_ITERATIONS = 4
TOLERANCE_PU = 1e-8
# A solution below this is the lower branch of the PV curve unless a flat start finds it too.
SUSPECT_VOLTAGE_PU = 0.7
# Below this it is no operating point: a bus without injection has a root at 0 V, which is a short circuit.
FALSE_VOLTAGE_PU = 0.3


class IslandSolver(IslandModel):
    """Power flow of one island.

    may_force (g,): shared with the other islands; which units may for now give FORCING_PU of their upper
    limit; forced (g,): which of them do, is_forcing: whether any does.
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
        super().__init__(case, model, modes, bus, closed, unit_on, participation, chosen, solution)
        self._may_force = may_force
        self.forced = np.zeros(len(participation), dtype=np.bool_)
        self.is_forcing = False
        self._newton, self._pairs = self._model.get_ac_algo_config(), paired(model.get_ac_algo_config())
        self._model.set_ac_algo_config(self._pairs)
        # Whether the units' modes suit the last solution.
        self._settled = False
        self._machines = Machines(
            self._units,
            case.unit_bus,
            case.unit_voltage_pu,
            modes.low_mvar,
            modes.high_mvar,
            self.mode,
            self.mode.copy(),
            np.zeros(len(self.mode), dtype=np.bool_),
            np.zeros_like(self.mode),
        )

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
        if not self._modes.limited or start == "none" or self._settled:
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
        self._machines = machines = self._machines._replace(units=self._units)
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
        found = self._run(self._model.ac_pf, self._solution.voltage, PAIRED_ITERATIONS)
        if len(found) and self._keep(found, SUSPECT_VOLTAGE_PU):
            return "warm"
        self._model.set_ac_algo_config(self._newton)
        start = self._solve_by_newton()
        self._model.set_ac_algo_config(self._pairs)
        return start

    def _solve_by_newton(self) -> Start:
        found = self._try(self._solution.voltage)
        if found is not None and self._keep(found, SUSPECT_VOLTAGE_PU):
            return "warm"
        flat = self._try(self._flat)
        if flat is not None:
            self._keep(flat)
            return "flat" if found is None else "warm"
        if found is not None:
            self._try(found)
            self._keep(found)
            return "warm"
        linear = self._run(self._model.dc_pf, self._flat)
        found = self._try(linear) if len(linear) else None
        if found is None:
            return "none"
        self._keep(found)
        return "dc"

    def _try(self, start: Complexes) -> Complexes | None:
        voltage = self._run(self._model.ac_pf, start)
        sound = len(voltage) > 0 and lowest_voltage(voltage, self._buses) >= FALSE_VOLTAGE_PU
        return voltage if sound else None

    @staticmethod
    def _run(
        solve: Callable[..., Complexes], start: Complexes, iterations: int = MAX_ITERATIONS
    ) -> Complexes:
        """A solution from ``start``, empty without one; an error of the solver is no solution either."""
        try:
            return solve(start, iterations, TOLERANCE_PU)
        except RuntimeError:
            return np.zeros(0, dtype=np.complex128)

    def _keep(self, voltage: Complexes, least_pu: float = FALSE_VOLTAGE_PU) -> bool:
        """Take what the model has just found, ``voltage`` (n,); False where that is below ``least_pu``."""
        power, reactive, _ = self._model.get_gen_res()
        kept, self._settled = take_solution(
            voltage, power, reactive, least_pu, self._buses, self._placed, self._limits, *self._solution
        )
        return bool(kept)
