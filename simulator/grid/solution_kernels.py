"""Compiled kernels between the grid's units and buses and those of lightsim2grid's model."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.grid.reactive_limits import may_stay

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]
Complexes = NDArray[np.complex128]
Index = NDArray[np.int64]


@njit(cache=True)  # type: ignore[untyped-decorator]
def lowest_voltage(voltage: Complexes, buses: Index) -> float:
    """Smallest magnitude among ``buses`` (positions), pu; NaN if any is not a number."""
    lowest = np.inf
    for i in buses:
        square = voltage[i].real * voltage[i].real + voltage[i].imag * voltage[i].imag
        if np.isnan(square):
            return np.nan
        lowest = min(lowest, square)
    return float(np.sqrt(lowest))


@njit(cache=True)  # type: ignore[untyped-decorator]
def place(unit_mw: Floats, units: Index, power: Floats32) -> None:
    """Put the power of an island's units, (4, units) as in ``take_solution``, into the model's machines."""
    for j in range(units.shape[1]):
        power[units[1, j]] = unit_mw[units[0, j]]


@njit(cache=True)  # type: ignore[untyped-decorator]
def take_solution(
    found: Complexes,
    power: Floats,
    reactive: Floats,
    least_pu: float,
    buses: Index,
    units: Index,
    limits: Floats,
    voltage: Complexes,
    unit_mw: Floats,
    unit_mvar: Floats,
) -> tuple[bool, bool]:
    """Copy one island's solution: ``found`` (n,) at its ``buses``, and the output of the model's machines;
    nothing where ``found`` is below ``least_pu`` or not a number. Returns whether it was copied, and whether
    every unit's mode may stay as it is.

    units (4, units): position, row of the machine that stands for it, bus, mode; limits (3, units): voltage
    set-point, lower and upper reactive limit.
    """
    if not lowest_voltage(found, buses) >= least_pu:
        return False, False
    for i in buses:
        voltage[i] = found[i]
    settled = True
    for j in range(units.shape[1]):
        unit, row, bus, mode = units[0, j], units[1, j], units[2, j], units[3, j]
        unit_mw[unit], unit_mvar[unit] = power[row], reactive[row]
        set_point_pu, low_mvar, high_mvar = limits[0, j], limits[1, j], limits[2, j]
        settled = settled and may_stay(mode, found[bus], reactive[row], set_point_pu, low_mvar, high_mvar)
    return True, settled
