"""Compiled kernels that take inputs over. Private, pure but for the arrays they update."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.grid.frequency_kernels import HIGH, LOW, SETPOINT

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@njit(cache=True)  # type: ignore[untyped-decorator]
def take_demand(load_mw: Floats, load_mvar: Floats, demand: Floats) -> bool:
    """Copy MW and Mvar into ``demand`` (2, d) if their sum is finite, and so every one; returns whether."""
    if not np.isfinite(load_mw.sum() + load_mvar.sum()):
        return False
    demand[0], demand[1] = load_mw, load_mvar
    return True


@njit(cache=True)  # type: ignore[untyped-decorator]
def take_setpoints(wanted: Floats, on: Flags, units: Floats) -> None:
    """Set-points (g,) of the units that are on, within their limits, since one out of reach would wind the
    ramp up; NaN keeps the last one. units: see ``frequency_kernels``."""
    for i in range(len(wanted)):
        if on[i] and not np.isnan(wanted[i]):
            units[SETPOINT, i] = min(max(wanted[i], units[LOW, i]), units[HIGH, i])
