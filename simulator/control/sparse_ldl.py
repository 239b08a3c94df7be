"""Symmetric sparse systems of one pattern, ordered and analysed once and factorised as often as values
change.

scipy's ``splu`` analyses anew at every call, which takes longer than the numbers themselves.
"""

from __future__ import annotations

from copy import copy

import numpy as np
from numpy.typing import NDArray

from simulator.control.ldl_kernels import Pattern, eliminate, factorise, invert_on_pattern, substitute

Floats = NDArray[np.float64]
Index = NDArray[np.int64]
Flags = NDArray[np.bool_]

SMALL_PIVOT = 1e-9


class SparseLdl:
    """L D L^T of symmetric matrices (n, n) with entries at most at (rows, columns) and on the diagonal.

    rows, columns (e,): each pair once, in either order. values: the entries to fill before ``factorise``, at
    ``slots(row, column)``. No pivoting: for matrices that are definite or nearly so. fixed (n,): unknowns
    that the matrix leaves undetermined; ``solve`` keeps them at 0.
    """

    def __init__(self, n: int, rows: Index, columns: Index) -> None:
        self.n = n
        self._order = _minimum_degree(n, rows, columns)
        place = np.empty(n, dtype=np.int64)
        place[self._order] = np.arange(n)
        self._place = place
        pairs = np.r_[rows, np.arange(n)], np.r_[columns, np.arange(n)]
        low, high = self._sorted(*pairs)
        keys = np.unique(high * n + low)
        self._keys = keys
        start = np.searchsorted(keys, np.arange(n + 1) * n)
        parent, count = eliminate(n, start, keys % n)
        below = np.concatenate(([0], np.cumsum(count)))
        self._pattern = Pattern(start, keys % n, parent, below, np.zeros(int(below[-1]), dtype=np.int64))
        self._lower, self._pivot = np.zeros(int(below[-1])), np.ones(n)
        self._fixed = np.zeros(n, dtype=np.bool_)
        self.values = np.zeros(len(keys))
        self.values[self.slots(np.arange(n), np.arange(n))] = 1.0
        self.factorise()  # fills the pattern of L

    def like(self) -> SparseLdl:
        """Another matrix of the same pattern, its values still 0."""
        other = copy(self)
        other._lower, other._pivot = np.zeros_like(self._lower), np.ones(self.n)
        other._fixed, other.values = np.zeros(self.n, dtype=np.bool_), np.zeros_like(self.values)
        return other

    def _sorted(self, rows: Index, columns: Index) -> tuple[Index, Index]:
        a, b = self._place[rows], self._place[columns]
        return np.minimum(a, b), np.maximum(a, b)

    def slots(self, rows: Index, columns: Index) -> Index:
        """Positions in ``values`` of the entries (row, column), which are those of (column, row)."""
        low, high = self._sorted(rows, columns)
        return np.asarray(np.searchsorted(self._keys, high * self.n + low), dtype=np.int64)

    def factorise(self) -> None:
        """Take the present ``values``."""
        factorise(self._pattern, self.values, SMALL_PIVOT, self._lower, self._pivot, self._fixed)

    @property
    def fixed(self) -> Flags:
        """(n,) unknowns without a pivot in the last factorisation."""
        return np.asarray(self._fixed[self._place])

    def solve(self, right: Floats) -> Floats:
        """x (n,) of matrix @ x = right."""
        x = right[self._order]
        substitute(self._pattern.below, self._pattern.place, self._lower, self._pivot, x)
        return np.asarray(x[self._place])

    @property
    def parts(self) -> tuple[Index, Index, Floats, Floats, Index]:
        """For kernels: pattern of L (``below``, ``place``), L, pivots, and each unknown's place in the
        elimination order."""
        return self._pattern.below, self._pattern.place, self._lower, self._pivot, self._place

    def inverse_at_slots(self) -> Floats:
        """Entries of the inverse at every slot of ``values``."""
        inside, diagonal = invert_on_pattern(self._pattern, self._lower, self._pivot)
        high, low = self._keys // self.n, self._keys % self.n
        column = np.repeat(np.arange(self.n), np.diff(self._pattern.below))
        where = np.searchsorted(column * self.n + self._pattern.place, low * self.n + high)
        off = low != high
        found: Floats = diagonal[low]
        found[off] = inside[where[off]]
        return found


def _minimum_degree(n: int, rows: Index, columns: Index) -> Index:
    """Elimination order (n,) that keeps L sparse, from SuperLU's minimum degree on A + A^T."""
    from scipy.sparse import csc_matrix, eye
    from scipy.sparse.linalg import splu

    off = rows != columns
    pattern = csc_matrix((np.full(int(off.sum()), -1.0), (rows[off], columns[off])), shape=(n, n))
    whole = pattern + pattern.T
    whole = csc_matrix(whole + eye(n) * (float(n) + 1.0 - whole.sum(axis=1).min()))
    order = splu(
        whole, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
    ).perm_c
    inverse = np.empty(n, dtype=np.int64)
    inverse[order] = np.arange(n)
    return inverse
