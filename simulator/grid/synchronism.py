"""May a branch be closed, may a unit come back: the checks that stand between an order and the switch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.grid.case import GridCase
from simulator.grid.powerflow import DEAD, PowerFlow
from simulator.grid.protection import ProtectionSettings

Floats = NDArray[np.float64]

# Fuels whose units start without supply from the grid (water only has to be let in).
BLACK_START_FUELS = frozenset({"hydro"})


def black_start_units(case: GridCase) -> NDArray[np.bool_]:
    """(g,) units that can energise a dead part: by fuel, and with capacity."""
    fuel = np.array([fuel in BLACK_START_FUELS for fuel in case.unit_fuel], dtype=np.bool_)
    return np.asarray(fuel & (case.unit_p_max_mw > 0.0))


def closing_refusal(
    case: GridCase, flow: PowerFlow, island_hz: Floats, settings: ProtectionSettings, branch: int
) -> str:
    """Why the synchronism check (IEEE C37.2, device 25) keeps an open branch open, "" where it lets it close.

    The voltages compared are those of the branch's two end buses, its phase shift taken off; limits: see
    ``ProtectionSettings``. Two dead ends close on to nothing.
    """
    ends = case.branch_from[branch], case.branch_to[branch]
    island, other = (int(flow.bus_island[end]) for end in ends)
    alive = [float(flow.magnitude[end]) for end in ends if flow.bus_island[end] != DEAD]
    if alive and min(alive) < settings.live_pu:
        return f"live end at {min(alive):.3f} pu, under {settings.live_pu:g} pu"
    if len(alive) < 2:
        return ""
    voltage_pu = abs(alive[0] - alive[1])
    if island != other:
        slip_hz = abs(float(island_hz[island] - island_hz[other]))
        if slip_hz > settings.synch_slip_hz:
            return f"not synchronised: {slip_hz:.3f} Hz apart, limit {settings.synch_slip_hz:g} Hz"
        limit_pu = settings.synch_voltage_pu
        return (
            f"not synchronised: {voltage_pu:.3f} pu apart, limit {limit_pu:g} pu"
            if voltage_pu > limit_pu
            else ""
        )
    across = flow.voltage[ends[0]] * np.conj(flow.voltage[ends[1]])
    angle_deg = abs(
        float(np.degrees(np.angle(across * np.exp(-1j * np.radians(case.branch_shift_deg[branch])))))
    )
    if angle_deg > settings.check_angle_deg:
        return f"{angle_deg:.1f} degrees across, limit {settings.check_angle_deg:g}"
    if voltage_pu > settings.check_voltage_pu:
        return f"{voltage_pu:.3f} pu across, limit {settings.check_voltage_pu:g} pu"
    return ""


def starting_refusal(
    case: GridCase, flow: PowerFlow, black_start: bool, settings: ProtectionSettings, unit: int
) -> str:
    """Why a unit that is off cannot come on now, "" where it can."""
    if flow.unit_on[unit]:
        return "already on"
    bus = case.unit_bus[unit]
    if flow.bus_island[bus] == DEAD:
        return "" if black_start else "bus dead and no black-start capability"
    low_pu, high_pu = settings.live_pu, max(1.1, float(case.unit_voltage_pu[unit]) * 1.1)
    magnitude = float(flow.magnitude[bus])
    if not low_pu <= magnitude <= high_pu:
        return f"bus at {magnitude:.3f} pu, not within {low_pu:g} to {high_pu:.3g} pu"
    return ""
