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
    power_mw (u,): the operator's answer. shown: lies that were left out because the operator's dispatch could
    not keep its limits on them, which it would see."""

    line: int
    loading_pu: float
    shift_mw: Floats
    power_mw: Floats
    shown: int


def worst_found(model: PlantModel, state: GridState, tau: float) -> Found | None:
    """For every line and direction the invisible shift that hides most on it, answered by the economic,
    secure dispatch over the units' whole ranges; the worst true loading of any line, None where no lie is
    answered within limits.

    Load redistribution is bilevel (Yuan, Li, Ren 2011); the shift that hides most is a good guess, no more.
    """
    cost = np.array([unit.cost_per_mwh for unit in model.units])
    case = DispatchCase(
        build_dc_model(model, state.closed), state.unit_bus, cost, state.limit_mw, state.emergency_mw
    )
    dispatch, total = Dispatch(case), float(state.power_mw.sum())
    impact = GridImpact(state, tau, "hidden")
    best: Found | None = None
    shown = 0
    for line in np.flatnonzero(state.live):
        for sign in (1, -1):
            shift = impact.direction(int(line), sign).shift_mw
            answer = dispatch.solve(
                state.load_mw + shift, state.offset_mw, total, state.unit_low_mw, state.unit_high_mw
            )
            if answer.slack_mw > SHOWN_MW or abs(answer.shortage_mw) > SHOWN_MW:
                shown += 1
                continue
            loading = np.abs(state.flows(answer.power_mw, state.load_mw)) / state.limit_mw
            loading = np.where(state.live, loading, 0.0)
            worst = int(loading.argmax())
            if best is None or loading[worst] > best.loading_pu:
                best = Found(worst, float(loading[worst]), shift, answer.power_mw, 0)
    return None if best is None else best._replace(shown=shown)
