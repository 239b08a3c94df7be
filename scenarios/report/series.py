"""Long series made short enough to plot, without losing a spike."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MAX_POINTS = 1200


def thin(x: Floats, y: Floats, points: int = MAX_POINTS) -> tuple[list[float], list[float | None]]:
    """Lowest and highest value of each of ``points / 2`` stretches, in time order; NaN becomes None.

    x, y: (n,). A series of at most ``points`` values is returned whole. A stretch without any value keeps
    one gap.
    """
    if len(y) > points:
        kept = _extremes(y, points // 2)
        x, y = x[kept], y[kept]
    return _rounded(x), [None if np.isnan(v) else v for v in _rounded(y)]


def _extremes(y: Floats, stretches: int) -> NDArray[np.intp]:
    edges = np.linspace(0, len(y), stretches + 1).astype(np.intp)
    kept: set[int] = {0, len(y) - 1}
    for start, end in pairwise(edges):
        part = y[start:end]
        missing = np.isnan(part)
        if missing.all():
            kept.add(int(start))
            continue
        kept.add(int(start + np.nanargmin(part)))
        kept.add(int(start + np.nanargmax(part)))
        if missing.any():
            kept.add(int(start + np.argmax(missing)))
    return np.array(sorted(kept), dtype=np.intp)


def _rounded(values: Floats) -> list[float]:
    """Five significant digits are more than a screen shows and a third of the bytes."""
    return [float(f"{value:.5g}") for value in values.tolist()]
