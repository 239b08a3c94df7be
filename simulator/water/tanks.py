"""Tank geometry: level to volume and back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class TankShape(NamedTuple):
    """Levels from the tank's bottom. curve_*: points of volume over level, at least two, rising."""

    level_min_m: float
    level_max_m: float
    curve_level_m: NDArray[np.float64]
    curve_volume_m3: NDArray[np.float64]


def volume_m3(tank: TankShape, level_m: float) -> float:
    """Volume at a level, linear between the points of the curve (as EPANET's tankvolume)."""
    return float(np.interp(level_m, tank.curve_level_m, tank.curve_volume_m3))


def level_m(tank: TankShape, volume: float) -> float:
    """Level at a volume, the inverse of ``volume_m3``."""
    return float(np.interp(volume, tank.curve_volume_m3, tank.curve_level_m))


def equivalent_area_m2(tank: TankShape) -> float:
    """Slope of volume over level at mid level; for a cylinder its surface area."""
    middle = (tank.level_min_m + tank.level_max_m) / 2.0
    segment = int(np.searchsorted(tank.curve_level_m, middle, side="right"))
    segment = min(max(segment, 1), len(tank.curve_level_m) - 1)
    rise = tank.curve_volume_m3[segment] - tank.curve_volume_m3[segment - 1]
    return float(rise / (tank.curve_level_m[segment] - tank.curve_level_m[segment - 1]))
