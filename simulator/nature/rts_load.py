"""Load of the IEEE Reliability Test System as shares of its peak, hour by hour of a year.

IEEE Trans. Power Apparatus and Systems PAS-98 (1979) 2047: table 1 weekly peak in percent of the annual peak,
table 2 daily peak in percent of the weekly peak, table 3 hourly peak in percent of the daily peak.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

Season = Literal["winter", "summer", "transition"]
Day = Literal["weekday", "saturday", "sunday"]

WEEKLY = (
    *(86.2, 90.0, 87.8, 83.4, 88.0, 84.1, 83.2, 80.6, 74.0, 73.7, 71.5, 72.7, 70.4),
    *(75.0, 72.1, 80.0, 75.4, 83.7, 87.0, 88.0, 85.6, 81.1, 90.0, 88.7, 89.6, 86.1),
    *(75.5, 81.6, 80.1, 88.0, 72.2, 77.6, 80.0, 72.9, 72.6, 70.5, 78.0, 69.5, 72.4),
    *(72.4, 74.3, 74.4, 80.0, 88.1, 88.5, 90.9, 94.0, 89.0, 94.2, 97.0, 100.0, 95.2),
)
DAILY = (93, 100, 98, 96, 94, 77, 75)  # Monday to Sunday
_WINTER = (67, 63, 60, 59, 59, 60, 74, 86, 95, 96, 96, 95, 95, 95, 93, 94, 99, 100, 100, 96, 91, 83, 73, 63)
_WINTER_WE = (78, 72, 68, 66, 64, 65, 66, 70, 80, 88, 90, 91, 90, 88, 87, 87, 91, 100, 99, 97, 94, 92, 87, 81)
_SUMMER = (64, 60, 58, 56, 56, 58, 64, 76, 87, 95, 99, 100, 99, 100, 100, 97, 96, 96, 93, 92, 92, 93, 87, 72)
_SUMMER_WE = (74, 70, 66, 65, 64, 62, 62, 66, 81, 86, 91, 93, 93, 92, 91, 91, 92, 94, 95, 95, 100, 93, 88, 80)
_SPRING = (63, 62, 60, 58, 59, 65, 72, 85, 95, 99, 100, 99, 93, 92, 90, 88, 90, 92, 96, 98, 96, 90, 80, 70)
_SPRING_WE = (75, 73, 69, 66, 65, 65, 68, 74, 83, 89, 92, 94, 91, 90, 90, 86, 85, 88, 92, 100, 97, 95, 90, 85)
HOURLY: dict[tuple[Season, bool], tuple[int, ...]] = {
    ("winter", False): _WINTER,
    ("winter", True): _WINTER_WE,
    ("summer", False): _SUMMER,
    ("summer", True): _SUMMER_WE,
    ("transition", False): _SPRING,
    ("transition", True): _SPRING_WE,
}
"""(season, whether weekend) -> share at each full hour; the transition is spring and autumn."""


def week_of(moment: datetime) -> int:
    """ISO week, 1 to 52; the 53rd of some years counts as the 52nd. Weeks begin on Monday, as in table 2."""
    return min(moment.isocalendar().week, 52)


def season_of(moment: datetime) -> Season:
    """Season of table 3: winter weeks 1 to 8 and 44 to 52, summer weeks 18 to 30."""
    week = week_of(moment)
    if week <= 8 or week >= 44:
        return "winter"
    return "summer" if 18 <= week <= 30 else "transition"


def day_of(moment: datetime) -> Day:
    """Kind of day; holidays are not told apart."""
    return {5: "saturday", 6: "sunday"}.get(moment.weekday(), "weekday")  # type: ignore[return-value]


def share_of_peak(moment: datetime, annual: bool) -> float:
    """Share of the annual peak, or of the peak of the own week, in the hour that begins at ``moment``."""
    hourly = HOURLY[season_of(moment), moment.weekday() >= 5][moment.hour] / 100.0
    own_week = hourly * DAILY[moment.weekday()] / 100.0
    return own_week * WEEKLY[week_of(moment) - 1] / 100.0 if annual else own_week
