"""Wind and solar units: available power follows the weather; the unit is dispatchable below it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simulator.grid.case import GridCase
from simulator.nature.noise import CorrelatedNoise
from simulator.nature.sun import clear_sky_w_m2, cloud_factor, sin_elevation
from simulator.nature.weather import Weather
from streams.errors import BadInput

Floats = NDArray[np.float64]
Source = Literal["wind", "solar"]

CUT_IN_M_S, RATED_M_S, CUT_OUT_M_S = 3.0, 12.0, 25.0
STANDARD_W_M2 = 1000.0
# Within the hour: relative spread of a farm's mean wind, and spread of cloud cover; declared.
GUST_SHARE, CLOUD_SPREAD = 0.08, 0.10
GUST_MEMORY_S = 600.0


def wind_share(speed_m_s: Floats) -> Floats:
    """Share of rated power at a wind speed: cubic from cut-in to rated speed, none from cut-out on."""
    cubic = (speed_m_s**3 - CUT_IN_M_S**3) / (RATED_M_S**3 - CUT_IN_M_S**3)
    return np.where(speed_m_s < CUT_OUT_M_S, np.clip(cubic, 0.0, 1.0), 0.0)


def renewable_units(case: GridCase, declared: Mapping[str, Source]) -> dict[int, Source]:
    """Units that the case's fuels or the scenario make wind or solar units.

    Raises BadInput for an unknown unit, or for a declared one that cannot go down to nothing.
    """
    found: dict[int, Source] = {
        i: fuel  # type: ignore[misc]
        for i, fuel in enumerate(case.unit_fuel)
        if fuel in ("wind", "solar") and case.unit_p_max_mw[i] > 0.0
    }
    for name, source in declared.items():
        if name not in case.unit_name:
            raise BadInput(
                "nature.renewable_units", name, f"a unit of {case.name}: {', '.join(case.unit_name)}"
            )
        unit = case.unit_index(name)
        if case.unit_p_min_mw[unit] > 0.0 or case.unit_p_max_mw[unit] <= 0.0:
            raise BadInput("nature.renewable_units", name, "a unit with capacity and a minimum of 0 MW")
        found[unit] = source
    return found


class Renewables:
    """Available power of wind and solar units.

    units: positions; latitude_deg of all of them; the clock of ``start`` is taken for solar time.
    """

    def __init__(
        self,
        seed: int,
        case: GridCase,
        units: Mapping[int, Source],
        weather: Weather,
        start: datetime,
        latitude_deg: float,
        scan_s: float,
    ) -> None:
        self.units = sorted(units)
        self._start, self._latitude_deg, self._scan_s = start, latitude_deg, scan_s
        self._weather = weather
        self._wind = np.array([units[unit] == "wind" for unit in self.units])
        self._p_max = case.unit_p_max_mw[self.units]
        self._areas = weather.positions(case.bus_area[case.unit_bus[self.units]])
        names = tuple(case.unit_name[unit] for unit in self.units)
        self._noise = CorrelatedNoise(seed, "renewable", names, scan_s, GUST_MEMORY_S)

    def available_mw(self, step: int) -> Floats:
        """(units,) at scan number ``step``, which never decreases."""
        t_s = step * self._scan_s
        sky, noise = self._weather.sky(t_s), self._noise.at(step)
        wind = wind_share(np.maximum(sky.wind_m_s[self._areas] * (1.0 + GUST_SHARE * noise), 0.0))
        cloud = np.clip(sky.cloud[self._areas] + CLOUD_SPREAD * noise, 0.0, 1.0)
        clear = clear_sky_w_m2(sin_elevation(self._start + timedelta(seconds=t_s), self._latitude_deg))
        solar = np.minimum(clear * cloud_factor(cloud) / STANDARD_W_M2, 1.0)
        return np.asarray(self._p_max * np.where(self._wind, wind, solar))
