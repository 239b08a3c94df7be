"""Telemetry of stations that report at the same times, cut from one vector of received values."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from streams import topics
from streams.messages import Telemetry
from streams.plant_model import Tag
from streams.role import Outgoing


class StationReports:
    """Stations that always report together, in the order of their first tag.

    tags: (position in the plant model, tag) of every value that they report.
    """

    def __init__(self, tags: Iterable[tuple[int, Tag]]) -> None:
        slots: dict[str, list[int]] = defaultdict(list)
        link: dict[str, str] = {}
        for position, tag in tags:
            slots[tag.station].append(position)
            link.setdefault(tag.station, tag.link)
        self._slots = np.array([slot for own in slots.values() for slot in own], dtype=np.intp)
        ends = itertools.accumulate(len(own) for own in slots.values())
        self._cuts = [
            (station, link[station], slice(end - len(own), end))
            for (station, own), end in zip(slots.items(), ends, strict=True)
        ]
        self._number = 0

    def messages(self, k: int, t_s: float, received: NDArray[np.float64]) -> list[Outgoing]:
        """One message per station; ``received``: values of all tags in the plant model's order."""
        values = received[self._slots].tolist()
        number, self._number = self._number, self._number + 1
        return [
            Outgoing(
                topics.TELEMETRY,
                station,
                Telemetry(producer=station, seq=number, k=k, t_s=t_s, link=link, values=values[own]),
            )
            for station, link, own in self._cuts
        ]
