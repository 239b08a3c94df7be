"""Compiled kernel of the instruments. Private, pure but for ``out``, unvalidated; oracle in its test."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Slots = NDArray[np.intp]


class Row(IntEnum):
    """Rows of ``device``, figures of every instrument that is not exact.

    LATE: share of a scan by which a sample is old: it lies between the last scan and this one. GAIN, OFFSET:
    of the device now. SHARE, ABSOLUTE: one sigma of white noise. LOW, HIGH: the range. STEP: of the
    converter.
    """

    LATE = 0
    GAIN = 1
    OFFSET = 2
    SHARE = 3
    ABSOLUTE = 4
    LOW = 5
    HIGH = 6
    STEP = 7


@njit(cache=True)  # type: ignore[untyped-decorator]
def read_out(true: Floats, before: Floats, slots: Slots, device: Floats, noise: Floats, out: Floats) -> None:
    """Readings of the instruments ``slots`` (n,) into their places in ``out`` (tags,).

    true, before: (tags,) at this scan and at the last; device: (rows, n), see ``Row``; noise: (n,).
    """
    for i in range(len(slots)):
        now = true[slots[i]]
        low, step = device[Row.LOW, i], device[Row.STEP, i]
        seen = now + device[Row.LATE, i] * (before[slots[i]] - now)
        sigma = device[Row.SHARE, i] * abs(seen) + device[Row.ABSOLUTE, i]
        value = device[Row.GAIN, i] * seen + device[Row.OFFSET, i] + sigma * noise[i]
        value = low + np.rint((value - low) / step) * step
        out[slots[i]] = min(max(value, low), device[Row.HIGH, i])
