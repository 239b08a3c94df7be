"""Weather of a run, hour by hour and area by area, drawn ahead: the same whatever happens in the plant.

Temperature, wind and cloud are Gaussian AR(1) processes in hourly steps under the months of ``climate``; the
areas of a grid share most of them. Between hours they are linear. Storms are intervals (``storms``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from simulator.nature import climate
from simulator.nature.noise import CorrelatedNoise
from simulator.nature.storms import declared_storms, drawn_storms
from simulator.settings import Storm

Floats = NDArray[np.float64]

HOUR_S = 3600.0
# Correlation between areas, and how long each quantity remembers.
SHARED = 0.8
TEMPERATURE_MEMORY_S = 72.0 * HOUR_S
WIND_MEMORY_S = 18.0 * HOUR_S
CLOUD_MEMORY_S = 9.0 * HOUR_S
# Skies are mostly clear or mostly covered: a wider argument of the normal distribution than its own.
CLOUD_CONTRAST = 1.6
STORM_WIND_M_S = 8.0


class Sky(NamedTuple):
    """Per area, arrays (areas,): wind speed at hub height, and cloud cover from 0 to 1."""

    wind_m_s: Floats
    cloud: Floats


class Weather:
    """Weather from the full hour before ``start`` to the end of the run.

    areas: numbers of the grid's areas. storms: declared ones; without any they are drawn.
    Raises BadInput for a storm over an area that does not exist.
    """

    def __init__(
        self,
        seed: int,
        start: datetime,
        duration_s: float,
        areas: Sequence[int],
        storms: Sequence[Storm] = (),
    ) -> None:
        self._areas = np.array(sorted(areas), dtype=np.int64)
        first = start.replace(minute=0, second=0, microsecond=0)
        self._offset_s = (start - first).total_seconds()
        names = self._areas.tolist()
        self._hours = [first + timedelta(hours=h) for h in range(int(duration_s // HOUR_S) + 3)]
        drawn = drawn_storms(seed, first, duration_s, names)
        hours_late = [
            spell._replace(start_s=spell.start_s - self._offset_s, end_s=spell.end_s - self._offset_s)
            for spell in drawn
        ]
        self.storms = declared_storms(storms, names) if storms else [s for s in hours_late if s.end_s > 0.0]
        normal = np.array([climate.normal_temperature_c(hour) for hour in self._hours])
        self._normal = np.repeat(normal[:, np.newaxis], len(names), axis=1)
        spread = np.array([climate.temperature_spread_k(hour) for hour in self._hours])
        self._temperature = self._normal + spread[:, np.newaxis] * self._field(
            seed, "temperature", TEMPERATURE_MEMORY_S
        )
        self._wind = self._rayleigh(self._field(seed, "wind", WIND_MEMORY_S))
        self._cloud = self._cover(self._field(seed, "cloud", CLOUD_MEMORY_S))

    def positions(self, areas: Any) -> NDArray[np.intp]:
        """Where areas given by number stand in this weather's arrays."""
        found: NDArray[np.intp] = np.searchsorted(self._areas, areas)
        return found

    def temperature_c(self, hour: int) -> Floats:
        """(areas,) air temperature at a full hour, counted from the one in which the run starts."""
        return np.asarray(self._temperature[hour])

    def normal_c(self, hour: int) -> Floats:
        """(areas,) expected air temperature at a full hour."""
        return np.asarray(self._normal[hour])

    def sky(self, t_s: float) -> Sky:
        """Wind and cloud at t_s; a storm adds wind and covers the sky."""
        hours = (self._offset_s + t_s) / HOUR_S
        whole = math.floor(hours)
        share = hours - whole
        wind, cloud = (
            (1.0 - share) * field[whole] + share * field[whole + 1] for field in (self._wind, self._cloud)
        )
        for spell in self.storms:
            if spell.start_s <= t_s < spell.end_s:
                i = int(np.searchsorted(self._areas, spell.area))
                wind[i], cloud[i] = wind[i] + STORM_WIND_M_S, 1.0
        return Sky(wind, cloud)

    def _field(self, seed: int, role: str, memory_s: float) -> Floats:
        """(hours, areas) unit Gaussian AR(1), correlated by SHARED between areas."""
        names = tuple(f"area{area}" for area in self._areas)
        common = CorrelatedNoise(seed, f"{role}-common", ("region",), HOUR_S, memory_s)
        local = CorrelatedNoise(seed, role, names, HOUR_S, memory_s)
        rows = [
            math.sqrt(SHARED) * common.at(h) + math.sqrt(1.0 - SHARED) * local.at(h)
            for h in range(len(self._hours))
        ]
        return np.array(rows)

    def _rayleigh(self, normal: Floats) -> Floats:
        """Wind speeds with the month's mean and Rayleigh's law (Weibull of shape 2), from unit Gaussians."""
        mean = np.array([climate.between_months(climate.MONTH_WIND_M_S, hour) for hour in self._hours])
        scale = mean * 2.0 / math.sqrt(math.pi)
        return np.asarray(scale[:, np.newaxis] * np.sqrt(-np.log(ndtr(-normal))))

    def _cover(self, normal: Floats) -> Floats:
        """Cloud cover with the month's mean, from unit Gaussians."""
        mean = np.array([climate.between_months(climate.MONTH_CLOUD, hour) for hour in self._hours])
        # The mean of ndtr(a z + b) over a unit Gaussian z is ndtr(b / sqrt(1 + a^2)).
        shift = math.hypot(1.0, CLOUD_CONTRAST) * ndtri(mean)
        return np.asarray(ndtr(CLOUD_CONTRAST * normal + shift[:, np.newaxis]))
