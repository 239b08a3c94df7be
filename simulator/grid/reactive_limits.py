"""Reactive limits of units: which hold their voltage, and which give all they can.

The rule is that of MATPOWER's ENFORCE_Q_LIMS, with the way back that it leaves out: a unit at its upper limit
takes up voltage control again when its bus is above the set-point, at its lower limit when it is below.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]
Index = NDArray[np.int64]

HOLDS_VOLTAGE = 0
UPPER, LOWER = 1, -1
# Beyond a limit by less than this counts as at it.
TOLERANCE_MVAR = 1e-3
# Back to voltage control only this far on the other side of the set-point: no unit hunts.
RETURN_PU = 1e-4
# A unit that came back and reached a limit again in the same power flow stays there.
MAX_RETURNS = 1


@njit(cache=True)  # type: ignore[untyped-decorator]
def next_modes(
    units: Index,
    mode: Index,
    returns: Index,
    voltage: Complexes,
    unit_mvar: Floats,
    unit_bus: Index,
    set_point_pu: Floats,
    low_mvar: Floats,
    high_mvar: Floats,
    wanted: Index,
) -> int:
    """Fill ``wanted`` (g,) with the mode of each of ``units`` after this solution; returns how many change.

    returns (g,): how often each came back to voltage control in this power flow.
    """
    changes = 0
    for i in units:
        wanted[i] = mode[i]
        if mode[i] == HOLDS_VOLTAGE:
            if unit_mvar[i] > high_mvar[i] + TOLERANCE_MVAR:
                wanted[i] = UPPER
            elif unit_mvar[i] < low_mvar[i] - TOLERANCE_MVAR:
                wanted[i] = LOWER
        elif returns[i] < MAX_RETURNS:
            v = voltage[unit_bus[i]]
            above_pu = np.sqrt(v.real * v.real + v.imag * v.imag) - set_point_pu[i]
            if mode[i] * above_pu > RETURN_PU:
                wanted[i] = HOLDS_VOLTAGE
        if wanted[i] != mode[i]:
            changes += 1
    return changes
