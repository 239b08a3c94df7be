"""AC power flow of one island on one lightsim2grid model."""

from __future__ import annotations

import warnings
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from simulator.grid.case import GridCase

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]
Flags = NDArray[np.bool_]
Start = Literal["warm", "flat", "dc", "none"]

MAX_ITERATIONS = 15
TOLERANCE_PU = 1e-8
# A solution below this is the lower branch of the PV curve unless a flat start finds it too.
SUSPECT_VOLTAGE_PU = 0.7
# Below this it is no operating point: a bus without injection has a root at 0 V, which is a short circuit.
FALSE_VOLTAGE_PU = 0.3


def build_model(case: GridCase) -> Any:
    """lightsim2grid model of the whole case without a slack; elements are in case order."""
    # Imported here: it costs half a second, which commands without a grid should not pay.
    from lightsim2grid.network import init_from_matpower

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = init_from_matpower(_matpower(case))
    for slack in [g.id for g in model.get_generators() if g.is_slack]:
        model.remove_gen_slackbus(slack)
    return model


def _matpower(case: GridCase) -> dict[str, Any]:
    n, g, branches = len(case.bus_name), len(case.unit_name), len(case.branch_name)
    bus, unit, branch = np.zeros((n, 13)), np.zeros((g, 21)), np.zeros((branches, 13))
    bus[:, 0] = np.arange(1, n + 1)
    bus[:, 1] = 1
    bus[case.unit_bus, 1] = 2
    bus[case.reference_bus, 1] = 3
    bus[case.load_bus, 2], bus[case.load_bus, 3] = case.load_mw, case.load_mvar
    bus[:, 4], bus[:, 5] = case.bus_gs_mw, case.bus_bs_mvar
    bus[:, 7], bus[:, 9], bus[:, 11], bus[:, 12] = 1.0, case.bus_kv, 1.1, 0.9
    unit[:, 0], unit[:, 1] = case.unit_bus + 1, case.unit_scheduled_mw
    unit[:, 3], unit[:, 4], unit[:, 5] = case.unit_q_max_mvar, case.unit_q_min_mvar, case.unit_voltage_pu
    unit[:, 6], unit[:, 7] = case.base_mva, 1.0
    unit[:, 8], unit[:, 9] = case.unit_p_max_mw, case.unit_p_min_mw
    branch[:, 0], branch[:, 1] = case.branch_from + 1, case.branch_to + 1
    branch[:, 2], branch[:, 3], branch[:, 4] = case.branch_r, case.branch_x, case.branch_b
    branch[:, 8] = np.where(case.branch_is_transformer, case.branch_tap, 0.0)
    branch[:, 9], branch[:, 10] = case.branch_shift_deg, 1.0
    return {"version": "2", "baseMVA": case.base_mva, "bus": bus, "gen": unit, "branch": branch}


class IslandSolver:
    """Power flow of one island; everything outside is switched off in its own copy of the model.

    bus (n,): True inside; closed (l,), unit_on (g,): status; participation (g,): share of each unit in the
    island's imbalance, units at 0 take none. Loads and unit powers are rounded to float32 by lightsim2grid
    (1e-5 MW), so balances hold to that.
    """

    def __init__(
        self, case: GridCase, model: Any, bus: Flags, closed: Flags, unit_on: Flags, participation: Floats
    ) -> None:
        self.bus = bus
        self.load = bus[case.load_bus]
        self.unit = bus[case.unit_bus] & unit_on
        self._case = case
        self._model = model.copy()
        self._line_of = np.cumsum(~case.branch_is_transformer) - 1
        self._transformer_of = np.cumsum(case.branch_is_transformer) - 1
        self._switch_off_outside(closed & bus[case.branch_from])
        for i in np.flatnonzero(self.unit & (participation > 0.0)):
            self._model.add_gen_slackbus(int(i), float(participation[i]))
        self._flat = np.where(bus, 1.0 + 0.0j, 0.0j)
        self._flat[case.unit_bus[self.unit]] = case.unit_voltage_pu[self.unit]
        # Large networks have no solution within reach of a flat start.
        self.voltage = np.where(bus, case.bus_printed_pu, 0.0j)
        self.unit_mw = np.zeros(len(case.unit_name))
        self.unit_mvar = np.zeros(len(case.unit_name))

    def _switch_off_outside(self, closed: Flags) -> None:
        case, model = self._case, self._model
        for i in np.flatnonzero(~closed):
            self.open_branch(int(i))
        for i in np.flatnonzero(~self.unit):
            model.deactivate_gen(int(i))
        for i in np.flatnonzero(~self.load):
            model.deactivate_load(int(i))
        shunts = np.flatnonzero((case.bus_gs_mw != 0.0) | (case.bus_bs_mvar != 0.0))
        for shunt, bus in enumerate(shunts):
            if not self.bus[bus]:
                model.deactivate_shunt(shunt)

    def open_branch(self, i: int) -> None:
        """Take branch i out; the caller knows that the island stays in one part."""
        if self._case.branch_is_transformer[i]:
            self._model.deactivate_trafo(int(self._transformer_of[i]))
        else:
            self._model.deactivate_powerline(int(self._line_of[i]))

    def drop_unit(self, i: int) -> None:
        """Take unit i out; its bus becomes a load bus unless another unit holds its voltage."""
        self.unit[i] = False
        if self._model.get_generators()[i].is_slack:
            self._model.remove_gen_slackbus(i)
        self._model.deactivate_gen(i)

    def solve(self, load_mw: Floats, load_mvar: Floats, unit_mw: Floats) -> Start:
        """Solve for demand (d,) and mechanical power (g,), whose sum the participating units make good.

        Returns the start that led to a solution: "warm", else "flat", else "dc"; "none" without a solution,
        and then ``voltage``, ``unit_mw`` and ``unit_mvar`` keep their last values.
        """
        model = self._model
        model.update_loads_p(self.load, load_mw.astype(np.float32))
        model.update_loads_q(self.load, load_mvar.astype(np.float32))
        model.update_gens_p(self.unit, unit_mw.astype(np.float32))
        found = self._try(self.voltage)
        if found is not None and float(np.abs(found[self.bus]).min()) >= SUSPECT_VOLTAGE_PU:
            return self._keep(found, "warm")
        flat = self._try(self._flat)
        if flat is not None:
            return self._keep(flat, "flat" if found is None else "warm")
        if found is not None:
            self._try(found)
            return self._keep(found, "warm")
        linear = model.dc_pf(self._flat.copy(), MAX_ITERATIONS, TOLERANCE_PU)
        found = self._try(linear) if len(linear) else None
        return "none" if found is None else self._keep(found, "dc")

    def _try(self, start: Complexes) -> Complexes | None:
        voltage: Complexes = self._model.ac_pf(start.copy(), MAX_ITERATIONS, TOLERANCE_PU)
        if not len(voltage) or not float(np.abs(voltage[self.bus]).min()) >= FALSE_VOLTAGE_PU:
            return None
        return voltage

    def _keep(self, voltage: Complexes, start: Start) -> Start:
        self.voltage = np.where(self.bus, voltage, 0.0j)
        power, reactive, _ = self._model.get_gen_res()
        # Copies: the model hands out views of memory that its next solution overwrites.
        self.unit_mw, self.unit_mvar = power.copy(), reactive.copy()
        return start
