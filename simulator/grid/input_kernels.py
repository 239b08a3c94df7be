"""Compiled kernels that take inputs over. Private, pure but for the arrays they update."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@njit(cache=True)  # type: ignore[untyped-decorator]
def copy_finite(values: Floats, into: Floats) -> bool:
    """Copy ``values`` if every one is a finite number; returns whether."""
    # A running sum is finite only if every term is, up to overflow, which is no power either.
    if not np.isfinite(values.sum()):
        return False
    into[:] = values
    return True


@njit(cache=True)  # type: ignore[untyped-decorator]
def take_setpoints(wanted: Floats, on: Flags, low: Floats, high: Floats, setpoint: Floats) -> None:
    """Set-points (g,) of the units that are on, within their limits, since one out of reach would wind the
    ramp up; NaN keeps the last one."""
    for i in range(len(wanted)):
        if on[i] and not np.isnan(wanted[i]):
            setpoint[i] = min(max(wanted[i], low[i]), high[i])
