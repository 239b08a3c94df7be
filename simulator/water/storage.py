"""Volumes of all tanks in time: exact between two events, overflow counted, emptiness ours to decide."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from simulator.water.layout import Floats
from simulator.water.tanks import TankShape, equivalent_area_m2, level_m, volume_m3

# EPANET shuts a tank by itself within 0.15 mm of its lowest level; above this we decide.
EMPTY_MARGIN_M = 0.001
# Share of the range a tank must move away from a limit before reaching it counts as a new event.
REARM_SHARE = 0.02
TANK_NOTE = "A full tank spills what still flows in; an empty one gives no water."


class Storage:
    """Tanks with volumes ``volume_m3`` (tanks,) and what each has spilled, ``overflow_m3`` (tanks,)."""

    def __init__(self, tanks: Sequence[TankShape], initial_level_m: Floats) -> None:
        self._tanks = tanks
        self.volume_m3: Floats = np.array(
            [volume_m3(tank, level) for tank, level in zip(tanks, initial_level_m.tolist(), strict=True)]
        )
        lowest = np.array([volume_m3(tank, tank.level_min_m + EMPTY_MARGIN_M) for tank in tanks])
        self._low: Floats = np.minimum(lowest, self.volume_m3)
        self._high: Floats = np.array([volume_m3(tank, tank.level_max_m) for tank in tanks])
        self._margin: Floats = REARM_SHARE * (self._high - self._low)
        # Rounding must not leave a tank a hair from its limit, where the next horizon would be zero.
        self._low_hair: Floats = self._low + 1e-9 * self._high
        self._high_hair: Floats = self._high - 1e-9 * self._high
        self._reported_empty = self.dry.copy()
        self._reported_full = self.volume_m3 >= self._high
        self._reported = bool(self._reported_empty.any() or self._reported_full.any())
        self.overflow_m3: Floats = np.zeros(len(tanks))
        # Cylinders, nearly all tanks there are, in one go; only volume curves are looked up one by one.
        self._curved = [i for i, tank in enumerate(tanks) if len(tank.curve_level_m) > 2]
        self._base_level_m = np.array([tank.curve_level_m[0] for tank in tanks])
        self._base_volume_m3 = np.array([tank.curve_volume_m3[0] for tank in tanks])
        self._area_m2 = np.array([equivalent_area_m2(tank) for tank in tanks])

    @property
    def dry(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """(tanks,) True where no water can be taken out."""
        result: np.ndarray[tuple[int], np.dtype[np.bool_]] = self.volume_m3 <= self._low
        return result

    @property
    def level_m(self) -> Floats:
        """(tanks,) level from the bottom."""
        level: Floats = self._base_level_m + (self.volume_m3 - self._base_volume_m3) / self._area_m2
        for i in self._curved:
            level[i] = level_m(self._tanks[i], float(self.volume_m3[i]))
        return level

    def horizon_s(self, inflow_m3h: Floats) -> float:
        """Seconds until the first tank reaches a limit at (tanks,) net inflows; inf if none does."""
        soonest = math.inf
        for volume, low, high, inflow in zip(
            self.volume_m3.tolist(), self._low.tolist(), self._high.tolist(), inflow_m3h.tolist(), strict=True
        ):
            if inflow < 0.0 and volume > low:
                soonest = min(soonest, (low - volume) / inflow * 3600.0)
            elif inflow > 0.0 and volume < high:
                soonest = min(soonest, (high - volume) / inflow * 3600.0)
        return soonest

    def move(self, inflow_m3h: Floats, seconds: float) -> tuple[list[int], list[int]]:
        """Let (tanks,) net inflows act for ``seconds``, at most ``horizon_s``.

        Returns the tanks that ran empty and those that ran full, each once until it has moved away.
        """
        volume = self.volume_m3 + inflow_m3h * (seconds / 3600.0)
        if not self._reported and ((volume > self._low_hair) & (volume < self._high_hair)).all():
            self.volume_m3 = volume
            return [], []
        self.overflow_m3 += np.maximum(volume - self._high, 0.0)
        emptied = (inflow_m3h < 0.0) & (volume <= self._low_hair)
        volume[emptied] = self._low[emptied]
        self.volume_m3 = np.minimum(volume, self._high)
        filled = (inflow_m3h > 0.0) & (self.volume_m3 >= self._high_hair)
        self.volume_m3[filled] = self._high[filled]
        self._rearm()
        new_empty, new_full = emptied & ~self._reported_empty, filled & ~self._reported_full
        self._reported_empty |= emptied
        self._reported_full |= filled
        self._reported = bool(self._reported_empty.any() or self._reported_full.any())
        return np.flatnonzero(new_empty).tolist(), np.flatnonzero(new_full).tolist()

    def _rearm(self) -> None:
        self._reported_empty &= self.volume_m3 < self._low + self._margin
        self._reported_full &= self.volume_m3 > self._high - self._margin
