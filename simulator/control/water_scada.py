"""Water SCADA: a mass-balance observer of every tank, and the safe mode that pumps by it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.control.received import ReceivedState
from streams.messages import Setpoint
from streams.plant_model import PlantModel

Floats = NDArray[np.float64]

INNOVATION_GATE_SHARE = 0.01
CORRECTION_GAIN = 0.05


class WaterScada:
    """Estimates tank levels from the (protected) inflow; received levels correct it only when they agree.

    A received level more than INNOVATION_GATE_SHARE of the level range away from the estimate is not
    believed, so that a spoofed level moves the estimate by at most a slow drift.
    """

    def __init__(self, model: PlantModel, received: ReceivedState) -> None:
        self._model, self._received = model, received
        # Without a flow meter a tank has no mass balance.
        self._tanks = [tank for tank in model.tanks if tank.inflow_tag]
        self._level = np.full(len(self._tanks), np.nan)
        self._level_slots = received.slots(t.level_tag for t in self._tanks)
        self._inflow_slots = received.slots(t.inflow_tag for t in self._tanks)
        self._area = np.array([t.area_m2 for t in self._tanks])
        self._low = np.array([t.level_min_m for t in self._tanks])
        self._high = np.array([t.level_max_m for t in self._tanks])
        self.safe = False
        self._was_safe = False

    def observe(self, step_s: float) -> None:
        """Once per water report, ``step_s`` after the last one."""
        tables = (self._level_slots, self._inflow_slots, self._area, self._low, self._high)
        _observe(self._received.values, tables, step_s, self._level)

    def setpoints(self) -> list[Setpoint]:
        """Level estimates for the pump controllers while the safe mode lasts, and their release after it."""
        if not self.safe and not self._was_safe:
            return []
        quantity = "level_m" if self.safe else "pump_auto"
        self._was_safe = self.safe
        level = {tank.name: value for tank, value in zip(self._tanks, self._level, strict=True)}
        return [
            Setpoint(
                link=pump.command_link,
                element=pump.name,
                quantity=quantity,  # type: ignore[arg-type]
                value=float(level[pump.tank]) if self.safe else 0.0,
            )
            for pump in self._model.pumps
            if pump.tank in level and (not self.safe or np.isfinite(level[pump.tank]))
        ]


@njit(cache=True)  # type: ignore[untyped-decorator]
def _observe(values: Floats, tables: tuple[Any, ...], step_s: float, level_m: Floats) -> None:
    """Bring the estimates ``level_m`` (tanks,) up to date with what was received.

    tables: slots of level and inflow among the values, area, lowest and highest level, each (tanks,). A
    missing inflow counts as none.
    """
    level_slot, inflow_slot, area_m2, low_m, high_m = tables
    for i in range(len(level_m)):
        received, inflow = values[level_slot[i]], values[inflow_slot[i]]
        if np.isnan(level_m[i]):
            level_m[i] = received
            continue
        moved = 0.0 if np.isnan(inflow) else inflow * step_s / 3600.0 / area_m2[i]
        predicted = min(max(level_m[i] + moved, low_m[i]), high_m[i])
        gap = received - predicted
        agrees = abs(gap) <= INNOVATION_GATE_SHARE * (high_m[i] - low_m[i])
        level_m[i] = predicted + (CORRECTION_GAIN * gap if agrees else 0.0)
