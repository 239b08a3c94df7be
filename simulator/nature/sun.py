"""Where the sun stands and what of it reaches the ground."""

from __future__ import annotations

import math
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def sin_elevation(moment: datetime, latitude_deg: float) -> float:
    """Sine of the sun's elevation; ``moment`` in solar time. Declination after Cooper 1969."""
    day = moment.timetuple().tm_yday
    declination = math.radians(23.45) * math.sin(2.0 * math.pi * (284 + day) / 365.0)
    hour = moment.hour + moment.minute / 60.0 + moment.second / 3600.0
    hour_angle = math.radians(15.0 * (hour - 12.0))
    latitude = math.radians(latitude_deg)
    return math.sin(latitude) * math.sin(declination) + math.cos(latitude) * math.cos(declination) * math.cos(
        hour_angle
    )


def clear_sky_w_m2(sine: float) -> float:
    """Global horizontal irradiance of a clear sky, Haurwitz 1945: 1098 sin(h) exp(-0.059 / sin(h))."""
    return 1098.0 * sine * math.exp(-0.059 / sine) if sine > 0.0 else 0.0


def cloud_factor(cloud: Floats) -> Floats:
    """Share of clear-sky irradiance under cloud cover c, 0 to 1, Kasten and Czeplak 1980: 1 - 0.75 c^3.4."""
    return np.asarray(1.0 - 0.75 * cloud**3.4)
