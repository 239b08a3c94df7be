"""Numba kernel that reduces the scans of one window; private, unvalidated, no allocation."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PROPORTION = 1e15
"""Sums of magnitudes from here on leave the fast path: something further on could overflow."""


@njit(cache=True)  # type: ignore[untyped-decorator]
def mean_scans(
    values: Floats,
    statuses: Floats,
    newest: int,
    lowest: Floats,
    highest: Floats,
    floor: Floats,
    roof: Floats,
    centre: Floats,
    size: Floats,
) -> int:
    """Mean and mean magnitude over the scans of one window, the fast path.

    values: (scans, columns) MW; statuses: (scans, branches); both in cyclic order of time, ``newest`` the row
    of the latest scan. lowest, highest: (branches,) statuses that surely show the expected topology; floor,
    roof: (columns,) means that are surely plausible. Sums run from the oldest scan on. Writes centre and size
    (mean of |value|), returns 0 if all is there and inside, 1 where a value is not, 2 where a status is not.
    """
    scans, n = values.shape
    outside = 0
    for s in range(scans):
        for b in range(lowest.shape[0]):
            x = statuses[s, b]
            outside += not (x >= lowest[b] and x <= highest[b])
        if outside:
            return 2
    weight = 1.0 / scans
    total = 0.0
    for t in range(n):
        centre[t] = 0.0
        size[t] = 0.0
    row = newest
    for _ in range(scans):
        row = row + 1 if row + 1 < scans else 0
        for t in range(n):
            x = values[row, t] * weight
            centre[t] += x
            size[t] += abs(x)
    for t in range(n):
        total += size[t]
        outside += not (centre[t] >= floor[t] and centre[t] <= roof[t])
    return 0 if outside == 0 and total < PROPORTION else 1
