"""The pump controller in its place: levels arrive over links, orders from the control centre over another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.water.controls import Controls
from simulator.water.plc import PumpController
from simulator.water.water import Water
from streams.links import LinkTable
from streams.plant_model import PlantModel

Floats = NDArray[np.float64]


class PumpStations:
    """Feeds the PLC what it receives and hands its decisions to the pumps."""

    def __init__(
        self, model: PlantModel, water: Water, controls: Controls, links: LinkTable, start_clock_s: float
    ) -> None:
        self._water, self._links = water, links
        self._controller = PumpController(controls, start_clock_s)
        position = {tag.name: i for i, tag in enumerate(model.tags)}
        levels = {tank.level_tag: i for i, tank in enumerate(model.tanks)}
        self._paths = [
            (row, entry.link, position[entry.tag], levels[entry.tag])
            for row, entry in enumerate(model.link_tags)
            if entry.tag in levels
        ]
        self._level_count = len(model.tanks)

    def control(
        self, t_s: float, measured: Floats, link_sent: Floats, link_values: Floats, powered: bool = True
    ) -> None:
        """One PLC cycle on what arrives of ``measured`` (tag order); without power it decides nothing.

        Writes what goes out over each link into ``link_sent`` and what arrives into ``link_values``.
        """
        received = np.full(self._level_count, np.nan)
        for row, link, slot, tank in self._paths:
            link_sent[row] = measured[slot]
            value = self._links.apply_link(link, t_s, measured[slot : slot + 1].copy())[0]
            link_values[row] = received[tank] = value
        if powered:
            self._controller.step(t_s, received)
            self._controller.apply(self._water)

    def command(self, pump: str, quantity: str, value: float) -> None:
        """Order of the control centre; a value lost on the way (NaN) changes nothing."""
        if pump not in self._controller.names or np.isnan(value):
            return
        if quantity == "level_m":
            self._controller.order_level(pump, value)
        elif quantity == "pump_on":
            self._controller.order_on(pump, value > 0.5)
        elif quantity == "pump_auto":
            self._controller.order_auto(pump)
