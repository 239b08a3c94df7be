"""Telemetry messages of one exchange as one vector in plant-model tag order."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.messages import AnyMessage, Telemetry
from streams.plant_model import PlantModel

Floats = NDArray[np.float64]
Slots = NDArray[np.intp]

MAX_LAYOUTS = 64


class Heard(NamedTuple):
    """values (t,): NaN where nothing came; stations: who reported, in order."""

    values: Floats
    stations: Sequence[str]


class TelemetryVector:
    """Puts reports together; of two reports of one station the later counts."""

    def __init__(self, model: PlantModel) -> None:
        slots: dict[str, list[int]] = defaultdict(list)
        for i, tag in enumerate(model.tags):
            slots[tag.station].append(i)
        self._slots = dict(slots)
        self._count = len(model.tags)
        self._layouts: dict[tuple[str, ...], tuple[Slots, struct.Struct]] = {}

    def assemble(self, messages: Iterable[AnyMessage]) -> Heard:
        """What these messages say; those of other kinds and of unknown stations are passed over."""
        stations: list[str] = []
        joined: list[float] = []
        for message in messages:
            if type(message) is Telemetry and message.producer in self._slots:
                stations.append(message.producer)
                joined += message.values
        slots, packer = self._layout(tuple(stations))
        values = np.full(self._count, np.nan)
        # One copy for all stations: a thousand small ones would cost more than the power flow.
        values[slots] = np.frombuffer(packer.pack(*joined))
        return Heard(values, stations)

    def _layout(self, stations: tuple[str, ...]) -> tuple[Slots, struct.Struct]:
        """Positions of all values of these stations, in their order, and what makes an array of them."""
        if stations not in self._layouts:
            if len(self._layouts) > MAX_LAYOUTS:
                self._layouts.clear()
            slots = np.array([slot for station in stations for slot in self._slots[station]], dtype=np.intp)
            self._layouts[stations] = slots, struct.Struct(f"{len(slots)}d")
        return self._layouts[stations]
