"""The lightsim2grid model of a case: how its elements are built and numbered."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.grid.case import GridCase

Floats = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True)
class UnitModes:
    """How units stand in the model. limited: reactive limits are enforced, and each of the n_units units
    exists three times: holding its voltage (row i), giving its upper (row n_units + i) or its lower reactive
    limit (row 2 n_units + i); exactly one of the three is switched on while the unit is.
    low_mvar, high_mvar (g,): the limits."""

    n_units: int
    limited: bool
    low_mvar: Floats
    high_mvar: Floats

    @classmethod
    def of(cls, case: GridCase, limited: bool) -> UnitModes:
        """Modes of a case's units. A lower limit above 0 is an operating preference, not a capability: an
        unloaded machine gives no reactive power, so those are taken as 0."""
        return cls(
            len(case.unit_name), limited, np.minimum(case.unit_q_min_mvar, 0.0), case.unit_q_max_mvar.copy()
        )

    @property
    def rows(self) -> int:
        """Machines in the model per unit."""
        return 3 if self.limited else 1

    def row_of(self, unit: Any, mode: Index) -> Any:
        """Row of the machine that stands for ``unit`` (position or positions) at its mode."""
        # 0 holds voltage, 1 upper, -1 lower limit: rows 0, 1 and 2.
        return unit + self.n_units * (mode[unit] % 3)


def branch_positions(case: GridCase) -> Index:
    """(l,) number of each branch among the model's lines, or among its transformers."""
    transformer = case.branch_is_transformer
    return np.asarray(np.where(transformer, np.cumsum(transformer), np.cumsum(~transformer)) - 1)


def shunt_buses(case: GridCase) -> Index:
    """Bus positions of the model's shunts, in its order."""
    return np.flatnonzero((case.bus_gs_mw != 0.0) | (case.bus_bs_mvar != 0.0))


def build_model(case: GridCase, modes: UnitModes) -> Any:
    """lightsim2grid model of the whole case without a slack; elements are in case order."""
    # Imported here: it costs half a second, which commands without a grid should not pay.
    from lightsim2grid.network import init_from_matpower

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = init_from_matpower(_matpower(case))
    for slack in [g.id for g in model.get_generators() if g.is_slack]:
        model.remove_gen_slackbus(slack)
    if modes.limited:
        _add_limited_machines(model, case, modes)
    return model


def _add_limited_machines(model: Any, case: GridCase, modes: UnitModes) -> None:
    """Replace the machines by three of each (see ``UnitModes``); those at a limit are off."""
    g = len(case.unit_name)
    low, high = modes.low_mvar, modes.high_mvar
    model.init_generators_full(
        np.tile(case.unit_scheduled_mw, 3),
        np.tile(case.unit_voltage_pu, 3),
        np.concatenate((np.zeros(g), _finite(high), _finite(low))),
        [True] * g + [False] * (2 * g),
        np.tile(low, 3),
        np.tile(high, 3),
        np.tile(case.unit_bus, 3).astype(np.int32),
    )
    for row in range(g, 3 * g):
        model.deactivate_gen(row)


def _finite(limit_mvar: NDArray[np.float64]) -> NDArray[np.float64]:
    """A limit that is never reached may be infinite in a case; the model wants a number."""
    return np.where(np.isfinite(limit_mvar), limit_mvar, 0.0)


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


def paired(config: Any) -> Any:
    """A lightsim2grid ``AlgoConfig`` changed to Newton iterations in pairs on one factorised Jacobian
    (Shamanskii 1967); a scan in calm takes one pair."""
    from lightsim2grid.algorithm import RefactorPolicyType

    scaling, _, line_search, _ = config.int_params
    config.int_params = [scaling, int(RefactorPolicyType.EveryN), line_search, 2]
    return config
