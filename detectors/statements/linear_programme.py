"""Linear programmes over a box with a proven upper bound of their optimum: HiGHS proposes, duality proves.

For any multipliers y, c @ x = y @ (rows @ x) + (c - rows.T @ y) @ x, so

    max c @ x  <=  sum_i max(y_i row_low_i, y_i row_high_i) + sum_j max(d_j low_j, d_j high_j)

with d = c - rows.T @ y (weak duality; Neumaier and Shcherbina, "Safe bounds in linear and mixed-integer
linear programming", 2004). Whatever the solver's tolerances are, its multipliers give a bound; here it is
evaluated with its rounding charged. The box is finite, so no multiplier can be infeasible.
"""

from __future__ import annotations

from typing import NamedTuple

import highspy
import numpy as np
from numpy.typing import NDArray

from detectors.verification.rounding import SPARE, UNIT
from streams.errors import BadInput

Floats = NDArray[np.float64]


class Optimum(NamedTuple):
    """bound: at least the maximum, proven (of an empty set every number is one); value: the solver's own
    optimum at ``point`` (n,), which keeps the rows to the solver's tolerance. NaN and a point of zeros where
    the solver found none."""

    bound: float
    value: float
    point: Floats


class Programme:
    """low <= x <= high, (n,) and finite; row_low <= rows @ x <= row_high, (m, n), infinite ends allowed.

    The rows are the stored numbers. Solves warm from the last objective. Raises BadInput for a box that is
    empty or not finite.
    """

    def __init__(self, rows: Floats, row_low: Floats, row_high: Floats, low: Floats, high: Floats) -> None:
        if not (np.isfinite(low).all() and np.isfinite(high).all() and (low <= high).all()):
            raise BadInput("linear programme, box", "not finite or empty", "finite bounds, low at most high")
        self.low, self.high = np.array(low, dtype=np.float64), np.array(high, dtype=np.float64)
        self.rows = np.empty((0, len(low)))
        self.row_low, self.row_high = np.empty(0), np.empty(0)
        self._highs = highspy.Highs()
        for option, value in (
            ("output_flag", False),
            ("threads", 1),
            ("solver", "simplex"),
            ("presolve", "off"),
        ):
            self._highs.setOptionValue(option, value)
        self._highs.addVars(len(low), self.low, self.high)
        self._highs.changeObjectiveSense(highspy.ObjSense.kMaximize)
        self.add(rows, row_low, row_high)

    def add(self, rows: Floats, row_low: Floats, row_high: Floats) -> None:
        """More rows, (m, n), (m,), (m,)."""
        if not np.isfinite(rows).all():
            raise BadInput("linear programme, rows", "NaN or infinity", "finite coefficients")
        self.rows = np.vstack([self.rows, rows])
        self.row_low, self.row_high = np.r_[self.row_low, row_low], np.r_[self.row_high, row_high]
        for row, a, b in zip(rows, row_low, row_high, strict=True):
            at = np.flatnonzero(row).astype(np.int32)
            self._highs.addRow(float(a), float(b), len(at), at, row[at])

    def bound_row(self, row: int, low: float, high: float) -> None:
        """New ends of one row."""
        self.row_low[row], self.row_high[row] = low, high
        self._highs.changeRowBounds(row, float(low), float(high))

    def highest(self, objective: Floats) -> Optimum:
        """Largest objective @ x, (n,)."""
        n = len(self.low)
        self._highs.changeColsCost(n, np.arange(n, dtype=np.int32), np.asarray(objective, dtype=np.float64))
        self._highs.run()
        solution = self._highs.getSolution()
        found = self._highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
        dual = np.asarray(solution.row_dual) if solution.dual_valid else np.zeros(len(self.row_low))
        point = np.asarray(solution.col_value) if found else np.zeros(n)
        value = float(objective @ point) if found else float("nan")
        return Optimum(self.upper_bound(objective, dual), value, point)

    def upper_bound(self, objective: Floats, dual: Floats) -> float:
        """Proven upper bound of objective @ x from multipliers (m,), whatever they are; rounded up."""
        end = np.where(dual > 0.0, self.row_high, self.row_low)
        y = np.where(np.isfinite(end) & np.isfinite(dual), dual, 0.0)
        ends = y * np.where(np.isfinite(end), end, 0.0)
        reduced = objective - self.rows.T @ y
        size = np.abs(objective) + np.abs(self.rows).T @ np.abs(y)
        error = _theta(len(y) + 1) * size * SPARE
        corner = np.maximum(reduced * self.low, reduced * self.high)
        largest = np.maximum(np.abs(self.low), np.abs(self.high))
        spread = (np.abs(reduced) + error) * largest
        total = float(ends.sum() + corner.sum() + (error * largest).sum())
        charge = _theta(len(y) + 2 * len(reduced)) * float(np.abs(ends).sum() + spread.sum()) * SPARE
        return float(np.nextafter(total + charge, np.inf))


def _theta(terms: int) -> float:
    return 16.0 * (terms + 8.0) * UNIT
