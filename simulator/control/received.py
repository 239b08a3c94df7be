"""What the control centre believes: the last received value of every tag."""

from __future__ import annotations

import itertools
import struct
from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from streams.messages import AnyMessage, Telemetry
from streams.plant_model import PlantModel

Floats = NDArray[np.float64]
Slots = NDArray[np.intp]

MAX_JOINED = 64


class ReceivedState:
    """Vector of received values in plant-model tag order; a missing value keeps the last one that came."""

    def __init__(self, model: PlantModel) -> None:
        self._position = {tag.name: i for i, tag in enumerate(model.tags)}
        self.values = np.full(len(model.tags) + 1, np.nan)  # the last one stays missing
        by_station: dict[str, list[int]] = defaultdict(list)
        for i, tag in enumerate(model.tags):
            by_station[tag.station].append(i)
        self._joined: dict[tuple[str, ...], tuple[Slots, struct.Struct]] = {}
        self._station_slots = {station: np.array(slots) for station, slots in by_station.items()}

    def update(self, messages: Iterable[AnyMessage]) -> set[str]:
        """Take in telemetry; returns the stations that reported."""
        known = self._station_slots
        heard = [m for m in messages if type(m) is Telemetry and m.producer in known]
        if not heard:
            return set()
        stations = tuple([message.producer for message in heard])
        slots, packer = self._joined_of(stations)
        # One copy for all stations: a thousand small ones would cost more than the power flow. Of two
        # reports of one station the later counts.
        packed = packer.pack(*itertools.chain.from_iterable([message.values for message in heard]))
        fresh = np.frombuffer(packed)
        missing = np.isnan(fresh)
        self.values[slots] = np.where(missing, self.values[slots], fresh) if missing.any() else fresh
        return set(stations)

    def _joined_of(self, stations: tuple[str, ...]) -> tuple[Slots, struct.Struct]:
        """Positions of all values of these stations, in their order, and what makes an array of them."""
        if stations not in self._joined:
            if len(self._joined) > MAX_JOINED:
                self._joined.clear()
            slots = np.concatenate([self._station_slots[s] for s in stations])
            self._joined[stations] = slots, struct.Struct(f"{len(slots)}d")
        return self._joined[stations]

    def slots(self, tags: Iterable[str]) -> Slots:
        """Positions of ``tags`` for ``take``; an empty name stands for "no such instrument"."""
        return np.array([self._position.get(tag, len(self.values) - 1) for tag in tags], dtype=np.intp)

    def take(self, slots: Slots, missing: float = 0.0) -> Floats:
        """Values at ``slots``; ``missing`` where there is no instrument or nothing was received yet."""
        picked = self.values[slots]
        return np.where(np.isnan(picked), missing, picked)
