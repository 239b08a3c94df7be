"""Grid and water bound together for one run: electricity for pumps and stations, cooling water for units."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.coupling.coolings import Coolings
from simulator.coupling.declared import declared_coolings, declared_stations, declared_supplies
from simulator.coupling.events import CouplingEvent
from simulator.coupling.notes import cooling_notes, station_notes, supply_notes
from simulator.coupling.station_power import StationPower
from simulator.coupling.supplies import Supplies
from simulator.grid.case import GridCase
from simulator.grid.grid import Grid
from simulator.settings import PlantSettings
from simulator.water.water import Water
from streams.errors import BadInput
from streams.links import LinkTable
from streams.plant_model import PlantModel


class Interdependence:
    """The declared couplings of a plant. Raises BadInput where they do not fit the networks.

    One district is a small city; ``[water] replication`` says how many of them hang on one bus. Electric
    draw is multiplied by it and cooling draw divided by it, so that neither side is invisible to the other.
    """

    def __init__(
        self,
        settings: PlantSettings,
        case: GridCase,
        model: PlantModel,
        grid: Grid,
        water: Water,
        links: LinkTable,
    ) -> None:
        replication, self._names = settings.water.replication, water.layout.pump_names
        if replication < 1:
            raise BadInput("water.replication", replication, "a whole number of at least 1")
        self._water = water
        supplies = declared_supplies(settings, case, self._names)
        coolings = declared_coolings(settings, case, water)
        stations = declared_stations(settings, case, model, supplies)
        self.supplies = Supplies(supplies, grid, water, replication)
        self.coolings = Coolings(coolings, case, grid, water)
        self._stations = StationPower(stations, model, grid, links)
        self._controller = {pump.name: pump.station for pump in model.pumps}
        self._events: list[CouplingEvent] = []
        self._t_s = 0.0
        notes = (supply_notes(supplies, self._names, replication), cooling_notes(coolings))
        self.assumptions = tuple(note for part in (*notes, station_notes(stations)) for note in part)

    @property
    def blind_tags(self) -> NDArray[np.bool_] | None:
        """(tags,) what is not measured for want of control power; None where everything is."""
        return self._stations.blind_tags

    def before_grid(self) -> None:
        """Put the pumps' draw on the grid."""
        self.supplies.draw()

    def after_grid(self, t_s: float) -> float:
        """Let pumps and stations follow the grid as it is at t_s, and cooled units the water; returns the
        capacity that is lost, MW."""
        seconds, self._t_s = t_s - self._t_s, t_s
        moved = self.supplies.follow(t_s, self._events)
        if self._stations.follow(t_s, seconds, self.supplies.powered(), self._events) or moved:
            self._switch_pumps(t_s)
        return self.coolings.derate(t_s, self._events)

    def before_water(self) -> None:
        """Ask the water network for what the cooled units need at their present output."""
        self.coolings.draw()

    def works(self, station: str) -> bool:
        """Whether a station has control power."""
        return self._stations.works(station)

    def take_events(self) -> list[CouplingEvent]:
        """What happened since the last call."""
        events, self._events = self._events, []
        return events

    def _switch_pumps(self, t_s: float) -> None:
        """Contactors of pumps: closed while the supply carries them and their controller works."""
        for pump, name in enumerate(self._names):
            carried, cause = self.supplies.carries(pump)
            if carried and not self.works(self._controller.get(name, "")):
                carried, cause = False, "control power"
            self._water.set_pump_supply(pump, carried, t_s, cause)
        self._water.settle()
        # Told now, not with the next hydraulic step: what follows from it may come before that.
        self._events += [CouplingEvent(*event) for event in self._water.advance(t_s)]
