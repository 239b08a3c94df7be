"""Set-points of units on their way from the control centre to the stations, all at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from streams.errors import BadInput
from streams.links import LinkTable
from streams.plant_model import PlantModel

Floats = NDArray[np.float64]


class UnitOrders:
    """Of u units in the plant model's order, each over its station's command link.

    A link that nobody can tap and that works passes what it is given; only the others are asked unit by unit.
    """

    def __init__(self, model: PlantModel, links: LinkTable) -> None:
        row = {(entry.link, entry.tag): i for i, entry in enumerate(model.link_tags)}
        self._links = links
        self._ways = [(unit.command_link, unit.name) for unit in model.units]
        self._rows = np.array([row[way] for way in self._ways], dtype=np.intp)
        self._tappable = [i for i, (link, _) in enumerate(self._ways) if links.tappable(link)]

    def deliver(self, power_mw: Floats, t_s: float, link_sent: Floats, link_values: Floats) -> Floats:
        """What arrives (u,) of the set-points (u,) MW: NaN where none was given or it was lost.

        Writes what was given and what arrives of it into the rows of the plant model's ``link_tags``.
        """
        if power_mw.shape != (len(self._ways),):
            raise BadInput("power_mw of a command", f"{power_mw.shape} values", f"{len(self._ways)} or none")
        given = ~np.isnan(power_mw)
        arrived = power_mw.copy()
        for i in range(len(self._ways)) if self._links.down else self._tappable:
            if given[i]:
                arrived[i] = self._links.apply_command(*self._ways[i], float(power_mw[i]), t_s)
        rows = self._rows
        if not given.all():
            rows, power_mw = rows[given], power_mw[given]
            link_values[rows] = arrived[given]
        else:
            link_values[rows] = arrived
        link_sent[rows] = power_mw
        return arrived
