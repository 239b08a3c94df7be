"""How grid and water depend on each other: pumps need electricity, a thermal plant needs cooling water.

One district is a small city; ``replication`` says how many of them hang on one bus. Electric draw is
multiplied by it and cooling draw divided by it, so that neither side is invisible to the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal, NamedTuple

from streams.errors import BadInput

Cooling = Literal["gas_tower", "gas_once_through", "coal_once_through", "nuclear_once_through"]

US_GALLON_M3 = 0.003785411784
PUMP_VOLTAGE_BAND_PU = (0.85, 1.10)
REQUIRED_PRESSURE_M = 14.06  # 20 psi
DELIVERY_TOLERANCE = 1e-3


class CoolingNeed(NamedTuple):
    """Water per energy in US gallons per MWh: drawn from the source, and of that, evaporated."""

    withdrawal_gal_per_mwh: float
    consumption_gal_per_mwh: float


# Medians of Macknick, Newmark, Heath, Hallett 2012, Environ. Res. Lett. 7 045802.
COOLING_NEEDS: dict[Cooling, CoolingNeed] = {
    "gas_tower": CoolingNeed(225.0, 205.0),
    "gas_once_through": CoolingNeed(11_380.0, 100.0),
    "coal_once_through": CoolingNeed(36_350.0, 250.0),
    "nuclear_once_through": CoolingNeed(44_350.0, 269.0),
}


def pump_supplied(
    voltage_pu: float,
    bus_energised: bool,
    feeder_alive: bool,
    band_pu: tuple[float, float] = PUMP_VOLTAGE_BAND_PU,
) -> bool:
    """Whether a pump motor on this bus and feeder can run.

    The band is the one in which a motor's contactor must hold, 85 to 110 % of rated voltage
    (IEC 60947-4-1, operating limits of contactors). A voltage that is not a number means a dead bus.
    """
    low, high = band_pu
    return bus_energised and feeder_alive and low <= voltage_pu <= high


def electric_draw_mw(pump_power_kw: Iterable[float], replication: int) -> float:
    """Power that ``replication`` districts draw from their bus, given the pumps of one district in kW.

    Raises BadInput if replication is below 1.
    """
    _check_replication(replication)
    return replication * math.fsum(pump_power_kw) / 1000.0


def cooling_draw_m3h(power_mw: float, cooling: Cooling, replication: int) -> float:
    """Cooling water that a unit at ``power_mw`` draws from one of ``replication`` districts, m3/h.

    Withdrawal per MWh after Macknick 2012 (``COOLING_NEEDS``); a unit that consumes power draws none.
    Raises BadInput if replication is below 1.
    """
    _check_replication(replication)
    per_mwh_m3 = COOLING_NEEDS[cooling].withdrawal_gal_per_mwh * US_GALLON_M3
    return max(power_mw, 0.0) * per_mwh_m3 / replication


def cooled_share(delivered_fraction: float, cooling: Cooling) -> float:
    """Share of capacity that a fraction of the asked-for cooling water sustains, 0 to 1.

    A tower needs what it evaporates; the rest of its withdrawal only flushes salt and can wait, so output
    falls linearly once less than consumption arrives. Once through, the flow itself carries the heat off
    at a limited discharge temperature, so output falls in proportion from the first missing litre.
    """
    need = COOLING_NEEDS[cooling]
    essential = need.consumption_gal_per_mwh / need.withdrawal_gal_per_mwh if cooling == "gas_tower" else 1.0
    return min(max(delivered_fraction / essential, 0.0), 1.0)


def pressure_fraction(pressure_m: float) -> float:
    """Fraction of its draw that a connection at this pressure gets: sqrt(p / 20 psi), 0 to 1.

    The pressure-driven demand law of the water side (Wagner 1988, exponent 0.5), for a unit that draws
    nothing at the moment and so has no delivered fraction of its own.
    """
    return min(math.sqrt(max(pressure_m, 0.0) / REQUIRED_PRESSURE_M), 1.0)


def available_mw(p_max_mw: float, delivered_fraction: float, cooling: Cooling) -> float:
    """Capacity of a unit whose cooling connection delivers this fraction of what is asked of it, MW.

    The connection is sized for full output, so a fraction of water bounds capacity and not present power:
    a unit that runs low already is not pushed lower step by step. Between 0 and p_max_mw.
    """
    # EPANET delivers within its tolerance of what is asked.
    if delivered_fraction > 1.0 - DELIVERY_TOLERANCE:
        return p_max_mw
    return p_max_mw * cooled_share(delivered_fraction, cooling)


def _check_replication(replication: int) -> None:
    if replication < 1:
        raise BadInput("water.replication", replication, "a whole number of at least 1")
