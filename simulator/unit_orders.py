"""Set-points of units on their way from the control centre to the stations, all at once."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numba import njit
from numpy.typing import NDArray

from streams.errors import BadInput
from streams.links import LinkTable
from streams.plant_model import PlantModel

Floats = NDArray[np.float64]
Slots = NDArray[np.intp]


class UnitOrders:
    """Of u units in the plant model's order, each over its station's command link.

    position: of every unit in the grid, which has g units. A link that nobody can tap and that works passes
    what it is given; only the others are asked unit by unit.
    """

    def __init__(self, model: PlantModel, links: LinkTable, position: Mapping[str, int]) -> None:
        row = {(entry.link, entry.tag): i for i, entry in enumerate(model.link_tags)}
        self._links, self._arrived = links, np.empty(len(position))
        self._ways = [(unit.command_link, unit.name) for unit in model.units]
        self._rows = np.array([row[way] for way in self._ways], dtype=np.intp)
        self._slots = np.array([position[unit.name] for unit in model.units], dtype=np.intp)
        self._tappable = [i for i, (link, _) in enumerate(self._ways) if links.tappable(link)]

    def deliver(self, power_mw: Floats, t_s: float, link_sent: Floats, link_values: Floats) -> Floats:
        """What arrives at the grid's units (g,) of the set-points (u,) MW: NaN where none was given or it was
        lost; overwritten by the next call.

        Writes what was given and what arrives of it into the rows of the plant model's ``link_tags``.
        """
        if power_mw.shape != (len(self._ways),):
            raise BadInput("power_mw of a command", f"{power_mw.shape} values", f"{len(self._ways)} or none")
        arrived = self._arrived
        _pass(power_mw, self._rows, self._slots, link_sent, link_values, arrived)
        for i in range(len(self._ways)) if self._links.down else self._tappable:
            if not math.isnan(power_mw[i]):
                value = self._links.apply_command(*self._ways[i], float(power_mw[i]), t_s)
                link_values[self._rows[i]] = arrived[self._slots[i]] = value
        return arrived


@njit(cache=True)  # type: ignore[untyped-decorator]
def _pass(
    power_mw: Floats, rows: Slots, slots: Slots, link_sent: Floats, link_values: Floats, arrived: Floats
) -> None:
    arrived[:] = np.nan
    for i in range(len(power_mw)):
        if not np.isnan(power_mw[i]):
            link_sent[rows[i]] = link_values[rows[i]] = arrived[slots[i]] = power_mw[i]
