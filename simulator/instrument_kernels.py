"""Compiled kernel of the instruments. Private, pure but for ``out``, unvalidated; oracle in its test."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@njit(cache=True)  # type: ignore[untyped-decorator]
def read_out(
    true: Floats,
    before: Floats,
    late: Floats,
    gain: Floats,
    offset: Floats,
    share: Floats,
    absolute: Floats,
    noise: Floats,
    low: Floats,
    high: Floats,
    step: Floats,
    exact: Flags,
    out: Floats,
) -> None:
    """Readings of every tag into ``out``; all arrays (tags,).

    late: share of a scan by which a sample is old: it lies between ``before`` (last scan) and ``true``.
    gain, offset: of the device now; share, absolute: one sigma of white noise; step: of the converter.
    """
    for i in range(len(true)):
        if exact[i]:
            out[i] = true[i]
            continue
        seen = true[i] + late[i] * (before[i] - true[i])
        value = gain[i] * seen + offset[i] + (share[i] * abs(seen) + absolute[i]) * noise[i]
        value = low[i] + np.rint((value - low[i]) / step[i]) * step[i]
        out[i] = min(max(value, low[i]), high[i])
