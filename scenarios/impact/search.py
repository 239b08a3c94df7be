"""What the operator's own dispatch does on invisible shifts: a search, so a lower bound beside the proof."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.statements.grid_impact import GridImpact
from detectors.statements.grid_state import GridState
from simulator.control.dc_model import build_dc_model
from simulator.control.dispatch import Dispatch, DispatchCase
from streams.plant_model import PlantModel

Floats = NDArray[np.float64]

SHOWN_MW = 0.01
"""A believed overload above this is no answer within limits."""


class Found(NamedTuple):
    """Worst true loading found: of a line (position), per unit of its limit; shift_mw (n,) that led to it;
    power_mw (u,): the operator's answer."""

    line: int
    loading_pu: float
    shift_mw: Floats
    power_mw: Floats


class Search(NamedTuple):
    """within: worst of the lies that the dispatch answers within its limits; shown: of those on which it
    cannot, so that it sees a believed overload and no proof speaks of them; None where there is none.
    count_shown: how many of ``tried`` lies these are."""

    within: Found | None
    shown: Found | None
    count_shown: int
    tried: int


def search(model: PlantModel, state: GridState, tau: float) -> Search:
    """For every line and direction the invisible shift that hides most on it, answered by the economic,
    secure dispatch over the units' whole ranges.

    Load redistribution is bilevel (Yuan, Li, Ren 2011); the shift that hides most is a good guess, no more.
    """
    cost = np.array([unit.cost_per_mwh for unit in model.units])
    case = DispatchCase(
        build_dc_model(model, state.closed), state.unit_bus, cost, state.limit_mw, state.emergency_mw
    )
    dispatch, total = Dispatch(case), float(state.power_mw.sum())
    impact = GridImpact(state, tau, "hidden")
    worst: dict[bool, Found] = {}
    count = {True: 0, False: 0}
    for line in np.flatnonzero(state.live):
        for sign in (1, -1):
            shift = impact.direction(int(line), sign).shift_mw
            answer = dispatch.solve(
                state.load_mw + shift, state.offset_mw, total, state.unit_low_mw, state.unit_high_mw
            )
            within = answer.slack_mw <= SHOWN_MW and abs(answer.shortage_mw) <= SHOWN_MW
            count[within] += 1
            loading = np.abs(state.flows(answer.power_mw, state.load_mw)) / state.limit_mw
            loading = np.where(state.live, loading, 0.0)
            top = int(loading.argmax())
            if within not in worst or loading[top] > worst[within].loading_pu:
                worst[within] = Found(top, float(loading[top]), shift, answer.power_mw)
    return Search(worst.get(True), worst.get(False), count[False], count[True] + count[False])
