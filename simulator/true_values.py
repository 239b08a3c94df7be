"""What is true of every quantity that has an instrument, in the order of the plant model's tags."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.grid.case import GridCase
from simulator.grid.grid import Grid
from simulator.nature.nature import Nature
from simulator.water.true_signals import TrueSignals
from streams.plant_model import PlantModel

Floats = NDArray[np.float64]
Index = NDArray[np.int64]
Flags = NDArray[np.bool_]


class TrueValues:
    """Gathers true values; those of the water side are of its last sample, which comes first."""

    def __init__(
        self, model: PlantModel, case: GridCase, grid: Grid, nature: Nature, water: TrueSignals
    ) -> None:
        self._grid, self._nature, self._water = grid, nature, water
        sizes = _sizes(case, len(nature.renewable_units), water.count)
        self._pool: Floats = np.zeros(sum(sizes))
        self._available, self._sampled = np.split(self._pool, np.cumsum(sizes)[-3:-1])[1:]
        self._source = _sources(model, case, nature.renewable_units, sizes)

    def sample_water(self) -> None:
        """Take what the water side's instruments see now."""
        self._sampled[:] = self._water.read()

    def read(self) -> Floats:
        """(tags,) true values; a new array."""
        grid = self._grid
        _pour(
            grid.load_served_mw,
            grid.unit_power_mw,
            grid.bus_island,
            grid.island_frequency_hz,
            grid.bus_voltage_pu,
            grid.branch_flow_from_mw,
            grid.branch_closed,
            grid.feeders_closed,
            self._pool,
        )
        if len(self._available):
            self._available[:] = self._nature.available_mw
        return self._pool.take(self._source)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _pour(
    load_mw: Floats,
    unit_mw: Floats,
    bus_island: Index,
    island_hz: Floats,
    voltage_pu: Floats,
    flow_mw: Floats,
    closed: Flags,
    feeders: Index,
    pool: Floats,
) -> None:
    """Write what is true of the grid to the beginning of ``pool``, frequencies of dead buses as 0."""
    n = 0
    for mw in load_mw:
        pool[n] = mw
        n += 1
    for mw in unit_mw:
        pool[n] = mw
        n += 1
    for island in bus_island:
        pool[n] = island_hz[island] if island >= 0 else 0.0
        n += 1
    for pu in voltage_pu:
        pool[n] = pu
        n += 1
    for mw in flow_mw:
        pool[n] = mw
        n += 1
    for is_closed in closed:
        pool[n] = is_closed
        n += 1
    for count in feeders:
        pool[n] = count
        n += 1


def _sizes(case: GridCase, renewable: int, signals: int) -> list[int]:
    """Lengths of the parts of the pool: those of ``_pour``, what wind and sun allow, the water side."""
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
