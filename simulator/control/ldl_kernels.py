"""Compiled LDL^T of sparse symmetric matrices (Davis 2005, ACM TOMS 31(4): up-looking), and entries of the
inverse (Takahashi, Fagan, Chin 1973; Erisman, Tinney 1975). Arrays are in elimination order.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Index = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Pattern(NamedTuple):
    """Upper triangle by columns: row[start[j]:start[j + 1]] in column j. parent: elimination tree, -1 a root.

    below, place: pattern of L by columns, start ``below``, rows ``place``, ascending.
    """

    start: Index
    row: Index
    parent: Index
    below: Index
    place: Index


@njit(cache=True)  # type: ignore[untyped-decorator]
def eliminate(n: int, start: Index, row: Index) -> tuple[Index, Index]:
    """Elimination tree and number of entries below the diagonal in every column of L."""
    parent, count, mark = np.full(n, -1), np.zeros(n, dtype=np.int64), np.full(n, -1)
    for k in range(n):
        mark[k] = k
        for p in range(start[k], start[k + 1]):
            i = row[p]
            while i < k and mark[i] != k:
                if parent[i] == -1:
                    parent[i] = k
                count[i] += 1
                mark[i] = k
                i = parent[i]
    return parent, count


@njit(cache=True)  # type: ignore[untyped-decorator]
def factorise(
    pattern: Pattern, value: Floats, small: float, lower: Floats, pivot: Floats, fixed: Flags
) -> None:
    """Fill ``lower`` (entries of L) and ``pivot``; a pivot below ``small`` times its diagonal entry is made
    infinite, which keeps that unknown at 0, and marked in ``fixed``. ``pattern.place`` is filled too."""
    n = len(pivot)
    work, way = np.zeros(n), np.zeros(n, dtype=np.int64)
    mark, filled = np.full(n, -1), np.zeros(n, dtype=np.int64)
    for k in range(n):
        top = n
        mark[k] = k
        diagonal = 0.0
        for p in range(pattern.start[k], pattern.start[k + 1]):
            i = pattern.row[p]
            work[i] += value[p]
            if i == k:
                diagonal += abs(value[p])
            length = 0
            while mark[i] != k:
                way[length] = i
                length += 1
                mark[i] = k
                i = pattern.parent[i]
            while length > 0:
                length -= 1
                top -= 1
                way[top] = way[length]
        d = work[k]
        work[k] = 0.0
        for q in range(top, n):
            i = way[q]
            y = work[i]
            work[i] = 0.0
            last = pattern.below[i] + filled[i]
            for p in range(pattern.below[i], last):
                work[pattern.place[p]] -= lower[p] * y
            share = y / pivot[i]
            d -= share * y
            pattern.place[last] = k
            lower[last] = share
            filled[i] += 1
        fixed[k] = abs(d) <= small * diagonal
        pivot[k] = np.inf if fixed[k] else d


@njit(cache=True)  # type: ignore[untyped-decorator]
def substitute(below: Index, place: Index, lower: Floats, pivot: Floats, x: Floats) -> None:
    """Solve in place: L D L^T x = x. below, place: see ``Pattern``."""
    n = len(pivot)
    for j in range(n):
        xj = x[j]
        if xj != 0.0:
            for p in range(below[j], below[j + 1]):
                x[place[p]] -= lower[p] * xj
    for j in range(n - 1, -1, -1):
        xj = x[j] / pivot[j]
        for p in range(below[j], below[j + 1]):
            xj -= lower[p] * x[place[p]]
        x[j] = xj


@njit(cache=True)  # type: ignore[untyped-decorator]
def invert_on_pattern(pattern: Pattern, lower: Floats, pivot: Floats) -> tuple[Floats, Floats]:
    """Entries of the inverse where L has any: (below the diagonal, on it)."""
    n = len(pivot)
    inside, diagonal = np.zeros(len(lower)), np.zeros(n)
    column, total = np.zeros(n), np.zeros(n)
    for j in range(n - 1, -1, -1):
        first, last = pattern.below[j], pattern.below[j + 1]
        for p in range(first, last):
            column[pattern.place[p]] = lower[p]
            total[pattern.place[p]] = 0.0
        for p in range(first, last):
            k = pattern.place[p]
            total[k] += diagonal[k] * lower[p]
            for q in range(pattern.below[k], pattern.below[k + 1]):
                i = pattern.place[q]
                # Outside column j's pattern ``column`` is 0, and ``total`` is reset before it is read.
                total[i] += inside[q] * lower[p]
                total[k] += inside[q] * column[i]
        own = 1.0 / pivot[j]
        for p in range(first, last):
            i = pattern.place[p]
            inside[p] = -total[i]
            own += lower[p] * total[i]
        diagonal[j] = own
        for p in range(first, last):
            column[pattern.place[p]] = 0.0
    return inside, diagonal
