"""A synthetic temperate climate: what each month is like. Declared, of the order of the US Midwest's."""

from __future__ import annotations

import math
from datetime import datetime

# Mean temperature of the month, degrees Celsius.
MONTH_MEAN_C = (-2.0, 0.0, 6.0, 12.0, 17.5, 22.5, 24.5, 23.5, 20.0, 13.0, 6.5, 0.5)
DIURNAL_AMPLITUDE_K, WARMEST_HOUR = 5.0, 15.0
# Day-to-day standard deviation in mid January and mid July.
WINTER_SPREAD_K, SUMMER_SPREAD_K = 5.0, 3.0
# Mean wind speed at hub height, 100 m.
MONTH_WIND_M_S = (8.5, 8.3, 8.4, 8.2, 7.4, 6.6, 6.0, 5.9, 6.5, 7.3, 8.1, 8.3)
MONTH_CLOUD = (0.66, 0.63, 0.60, 0.57, 0.54, 0.49, 0.46, 0.46, 0.47, 0.52, 0.63, 0.68)
# How often thunderstorms come against the year's mean; the twelve have the mean 1.
MONTH_STORMS = (0.1, 0.2, 0.6, 1.1, 1.6, 2.1, 2.2, 1.9, 1.1, 0.6, 0.3, 0.2)


def normal_temperature_c(moment: datetime) -> float:
    """Expected temperature of this hour: monthly means, linear between mid-months, and a daily wave."""
    hour = moment.hour + moment.minute / 60.0
    wave = DIURNAL_AMPLITUDE_K * math.cos(2.0 * math.pi * (hour - WARMEST_HOUR) / 24.0)
    return between_months(MONTH_MEAN_C, moment) + wave


def temperature_spread_k(moment: datetime) -> float:
    """Standard deviation of the temperature around ``normal_temperature_c``."""
    winter = 0.5 * (1.0 + math.cos(2.0 * math.pi * (moment.timetuple().tm_yday - 15) / 365.0))
    return SUMMER_SPREAD_K + (WINTER_SPREAD_K - SUMMER_SPREAD_K) * winter


def between_months(monthly: tuple[float, ...], moment: datetime) -> float:
    """Value of a monthly table on this day: each month's at its middle, linear in between."""
    position = moment.month - 1 + (moment.day - 0.5) / 30.5 - 0.5
    before = math.floor(position)
    share = position - before
    return (1.0 - share) * monthly[before % 12] + share * monthly[(before + 1) % 12]
