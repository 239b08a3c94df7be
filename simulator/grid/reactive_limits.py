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
# A unit that came back so often in one power flow stays at its limit: no two units take turns for ever.
MAX_RETURNS = 5


@njit(cache=True)  # type: ignore[untyped-decorator]
def to_limits(
    units: Index, mode: Index, unit_mvar: Floats, low_mvar: Floats, high_mvar: Floats, wanted: Index
) -> int:
    """Fill ``wanted`` (g,) with the limit of each of ``units`` that is beyond one, else its mode; returns the
    position of the one furthest beyond, -1 where none is.

    The last one in control does not leave it for its lower limit: an island of machines that all only absorb
    has no operating point near its set-points, and no load shedding would give it one.
    """
    worst, furthest_mvar = -1, TOLERANCE_MVAR
    in_control = 0
    for i in units:
        wanted[i] = mode[i]
        if mode[i] == HOLDS_VOLTAGE:
            in_control += 1
    for i in units:
        if mode[i] != HOLDS_VOLTAGE:
            continue
        over, under = unit_mvar[i] - high_mvar[i], low_mvar[i] - unit_mvar[i]
        if max(over, under) <= TOLERANCE_MVAR or (under > over and in_control == 1):
            continue
        wanted[i] = UPPER if over > under else LOWER
        in_control -= 1
        if max(over, under) > furthest_mvar:
            worst, furthest_mvar = i, max(over, under)
    return worst


@njit(cache=True)  # type: ignore[untyped-decorator]
def back_to_control(
    units: Index,
    mode: Index,
    returns: Index,
    voltage: Complexes,
    unit_bus: Index,
    set_point_pu: Floats,
    wanted: Index,
) -> int:
    """Fill ``wanted`` (g,) with voltage control for each of ``units`` that its bus needs less than its limit,
    else its mode; returns the position of the one whose bus is furthest off, -1 where none returns.

    returns (g,): how often each came back in this power flow already.
    """
    first, furthest_pu = -1, RETURN_PU
    for i in units:
        wanted[i] = mode[i]
        if mode[i] == HOLDS_VOLTAGE or returns[i] >= MAX_RETURNS:
            continue
        v = voltage[unit_bus[i]]
        above_pu = mode[i] * (np.sqrt(v.real * v.real + v.imag * v.imag) - set_point_pu[i])
        if above_pu > RETURN_PU:
            wanted[i] = HOLDS_VOLTAGE
        if above_pu > furthest_pu:
            first, furthest_pu = i, above_pu
    return first
