"""What a station without control power takes with it: readings, its links, links that pass through it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set

import numpy as np
from numpy.typing import NDArray

from simulator.station_names import CENTRE
from streams.plant_model import PlantModel

Bools = NDArray[np.bool_]


class Communications:
    """Paths of a plant's links. via: station -> station that its links to and from the control centre
    pass, "" for a direct one; links between two stations are direct.

    A reading is taken where its instrument stands: the flow of a line by the substation at its start, also
    where the concentrator reports it.
    """

    def __init__(self, model: PlantModel, via: Mapping[str, str]) -> None:
        place = {tag.name: tag.station for tag in model.tags}
        station_of_bus = {bus.name: bus.station for bus in model.buses}
        place |= {b.flow_tag: station_of_bus[b.from_bus] for b in model.branches if b.flow_tag}
        self._places = np.array([place[tag.name] for tag in model.tags])
        self._reporters = np.array([tag.station for tag in model.tags])
        self._paths = {link.id: _path({link.src, link.dst} - {CENTRE}, via) for link in model.links}

    def blind_tags(self, dead: Collection[str]) -> Bools:
        """(tags,) True where nothing is measured while the stations ``dead`` have no control power."""
        names = list(dead)
        return np.asarray(np.isin(self._places, names) | np.isin(self._reporters, names))

    def dead_links(self, dead: Collection[str]) -> frozenset[str]:
        """Links over which nothing arrives meanwhile."""
        lost = set(dead)
        return frozenset(link for link, path in self._paths.items() if path & lost)


def _path(ends: Set[str], via: Mapping[str, str]) -> frozenset[str]:
    """Stations that must work for a link: its ends, and on the way to the centre all that it passes."""
    path = set(ends)
    if len(path) == 1:
        (station,) = path
        while station := via.get(station, ""):
            path.add(station)
    return frozenset(path)
