"""Demand without an attacker: daily shape and correlated noise.

The shape of electric demand is the hourly peak load in percent of the daily peak, weekdays, of the IEEE
Reliability Test System (IEEE Trans. PAS-98, 1979, table 3): winter and summer columns, linear in between.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from simulator.draws import Draws

Floats = NDArray[np.float64]

WINTER = (67, 63, 60, 59, 59, 60, 74, 86, 95, 96, 96, 95, 95, 95, 93, 94, 99, 100, 100, 96, 91, 83, 73, 63)
SUMMER = (64, 60, 58, 56, 56, 58, 64, 76, 87, 95, 99, 100, 99, 100, 100, 97, 96, 96, 93, 92, 92, 93, 87, 72)
SUMMER_MONTHS = range(4, 10)

LOCAL_NOISE_SHARE = 0.010
COMMON_NOISE_SHARE = 0.005
WATER_NOISE_SHARE = 0.03
NOISE_TIME_CONSTANT_S = 600.0


def daily_shape(start: datetime, t_s: float) -> float:
    """Share of the daily peak, 0 to 1, at t_s seconds after ``start``."""
    table = SUMMER if start.month in SUMMER_MONTHS else WINTER
    hour = start.hour + start.minute / 60.0 + start.second / 3600.0 + t_s / 3600.0
    below = int(np.floor(hour))
    share = hour - below
    return ((1.0 - share) * table[below % 24] + share * table[(below + 1) % 24]) / 100.0


class CorrelatedNoise:
    """Ornstein-Uhlenbeck noise of unit variance in fixed steps, the same in every arm of a run."""

    def __init__(self, seed: int, role: str, elements: tuple[str, ...], step_s: float) -> None:
        self._draws = Draws(seed, role, elements)
        self._keep = float(np.exp(-step_s / NOISE_TIME_CONSTANT_S))
        self._fresh = float(np.sqrt(1.0 - self._keep**2))
        self._value = self._draws.at(0).copy()
        self._step = 0

    def at(self, step: int) -> Floats:
        """Values at ``step``, which never decreases."""
        while self._step < step:
            self._step += 1
            self._value = self._keep * self._value + self._fresh * self._draws.at(self._step)
        return self._value


class ElectricDemand:
    """Demand of every load, MW and Mvar, at constant power factor."""

    def __init__(
        self,
        seed: int,
        start: datetime,
        names: tuple[str, ...],
        nominal_mw: Floats,
        nominal_mvar: Floats,
        scale: float,
        scan_s: float,
    ) -> None:
        self._start, self._scan_s = start, scan_s
        self._mw, self._mvar = nominal_mw * scale, nominal_mvar * scale
        self._local = CorrelatedNoise(seed, "demand", names, scan_s)
        self._common = CorrelatedNoise(seed, "demand-common", ("system",), scan_s)

    def at(self, step: int) -> tuple[Floats, Floats]:
        """(MW, Mvar) per load at scan number ``step``."""
        factor = daily_shape(self._start, step * self._scan_s) * (
            1.0 + LOCAL_NOISE_SHARE * self._local.at(step) + COMMON_NOISE_SHARE * self._common.at(step)[0]
        )
        return self._mw * factor, self._mvar * factor


class WaterDemand:
    """Factor on the network's own demand patterns."""

    def __init__(self, seed: int, step_s: float) -> None:
        self._noise = CorrelatedNoise(seed, "water-demand", ("district",), step_s)

    def at(self, step: int) -> float:
        """Factor at hydraulic step number ``step``; never negative."""
        return max(0.0, 1.0 + WATER_NOISE_SHARE * float(self._noise.at(step)[0]))
