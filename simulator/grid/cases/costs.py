"""Marginal cost of every unit as one figure."""

from __future__ import annotations

import numpy as np

from simulator.grid.cases import columns as col
from simulator.grid.cases.tables import Floats, Tables
from streams.errors import BadInput

PIECEWISE, POLYNOMIAL = 1, 2
DEFAULT_COST_PER_MWH = 20.0
COST_NOTE = "Cost per MWh is the slope of the case's cost curve at half capacity."
NO_COST_NOTE = f"The case has no costs: {DEFAULT_COST_PER_MWH:g} per MWh for every unit."


def cost_per_mwh(tables: Tables) -> tuple[Floats, str]:
    """(g,) slope of each cost curve at half capacity, 0 for units without capacity; and the sentence on it.

    Raises BadInput for a cost model other than 1 (piecewise linear) and 2 (polynomial) or a row too short.
    """
    p_max = tables.gen[:, col.PMAX]
    if not len(tables.gencost):
        return np.where(p_max > 0.0, DEFAULT_COST_PER_MWH, 0.0), NO_COST_NOTE
    if len(tables.gencost) < len(p_max):
        rows = f"one row for each of {len(p_max)} units"
        raise BadInput(f"{tables.source} gencost rows", len(tables.gencost), rows)
    half = np.maximum(p_max / 2.0, tables.gen[:, col.PMIN])
    slopes = [_slope(tables, i, float(half[i])) if p_max[i] > 0.0 else 0.0 for i in range(len(p_max))]
    return np.array(slopes, dtype=np.float64), COST_NOTE


def _slope(tables: Tables, unit: int, p_mw: float) -> float:
    cost = tables.gencost[unit]
    model, n = cost[col.MODEL], int(cost[col.NCOST])
    where = f"{tables.source} gencost row {unit + 1}"
    if model not in (PIECEWISE, POLYNOMIAL):
        raise BadInput(f"{where} model", float(model), "1 (piecewise linear), 2 (polynomial)")
    used = cost[col.COST : col.COST + (2 * n if model == PIECEWISE else n)]
    if n < 0 or len(used) < (2 * n if model == PIECEWISE else n) or (model == PIECEWISE and n < 2):
        raise BadInput(f"{where} n", n, f"a curve that fits in {len(cost) - col.COST} columns")
    if model == POLYNOMIAL:
        return float(sum(c * k * p_mw ** (k - 1) for k, c in enumerate(used[::-1]) if k))
    power, total = used[0::2], used[1::2]
    piece = int(np.clip(np.searchsorted(power, p_mw, side="right") - 1, 0, n - 2))
    width = power[piece + 1] - power[piece]
    if not width > 0.0:
        raise BadInput(f"{where} points", float(power[piece + 1]), "rising powers")
    return float((total[piece + 1] - total[piece]) / width)
