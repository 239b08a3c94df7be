"""Every station between its charger and its links."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.coupling.communications import Communications
from simulator.coupling.control_power import Batteries
from simulator.coupling.declared import DeclaredStation
from simulator.coupling.events import CouplingEvent
from simulator.grid.grid import Grid
from streams.links import LinkTable
from streams.messages import EventKind
from streams.plant_model import PlantModel

Bools = NDArray[np.bool_]


class StationPower:
    """Control power of all stations of one plant.

    blind_tags (tags,): what is not measured for want of it; None where everything is.
    """

    def __init__(
        self, declared: Sequence[DeclaredStation], model: PlantModel, grid: Grid, links: LinkTable
    ) -> None:
        self._declared, self._grid, self._links = declared, grid, links
        self._index = {station.name: i for i, station in enumerate(declared)}
        self._batteries = Batteries(
            np.array([station.settings.battery_h for station in declared]),
            np.array([station.settings.recharge_h for station in declared]),
        )
        via = {station.name: station.settings.via for station in declared}
        self._paths = Communications(model, via)
        self._by_bus = np.array([i for i, s in enumerate(declared) if s.bus >= 0], dtype=np.intp)
        self._bus = np.array([s.bus for s in declared if s.bus >= 0], dtype=np.intp)
        self._by_supply = [(i, s.supply) for i, s in enumerate(declared) if s.supply >= 0]
        self._energised: Bools | None = None
        self._supplied: Sequence[bool] = ()
        self._powered: Bools = np.ones(len(declared), dtype=np.bool_)
        self.blind_tags: Bools | None = None

    def works(self, station: str) -> bool:
        """Whether a station has control power; one that reports nothing always has."""
        return station not in self._index or bool(self._batteries.alive[self._index[station]])

    def follow(
        self, t_s: float, seconds: float, supplied: Sequence[bool], events: list[CouplingEvent]
    ) -> bool:
        """Let batteries follow buses and ``supplied`` (supplies,) for ``seconds``; True where one gave out or
        came back."""
        energised = self._grid.bus_energised
        if self._batteries.full and energised is self._energised and supplied == self._supplied:
            return False
        self._energised, self._supplied = energised, supplied
        self._powered[self._by_bus] = energised[self._bus]
        for station, supply in self._by_supply:
            self._powered[station] = supplied[supply]
        before = self._batteries.alive
        if not self._batteries.advance(seconds, self._powered):
            return False
        for i in np.flatnonzero(self._batteries.alive != before):
            own = self._declared[int(i)]
            kind: EventKind = "station_back" if self._batteries.alive[i] else "station_lost"
            hours = own.settings.battery_h
            events.append(CouplingEvent(t_s, kind, own.name, "control power", hours, "h of battery"))
        self._cut_off()
        return True

    def _cut_off(self) -> None:
        """Take dead stations' readings and links away."""
        alive = self._batteries.alive
        dead = [own.name for own, works in zip(self._declared, alive.tolist(), strict=True) if not works]
        self.blind_tags = self._paths.blind_tags(dead) if dead else None
        self._links.set_down(self._paths.dead_links(dead))
