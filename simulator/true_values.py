"""What is true of every quantity that has an instrument, in the order of the plant model's tags."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.grid.case import GridCase
from simulator.grid.grid import Grid
from simulator.nature.nature import Nature
from simulator.water.true_signals import TrueSignals
from streams.plant_model import PlantModel

Floats = NDArray[np.float64]


class TrueValues:
    """Gathers true values; those of the water side are of its last sample, which comes first."""

    def __init__(
        self, model: PlantModel, case: GridCase, grid: Grid, nature: Nature, water: TrueSignals
    ) -> None:
        self._grid, self._nature, self._water = grid, nature, water
        sizes = _sizes(case, len(nature.renewable_units), water.count)
        self._pool: Floats = np.zeros(sum(sizes))
        self._parts = np.split(self._pool, np.cumsum(sizes)[:-1])
        self._source = _sources(model, case, nature.renewable_units, sizes)

    def sample_water(self) -> None:
        """Take what the water side's instruments see now."""
        self._parts[-1][:] = self._water.read()

    def read(self) -> Floats:
        """(tags,) true values; a new array."""
        grid = self._grid
        load, unit, frequency, voltage, flow, closed, feeders, available, _ = self._parts
        load[:] = grid.load_served_mw
        unit[:] = grid.unit_power_mw
        frequency[:] = grid.frequency_shown_hz
        voltage[:] = grid.bus_voltage_pu
        flow[:] = grid.branch_flow_from_mw
        closed[:] = grid.branch_closed
        feeders[:] = grid.feeders_closed
        available[:] = self._nature.available_mw
        return self._pool.take(self._source)


def _sizes(case: GridCase, renewable: int, signals: int) -> list[int]:
    """Lengths of the parts of the pool, in their order in ``read``."""
    loads, buses, branches = len(case.load_bus), len(case.bus_name), len(case.branch_name)
    return [loads, len(case.unit_name), buses, buses, branches, branches, loads, renewable, signals]


def _sources(
    model: PlantModel, case: GridCase, renewable: Sequence[int], sizes: Sequence[int]
) -> NDArray[np.intp]:
    """Position of every tag in the pool, in tag order."""
    load, unit, frequency, voltage, flow, closed, feeders, available, water = np.cumsum([0, *sizes[:-1]])
    bus = {name: i for i, name in enumerate(case.bus_name)}
    load_of_bus = {int(b): i for i, b in enumerate(case.load_bus)}
    position = {name: i for i, name in enumerate(case.unit_name)}
    place: dict[str, int] = {}
    for node in model.buses:
        place[node.voltage_tag] = voltage + bus[node.name]
        if node.load_tag:
            place[node.load_tag] = load + load_of_bus[bus[node.name]]
        if node.feeders_tag:
            place[node.feeders_tag] = feeders + load_of_bus[bus[node.name]]
    for u in model.units:
        place[u.power_tag] = unit + position[u.name]
        place[u.frequency_tag] = frequency + bus[u.bus]
        if u.available_tag:
            place[u.available_tag] = available + renewable.index(position[u.name])
    for i, branch in enumerate(model.branches):
        place[branch.flow_tag], place[branch.status_tag] = flow + i, closed + i
    wet = [tag.name for tag in model.tags if tag.name not in place]
    place |= {name: water + i for i, name in enumerate(wet)}
    return np.array([place[tag.name] for tag in model.tags], dtype=np.intp)
