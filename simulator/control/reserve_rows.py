"""Contingency reserve as rows of the dispatch: what is left must cover the loss of the largest unit.

NERC BAL-002: reserve at least equal to the most severe single contingency, recovered within 15 minutes; here
a unit counts with what it can ramp in REACH_MIN. A lost unit takes its own reserve with it, so for every unit
i: sum_j r_j - r_i >= share p_i.
"""

from __future__ import annotations

from typing import NamedTuple

import highspy
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

REACH_MIN = 10.0
SHORTAGE_COST_PER_MWH = 1_000.0
"""Below the cost of a believed overload: lines come first."""

TOLERANCE_MW = 1e-6


class Reserve(NamedTuple):
    """share: of the largest unit's output to be covered, from 0; capacity_mw, reach_mw (u,): output that a
    unit can reach at all, and by how much it can rise in REACH_MIN; both 0 for a unit that is off."""

    share: float
    capacity_mw: Floats
    reach_mw: Floats

    def held(self, power_mw: Floats) -> bool:
        """Whether a dispatch (u,) leaves enough."""
        own = np.clip(self.capacity_mw - power_mw, 0.0, self.reach_mw)
        return bool((own.sum() - own >= self.share * power_mw - TOLERANCE_MW).all())


class ReserveRows:
    """Columns r (u), the cover M and its shortage; rows p + r <= capacity, share p + r <= M, M <= sum r +
    short.

    The first u columns of the programme are the units' powers.
    """

    def __init__(self, highs: highspy.Highs, reserve: Reserve) -> None:
        self._highs, n = highs, len(reserve.capacity_mw)
        self._first_column, self._first_row = highs.getNumCol(), highs.getNumRow()
        inf = highspy.kHighsInf
        for _ in range(n):
            highs.addCol(0.0, 0.0, 0.0, 0, [], [])
        cover, self.slack_column = self._first_column + n, self._first_column + n + 1
        highs.addCol(0.0, 0.0, inf, 0, [], [])
        highs.addCol(SHORTAGE_COST_PER_MWH, 0.0, inf, 0, [], [])
        own = self._first_column + np.arange(n)
        for i in range(n):
            highs.addRow(-inf, 0.0, 2, np.array([i, own[i]], dtype=np.int32), np.ones(2))
        for i in range(n):
            columns = np.array([i, own[i], cover], dtype=np.int32)
            highs.addRow(-inf, 0.0, 3, columns, np.array([reserve.share, 1.0, -1.0]))
        columns = np.r_[cover, own, self.slack_column].astype(np.int32)
        highs.addRow(-inf, 0.0, n + 2, columns, np.r_[1.0, -np.ones(n), -1.0])
        self.update(reserve)

    def update(self, reserve: Reserve) -> None:
        """Take new capacities and reaches; the share stays as it was."""
        n = len(reserve.capacity_mw)
        columns = (self._first_column + np.arange(n)).astype(np.int32)
        self._highs.changeColsBounds(n, columns, np.zeros(n), reserve.reach_mw)
        for i, capacity in enumerate(reserve.capacity_mw.tolist()):
            # A unit above what it is believed capable of holds no reserve, and breaks no rule by it.
            self._highs.changeRowBounds(self._first_row + i, -highspy.kHighsInf, max(capacity, 0.0))
