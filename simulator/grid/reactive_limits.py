"""Reactive limits of units: which hold their voltage, and which give all they can.

The rule is that of MATPOWER's ENFORCE_Q_LIMS, with the way back that it leaves out: a unit at its upper limit
takes up voltage control again when its bus is above the set-point, at its lower limit when it is below.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]
Index = NDArray[np.int64]
Flags = NDArray[np.bool_]

HOLDS_VOLTAGE = 0
UPPER, LOWER = 1, -1
SETTLED, ANEW, TO_LIMITS, BACK = 0, 1, 2, 3
# Beyond a limit by less than this counts as at it.
TOLERANCE_MVAR = 1e-3
# Back to voltage control only this far on the other side of the set-point: no unit hunts.
RETURN_PU = 1e-4
# A unit that came back so often in one power flow stays at its limit: no two units take turns for ever.
MAX_RETURNS = 5
# A machine at its lower limit is on no operating point with its bus this far from the set-point: ``astray``.
ASTRAY_PU = 0.1


class Machines(NamedTuple):
    """Units of one island as the rules see them. units: positions; the rest is per unit of the case (g,):
    bus, set_point_pu, low_mvar, high_mvar; mode now and wanted; in this power flow, kept: in control
    beyond the lower limit, and returns: how often each came back to control."""

    units: Index
    bus: Index
    set_point_pu: Floats
    low_mvar: Floats
    high_mvar: Floats
    mode: Index
    wanted: Index
    kept: Flags
    returns: Index


@njit(cache=True)  # type: ignore[untyped-decorator]
def next_step(m: Machines, voltage: Complexes, unit_mvar: Floats) -> tuple[int, int]:
    """What the solution ``voltage`` (n,), ``unit_mvar`` (g,) calls for: (SETTLED, -1), (ANEW, -1), or
    (TO_LIMITS or BACK, unit) with the changes in ``wanted`` and the unit that is furthest off."""
    if astray(m, voltage) > 0:
        return ANEW, -1
    first = to_limits(m, unit_mvar)
    if first >= 0:
        return TO_LIMITS, first
    first = back_to_control(m, voltage)
    return (BACK, first) if first >= 0 else (SETTLED, -1)


@njit(cache=True)  # type: ignore[untyped-decorator]
def above_set_point_pu(m: Machines, voltage: Complexes, i: int) -> float:
    """Voltage of unit i's bus over its set-point."""
    v = voltage[m.bus[i]]
    return float(np.sqrt(v.real * v.real + v.imag * v.imag) - m.set_point_pu[i])


@njit(cache=True)  # type: ignore[untyped-decorator]
def may_stay(
    mode: int, voltage: complex, mvar: float, set_point_pu: float, low_mvar: float, high_mvar: float
) -> bool:
    """Whether a unit surely keeps its mode: within its limits while it holds its voltage, needed at the limit
    that it gives. Where that holds for every unit, ``next_step`` is SETTLED; it knows the exceptions."""
    if mode == HOLDS_VOLTAGE:
        return bool(max(mvar - high_mvar, low_mvar - mvar) <= TOLERANCE_MVAR)
    above_pu = np.sqrt(voltage.real * voltage.real + voltage.imag * voltage.imag) - set_point_pu
    return bool(mode * above_pu <= RETURN_PU and (mode == UPPER or above_pu <= ASTRAY_PU))


@njit(cache=True)  # type: ignore[untyped-decorator]
def astray(m: Machines, voltage: Complexes) -> int:
    """How many units have to give up their lower limit (they are then ``kept``).

    With machines that only absorb the equations have roots at voltages no grid has; in a grid saturation
    would make them absorb more.
    """
    found = 0
    for i in m.units:
        if m.mode[i] == LOWER and abs(above_set_point_pu(m, voltage, i)) > ASTRAY_PU:
            m.kept[i] = True
            found += 1
    return found


@njit(cache=True)  # type: ignore[untyped-decorator]
def to_limits(m: Machines, unit_mvar: Floats) -> int:
    """Want the limit for each unit that is beyond one; returns the one furthest beyond, -1 where none is.

    The last one in control does not leave it for its lower limit: no load shedding would help an island of
    machines that all only absorb.
    """
    worst, furthest_mvar, in_control = -1, TOLERANCE_MVAR, 0
    for i in m.units:
        m.wanted[i] = m.mode[i]
        if m.mode[i] == HOLDS_VOLTAGE:
            in_control += 1
    for i in m.units:
        if m.mode[i] != HOLDS_VOLTAGE:
            continue
        over, under = unit_mvar[i] - m.high_mvar[i], m.low_mvar[i] - unit_mvar[i]
        if max(over, under) <= TOLERANCE_MVAR or (under > over and (m.kept[i] or in_control == 1)):
            continue
        m.wanted[i] = UPPER if over > under else LOWER
        in_control -= 1
        if max(over, under) > furthest_mvar:
            worst, furthest_mvar = i, max(over, under)
    return worst


@njit(cache=True)  # type: ignore[untyped-decorator]
def back_to_control(m: Machines, voltage: Complexes) -> int:
    """Want control for each unit that its bus needs less than its limit, from the second time on for the one
    whose bus is furthest off alone, because units that return together push each other back; returns that
    one, -1 where none returns."""
    first, furthest_pu, again = -1, RETURN_PU, False
    for i in m.units:
        m.wanted[i] = m.mode[i]
        again = again or m.returns[i] > 0
        if m.mode[i] == HOLDS_VOLTAGE or m.returns[i] >= MAX_RETURNS:
            continue
        above_pu = m.mode[i] * above_set_point_pu(m, voltage, i)
        if above_pu > RETURN_PU:
            m.wanted[i] = HOLDS_VOLTAGE
        if above_pu > furthest_pu:
            first, furthest_pu = i, above_pu
    if again and first >= 0:
        for i in m.units:
            m.wanted[i] = HOLDS_VOLTAGE if i == first else m.mode[i]
    return first
