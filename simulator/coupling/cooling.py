"""A thermal unit and its cooling water: what it draws, what it can give without, when it trips."""

from __future__ import annotations

import math
from typing import NamedTuple

from simulator.settings import Technology
from streams.errors import BadInput

US_GALLON_M3 = 0.003785411784
REQUIRED_PRESSURE_M = 14.06  # 20 psi
DELIVERY_TOLERANCE = 1e-3

# Lowest stable output of a thermal unit as a share of its capacity (IRENA 2019, Flexibility in conventional
# power plants: hard coal 25 to 40 %, combined cycle 40 to 50 %). Where water sustains less, it trips.
TRIP_SHARE = 0.4
# How long water may be short before the trip (assumptions). Once through: a condenser without circulating
# water loses its vacuum in minutes, and turbines trip near 20 inches of mercury (Ginna AP-TURB.4). A tower
# feeds on its basin: half an hour of evaporation is half a minute of circulation.
TRIP_ONCE_THROUGH_S = 120.0
TRIP_TOWER_S = 1800.0


class CoolingNeed(NamedTuple):
    """Water per energy in US gallons per MWh: drawn from the source, and of that, evaporated."""

    withdrawal_gal_per_mwh: float
    consumption_gal_per_mwh: float


# Medians of Macknick, Newmark, Heath, Hallett 2012, Environ. Res. Lett. 7 045802; gas is combined cycle.
COOLING_NEEDS: dict[Technology, CoolingNeed] = {
    "gas_tower": CoolingNeed(225.0, 205.0),
    "gas_once_through": CoolingNeed(11_380.0, 100.0),
    "coal_tower": CoolingNeed(1_005.0, 687.0),
    "coal_once_through": CoolingNeed(36_350.0, 250.0),
    "nuclear_tower": CoolingNeed(1_101.0, 672.0),
    "nuclear_once_through": CoolingNeed(44_350.0, 269.0),
}


def cooling_draw_m3h(power_mw: float, technology: Technology, replication: int) -> float:
    """Cooling water that a unit at ``power_mw`` draws from one of ``replication`` districts, m3/h.

    Withdrawal per MWh after Macknick 2012 (``COOLING_NEEDS``); a unit that consumes power draws none.
    Raises BadInput if replication is below 1.
    """
    if replication < 1:
        raise BadInput("cooling.replication", replication, "a whole number of at least 1")
    per_mwh_m3 = COOLING_NEEDS[technology].withdrawal_gal_per_mwh * US_GALLON_M3
    return max(power_mw, 0.0) * per_mwh_m3 / replication


def cooled_share(delivered_fraction: float, technology: Technology) -> float:
    """Share of capacity that a fraction of the asked-for cooling water sustains, 0 to 1.

    A tower needs what it evaporates; the rest of its withdrawal only flushes salt and can wait, so output
    falls linearly once less than consumption arrives. Once through, the flow itself carries the heat off
    at a limited discharge temperature, so output falls in proportion from the first missing litre.
    """
    # EPANET delivers within its tolerance of what is asked.
    if delivered_fraction > 1.0 - DELIVERY_TOLERANCE:
        return 1.0
    need = COOLING_NEEDS[technology]
    essential = need.consumption_gal_per_mwh / need.withdrawal_gal_per_mwh if has_tower(technology) else 1.0
    return min(max(delivered_fraction / essential, 0.0), 1.0)


def has_tower(technology: Technology) -> bool:
    """Whether the water circulates over a tower and only what evaporates is made up."""
    return technology.endswith("_tower")


def pressure_fraction(pressure_m: float) -> float:
    """Fraction of its draw that a connection at this pressure gets: sqrt(p / 20 psi), 0 to 1.

    The pressure-driven demand law of the water side (Wagner 1988, exponent 0.5), for a unit that draws
    nothing at the moment and so has no delivered fraction of its own.
    """
    return min(math.sqrt(max(pressure_m, 0.0) / REQUIRED_PRESSURE_M), 1.0)


class CooledUnit:
    """How a unit of capacity ``p_max_mw`` bears its water supply over time.

    The connection is sized for full output, so a fraction of water bounds capacity and not present power: a
    unit that runs low already is not pushed lower step by step. available_mw: what the water sustains,
    0 to p_max_mw.
    """

    def __init__(self, technology: Technology, p_max_mw: float) -> None:
        self._technology = technology
        self._p_max_mw = self.available_mw = p_max_mw
        self._trip_s = TRIP_TOWER_S if has_tower(technology) else TRIP_ONCE_THROUGH_S
        self._short_since_s: float | None = None

    @property
    def too_dry(self) -> bool:
        """Whether less than its lowest stable output is sustained: it may not start, and trips in time."""
        return self.available_mw < TRIP_SHARE * self._p_max_mw

    def take(self, t_s: float, delivered_fraction: float) -> bool:
        """See at t_s which fraction of its water arrives; True where it has been too little for too long."""
        share = cooled_share(delivered_fraction, self._technology)
        self.available_mw = self._p_max_mw * share
        if not self.too_dry:
            self._short_since_s = None
            return False
        if self._short_since_s is None:
            self._short_since_s = t_s
        return t_s - self._short_since_s >= self._trip_s
