"""Batteries behind stations: how long a station works on after its charger has lost the grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# Substations: eight hours is the usual duty cycle that IEEE 485 batteries are sized for. Water: four hours,
# the usual reserve of telecommunication and remote terminal units. Both are assumptions.
SUBSTATION_BATTERY_H = 8.0
WATER_BATTERY_H = 4.0
SECONDS_PER_HOUR = 3600.0


class Batteries:
    """One battery per station, all full at t = 0; battery_h >= 0 and recharge_h > 0, (stations,) in hours.

    alive (stations,): whether the station has control power. charge_h (stations,): what is left. full:
    whether all are full and were powered at the last call, so that the same again changes nothing.
    """

    def __init__(self, battery_h: Floats, recharge_h: Floats) -> None:
        self._battery_h = battery_h
        self._charge_rate = battery_h / recharge_h
        self.charge_h = battery_h.copy()
        self.alive: Bools = np.ones(len(battery_h), dtype=np.bool_)
        self.full = True

    def advance(self, seconds: float, powered: Bools) -> bool:
        """Let ``powered`` (stations,) act for ``seconds``; True where ``alive`` changed."""
        if self.full and powered.all():
            return False
        hours = seconds / SECONDS_PER_HOUR
        change = np.where(powered, self._charge_rate, -1.0) * hours
        self.charge_h = np.clip(self.charge_h + change, 0.0, self._battery_h)
        alive = powered | (self.charge_h > 0.0)
        changed = bool((alive != self.alive).any())
        self.alive = alive
        self.full = bool(powered.all() and (self.charge_h >= self._battery_h).all())
        return changed
