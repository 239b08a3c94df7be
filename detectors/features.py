"""Affine feature maps: standardised residual rows of a reduced window, and how they are calibrated.

reduced window u: linear in raw samples (means over scans for the grid; block means and integrals for water).
feature r = (matrix @ u + offset)[r], in units of its own scatter in clean windows. A row is
*defined* when the topology allows it; an undefined or masked row has weight zero and reads nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

MISSING_SIGMA = 1.0
"""A row that missing values could move by more than this many sigma is masked, not read."""
_RIDGE = 1e-9
RIDGE = 0.02
"""Of ``fit_ridge``, on regressors of unit variance."""


@dataclass(frozen=True)
class AffineRows:
    """matrix: (m, n), offset: (m,), defined: (m,). Undefined rows are zero in matrix and offset."""

    matrix: Floats
    offset: Floats
    defined: Bools

    def masked(self, keep: Bools) -> AffineRows:
        """The same rows with those not in ``keep`` set to weight zero."""
        both = self.defined & keep
        return AffineRows(self.matrix * both[:, None], self.offset * both, both)

    def features(self, reduced: Floats) -> Floats:
        """Features of windows: (w, n) -> (w, m)."""
        out: Floats = reduced @ self.matrix.T + self.offset
        return out


@dataclass(frozen=True)
class Calibration:
    """Per row: coefficients on its regressors, shape (m, p), first the constant; sigma: (m,), row units."""

    coefficients: Floats
    sigma: Floats


def fit(residuals: Floats, regressors: Sequence[Floats], defined: Bools, floor: Floats) -> Calibration:
    """Least squares of each residual on a constant and its regressors, over clean windows.

    residuals: (w, m); regressors: each (w, m); defined: (w, m) windows in which the row exists; floor: (m,)
    least sigma. Only these few regressors: whole rows regressed on history would follow collinear loads.
    """
    m = residuals.shape[1]
    coefficients = np.zeros((m, 1 + len(regressors)))
    sigma = np.array(floor, dtype=float)
    for r in range(m):
        use = defined[:, r]
        if int(use.sum()) < 2:
            continue
        table = np.column_stack([np.ones(int(use.sum())), *[x[use, r] for x in regressors]])
        scale = np.maximum(np.sqrt(np.mean(table**2, axis=0)), 1e-12)
        scaled = table / scale
        normal = scaled.T @ scaled / use.sum() + _RIDGE * np.eye(table.shape[1])
        solved = np.linalg.solve(normal, scaled.T @ residuals[use, r] / use.sum())
        coefficients[r] = solved / scale
        left = residuals[use, r] - table @ coefficients[r]
        sigma[r] = max(float(np.std(left)), float(floor[r]))
    return Calibration(coefficients, sigma)


def fit_ridge(residuals: Floats, regressors: Floats, defined: Bools, floor: Floats) -> Calibration:
    """Ridge regression of each residual on a constant and the same regressors (w, p) for all rows.

    Of regressors that nobody can move, none lengthens a row, so there may be many; RIDGE keeps collinear
    ones small. Other arguments as for ``fit``; coefficients (m, 1 + p).
    """
    m = residuals.shape[1]
    coefficients, sigma = np.zeros((m, 1 + regressors.shape[1])), np.array(floor, dtype=float)
    for r in range(m):
        use = defined[:, r]
        if int(use.sum()) < 2:
            continue
        x, y = regressors[use], residuals[use, r]
        centre, scale = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-9)
        z = (x - centre) / scale
        normal = z.T @ z / len(z) + RIDGE * np.eye(z.shape[1])
        slope = np.linalg.solve(normal, z.T @ (y - y.mean()) / len(z)) / scale
        coefficients[r] = np.r_[y.mean() - centre @ slope, slope]
        sigma[r] = max(float(np.std(y - coefficients[r, 0] - x @ slope)), float(floor[r]))
    return Calibration(coefficients, sigma)


def keep_rows(rows: AffineRows, missing: Bools, width: Floats) -> Bools:
    """Rows that stay readable when the inputs in ``missing`` (n,) are free over ``width`` (n,), shape
    (m,)."""
    moved = np.abs(rows.matrix[:, missing]) @ (width[missing] / 2)
    kept: Bools = moved <= MISSING_SIGMA
    return kept
