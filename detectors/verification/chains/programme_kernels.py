"""A small linear programme: the point of a box where the greatest of a few lines is least.

Nothing rests on its accuracy: any multipliers of at least 0 give a sound bound, and any point is evaluated.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.verification.chains.compiled import kernel, part, whole

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PIVOTS = 200
TINY = 1e-12


class Dictionary(NamedTuple):
    """Simplex dictionary, scratch. table: (rows, variables + 2), row 0 the objective, last column constants;
    owner: (rows,) and column: (variables + 1,) which variable stands where, slacks behind the inputs;
    flipped: (variables,) whether an input is counted from its upper end."""

    table: Floats
    owner: Ints
    column: Ints
    flipped: Ints


def new_dictionary(rows: int, inputs: int) -> Dictionary:
    """Empty."""
    return Dictionary(
        np.zeros((rows, inputs + 2)),
        np.zeros(rows, dtype=np.int64),
        np.zeros(inputs + 1, dtype=np.int64),
        np.zeros(inputs, dtype=np.int64),
    )


@part  # type: ignore[untyped-decorator]
def _start(p: Floats, q: Floats, rows: int, low: Floats, high: Floats, d: Dictionary) -> None:
    """At the lower corner: t is the greatest line there, every other row the distance to t."""
    n, table, top = low.shape[0], d.table, 0
    for r in range(rows):
        table[r, n + 1] = q[r]
        for i in range(n):
            table[r, n + 1] += p[r, i] * low[i]
            table[r, i] = p[r, i] * (high[i] - low[i])
        if table[r, n + 1] > table[top, n + 1]:
            top = r
    for k in range(n + 2):
        table[0, k], table[top, k] = table[top, k], table[0, k]
    table[0, n] = 1.0
    d.column[n] = n + top
    for r in range(1, rows):
        for k in range(n + 2):
            table[r, k] = table[0, k] - table[r, k]
        table[r, n] = 1.0
        d.owner[r] = n if r == top else n + r
    for i in range(n):
        d.column[i] = i
        d.flipped[i] = 0


@part  # type: ignore[untyped-decorator]
def _leaving(d: Dictionary, rows: int, k: int, n: int) -> tuple[int, bool]:
    """(row, whether it leaves at its upper end) that stops column k first; row 0 if its own end does, -1 if
    nothing does."""
    step = 1.0 if d.column[k] < n else np.inf
    row, upper = (0, False) if d.column[k] < n else (-1, False)
    for r in range(1, rows):
        slope = d.table[r, k]
        if slope < -TINY:
            reach = d.table[r, n + 1] / -slope
            if reach < step:
                step, row, upper = reach, r, False
        elif slope > TINY and d.owner[r] < n:
            reach = (1.0 - d.table[r, n + 1]) / slope
            if reach < step:
                step, row, upper = reach, r, True
    return row, upper


@part  # type: ignore[untyped-decorator]
def _pivot(d: Dictionary, rows: int, row: int, k: int, last: int) -> None:
    table, slope = d.table, d.table[row, k]
    for i in range(last + 1):
        table[row, i] = -table[row, i] / slope
    table[row, k] = 1.0 / slope
    for r in range(rows):
        factor = table[r, k]
        if r == row or factor == 0.0:
            continue
        table[r, k] = 0.0
        for i in range(last + 1):
            table[r, i] += factor * table[row, i]
    d.owner[row], d.column[k] = d.column[k], d.owner[row]


@kernel  # type: ignore[untyped-decorator]
def least_greatest(
    p: Floats, q: Floats, rows: int, low: Floats, high: Floats, d: Dictionary, multipliers: Floats, x: Floats
) -> None:
    """Where max over rows of p @ x + q is least: writes x (inputs,), and multipliers (rows,), >= 0 and of
    sum 1, for which the combined line has that least value over the box. Bounded simplex, Dantzig's rule."""
    n = low.shape[0]
    last = n + 1
    _start(p, q, rows, low, high, d)
    largest = 0.0
    for i in range(n):
        largest = max(largest, abs(d.table[0, i]))
    for _ in range(PIVOTS):
        k, best = whole(-1), -TINY * largest
        for i in range(last):
            if d.table[0, i] < best:
                k, best = i, d.table[0, i]
        if k < 0:
            break
        row, upper = _leaving(d, rows, k, n)
        if row < 0:
            break
        if row == 0:
            for r in range(rows):
                d.table[r, last] += d.table[r, k]
                d.table[r, k] = -d.table[r, k]
            d.flipped[d.column[k]] = 1 - d.flipped[d.column[k]]
            continue
        if upper:
            for i in range(last):
                d.table[row, i] = -d.table[row, i]
            d.table[row, last] = 1.0 - d.table[row, last]
            d.flipped[d.owner[row]] = 1 - d.flipped[d.owner[row]]
        _pivot(d, rows, row, k, last)
    _read(d, rows, low, high, multipliers, x)


@part  # type: ignore[untyped-decorator]
def _read(d: Dictionary, rows: int, low: Floats, high: Floats, multipliers: Floats, x: Floats) -> None:
    n, total = low.shape[0], 0.0
    for r in range(rows):
        multipliers[r] = 0.0
    for i in range(n):
        x[i] = 0.0
    for k in range(n + 1):
        if d.column[k] >= n:
            multipliers[d.column[k] - n] = max(d.table[0, k], 0.0)
            total += multipliers[d.column[k] - n]
    if not (total > 0.0 and total < np.inf):
        multipliers[0] = total = 1.0
        for r in range(1, rows):
            multipliers[r] = 0.0
    for r in range(rows):
        multipliers[r] /= total
    for r in range(1, rows):
        if d.owner[r] < n:
            x[d.owner[r]] = d.table[r, n + 1]
    for i in range(n):
        share = 1.0 - x[i] if d.flipped[i] else x[i]
        x[i] = min(max(low[i] + share * (high[i] - low[i]), low[i]), high[i])
