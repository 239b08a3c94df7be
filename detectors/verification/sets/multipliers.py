"""Linear programmes over a box and linear constraints, with one objective after the other (HiGHS).

What comes out is a good guess and no more: whoever uses it proves what needs proof.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class LinearProgramme:
    """min c @ x, low <= x <= high, row_low <= matrix @ x <= row_high."""

    def __init__(self, matrix: Floats, row_low: Floats, row_high: Floats, low: Floats, high: Floats) -> None:
        import highspy
        from scipy.sparse import csr_array

        self._highs, self._done = highspy.Highs(), highspy.HighsModelStatus.kOptimal
        options = {"output_flag": False, "threads": 1, "solver": "simplex", "presolve": "off"}
        for option, value in options.items():
            self._highs.setOptionValue(option, value)
        # HiGHS has absolute tolerances: inputs run from -1 to 1, and no row moves further.
        self._middle, self._reach = 0.5 * low + 0.5 * high, 0.5 * (high - low)
        scaled = matrix * self._reach
        room = np.abs(scaled).sum(axis=1)
        self._room = np.where(room > 0.0, room, 1.0)
        rows, shift = csr_array(scaled / self._room[:, None]), matrix @ self._middle
        programme = highspy.HighsLp()
        programme.num_row_, programme.num_col_ = matrix.shape
        programme.col_cost_ = np.zeros(matrix.shape[1])
        programme.col_lower_ = np.full(matrix.shape[1], -1.0)
        programme.col_upper_ = np.full(matrix.shape[1], 1.0)
        programme.row_lower_ = (row_low - shift) / self._room
        programme.row_upper_ = (row_high - shift) / self._room
        programme.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        programme.a_matrix_.start_ = rows.indptr
        programme.a_matrix_.index_, programme.a_matrix_.value_ = rows.indices, rows.data
        self._highs.passModel(programme)
        self._columns = np.arange(matrix.shape[1], dtype=np.int32)

    def solve(self, cost: Floats) -> tuple[Floats, Floats] | None:
        """Primal point (n,) and multipliers (rows,) of the optimum, None where HiGHS finds none."""
        scaled = cost * self._reach
        if not np.isfinite(scaled).all():
            return None
        scale = float(np.abs(scaled).max(initial=0.0)) or 1.0
        # From nothing each time: an answer must not depend on what was asked before.
        self._highs.clearSolver()
        self._highs.changeColsCost(len(cost), self._columns, np.ascontiguousarray(scaled / scale))
        self._highs.run()
        if self._highs.getModelStatus() != self._done:
            return None
        found = self._highs.getSolution()
        point = self._middle + self._reach * np.asarray(found.col_value)
        return point, np.asarray(found.row_dual) * scale / self._room
