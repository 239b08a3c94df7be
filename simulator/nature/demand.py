"""Demand without an attacker: the hour, the day, the season, the weather and noise.

The system follows the Reliability Test System (``rts_load``); within it each load follows its customers, so
that the sum of all loads keeps the published shape whatever the mix.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.grid.case import GridCase
from simulator.nature.customers import CLASSES, CustomerClass, Profiles, class_mix
from simulator.nature.noise import CorrelatedNoise
from simulator.nature.rts_load import share_of_peak
from simulator.nature.weather import Weather
from streams.errors import BadInput

Floats = NDArray[np.float64]

LOCAL_NOISE_SHARE = 0.010
COMMON_NOISE_SHARE = 0.005
WATER_NOISE_SHARE = 0.03
NOISE_TIME_CONSTANT_S = 600.0

# Demand of residential and commercial customers per kelvin. Peak demand rises by 0.45 to 4.6 % per kelvin of
# heat (Santamouris et al. 2015, Energy and Buildings 98, 119: eleven studies); cold by half of it, declared.
COOLING_PER_K, COOLING_ABOVE_C = 0.02, 22.0
HEATING_PER_K, HEATING_BELOW_C = 0.01, 12.0
SENSITIVE = np.array([name != "industrial" for name in CLASSES], dtype=np.float64)

# Water of a month over that of the year: the largest ratio, declared; recorded ones run from 1.3 to 1.7 where
# gardens are watered (City of Morgan Hill, Water System Master Plan 2017, table 3.1).
WATER_MONTH_PEAK, WATER_PEAK_DAY = 1.3, 200
WATER_WEEKEND, WATER_WEEKDAY = 1.05, 0.98


class ElectricDemand:
    """Demand of every load, MW and Mvar, at constant power factor.

    scale x nominal is the peak of the week in which ``start`` lies; with ``weather`` (season and temperature
    act on demand) it is the peak of the year.
    """

    def __init__(
        self,
        seed: int,
        start: datetime,
        case: GridCase,
        scale: float,
        scan_s: float,
        classes: Mapping[str, CustomerClass],
        weather: Weather | None,
    ) -> None:
        self._first = start.replace(minute=0, second=0, microsecond=0)
        self._offset_s = (start - self._first).total_seconds()
        self._scan_s = scan_s
        self._nominal = np.stack((case.load_mw, case.load_mvar)) * scale
        names = tuple(case.bus_name[b] for b in case.load_bus)
        self._mix = class_mix(case.name, names, classes)
        self._profiles = Profiles()
        if not case.load_mw.sum() > 0.0:
            raise BadInput(
                f"{case.name} bus Pd", float(case.load_mw.sum()), "a case with load, MW in sum above 0"
            )
        self._weight = case.load_mw / case.load_mw.sum()
        self._weather = weather
        self._areas = weather.positions(case.bus_area[case.load_bus]) if weather is not None else None
        self._local = CorrelatedNoise(seed, "demand", names, scan_s, NOISE_TIME_CONSTANT_S)
        self._common = CorrelatedNoise(seed, "demand-common", ("system",), scan_s, NOISE_TIME_CONSTANT_S)
        # Factors at the full hours before and after now.
        self._hour, self._hourly = -1, np.empty((2, len(names)))

    def at(self, step: int) -> tuple[Floats, Floats]:
        """(MW, Mvar) per load at scan number ``step``; new arrays. Steps never decrease."""
        share = self._hour_share(step * self._scan_s)
        asked = np.empty_like(self._nominal)
        local, common = self._local.at(step), float(self._common.at(step)[0])
        _noisy_demand(self._nominal, self._hourly, share, local, common, asked)
        return asked[0], asked[1]

    def expected(self, t_s: float) -> Floats:
        """(loads,) factor on the scaled nominal loads without noise; linear between full hours."""
        share = self._hour_share(t_s)
        return np.asarray((1.0 - share) * self._hourly[0] + share * self._hourly[1])

    def _hour_share(self, t_s: float) -> float:
        """How much of the hour has passed at t_s; ``_hourly`` is of that hour then."""
        hours = (self._offset_s + t_s) / 3600.0
        whole = math.floor(hours)
        if whole != self._hour:
            follows = whole == self._hour + 1 and self._hour >= 0
            self._hourly[0] = self._hourly[1] if follows else self._row(whole)
            self._hourly[1], self._hour = self._row(whole + 1), whole
        return hours - whole

    def _row(self, hour: int) -> Floats:
        """(loads,) factor at a full hour, counted from the one in which the run starts."""
        moment = self._first + timedelta(hours=hour)
        own = self._mix @ self._profiles.at(moment)
        row = share_of_peak(moment, annual=self._weather is not None) * own / float(self._weight @ own)
        if self._weather is not None:
            change = temperature_response(self._weather.temperature_c(hour), self._weather.normal_c(hour))
            row = row * (1.0 + (self._mix @ SENSITIVE) * change[self._areas])
        return np.asarray(row)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _noisy_demand(
    nominal: Floats, hourly: Floats, share: float, local: Floats, common: float, asked: Floats
) -> None:
    """MW and Mvar (2, loads) into ``asked``.

    hourly: (2, loads) factors at the full hours before and after now; share: how much of the hour has passed.
    local (loads,), common: noise of unit variance.
    """
    for i in range(len(local)):
        expected = (1.0 - share) * hourly[0, i] + share * hourly[1, i]
        noise = 1.0 + LOCAL_NOISE_SHARE * local[i] + COMMON_NOISE_SHARE * common
        asked[0, i] = nominal[0, i] * (expected * noise)
        asked[1, i] = nominal[1, i] * (expected * noise)


def temperature_response(actual_c: Floats, normal_c: Floats) -> Floats:
    """Relative change of weather-sensitive demand against normal weather, which the load shape contains."""

    def degrees(limit: float, sign: float, temperature: Floats) -> Floats:
        return np.maximum(sign * (temperature - limit), 0.0)

    cooling = degrees(COOLING_ABOVE_C, 1.0, actual_c) - degrees(COOLING_ABOVE_C, 1.0, normal_c)
    heating = degrees(HEATING_BELOW_C, -1.0, actual_c) - degrees(HEATING_BELOW_C, -1.0, normal_c)
    return np.asarray(COOLING_PER_K * cooling + HEATING_PER_K * heating)


class WaterDemand:
    """Factor on the network's own demand patterns.

    seasonal: whether the patterns are those of the year's mean day, to which season and weekend apply.
    """

    def __init__(self, seed: int, start: datetime, step_s: float, seasonal: bool) -> None:
        self._start, self._step_s, self._seasonal = start, step_s, seasonal
        self._noise = CorrelatedNoise(seed, "water-demand", ("district",), step_s, NOISE_TIME_CONSTANT_S)

    def at(self, step: int) -> float:
        """Factor at hydraulic step number ``step``; never negative."""
        noisy = max(0.0, 1.0 + WATER_NOISE_SHARE * float(self._noise.at(step)[0]))
        if not self._seasonal:
            return noisy
        return noisy * water_season(self._start + timedelta(seconds=step * self._step_s))


def water_season(moment: datetime) -> float:
    """Mean water demand of this day over that of the year."""
    day = moment.timetuple().tm_yday
    season = 1.0 + (WATER_MONTH_PEAK - 1.0) * math.cos(2.0 * math.pi * (day - WATER_PEAK_DAY) / 365.0)
    return season * (WATER_WEEKEND if moment.weekday() >= 5 else WATER_WEEKDAY)
