"""One sample of every instrument, and its way from the stations to the control centre."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from simulator.instruments import Instruments
from simulator.true_values import TrueValues
from streams.links import LinkTable
from streams.plant_model import PlantModel

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Sampling:
    """Values of all tags (tags,) at the last sample; each array is replaced by the next and never changed.

    true: of the quantity; measured: what the instrument shows; sent: what its station sends to the control
    centre; received: what arrives there. NaN is missing. slow: tags of the water side, which is sampled and
    reports by itself: between two reports its last values stand.
    """

    def __init__(
        self,
        model: PlantModel,
        truth: TrueValues,
        instruments: Instruments,
        links: LinkTable,
        slow: Collection[str],
    ) -> None:
        self._truth, self._instruments, self._links = truth, instruments, links
        self._fast = np.array([tag.name not in slow for tag in model.tags])
        self._slow = np.flatnonzero(~self._fast)
        self.true = self.measured = self.sent = self.received = np.full(len(model.tags), np.nan)

    def sample_water(self, step: int, blind: Flags | None) -> None:
        """Let the water side's instruments sample, at sample number ``step``; blind: as in ``sample``."""
        self._truth.sample_water()
        measured = self.measured.copy()
        measured[self._slow] = self._instruments.measure(self._truth.read(), step)[self._slow]
        self.measured = _without(measured, blind)

    def sample(self, step: int, blind: Flags | None) -> None:
        """Let the grid's instruments sample, at sample number ``step``.

        blind: (tags,) what is not measured, since its station has no control power; None for nothing.
        """
        self.true = self._truth.read()
        measured = self._instruments.measure(self.true, step)
        measured[self._slow] = self.measured[self._slow]
        self.measured = _without(measured, blind)

    def send(self, t_s: float, sent: Floats, water_reports: bool) -> None:
        """Let what the stations send be received at the control centre; taps act on the way."""
        self.sent = sent
        received = self._links.apply(t_s, sent, None if water_reports else self._fast)
        if not water_reports:
            received = received.copy()
            received[self._slow] = self.received[self._slow]
        self.received = received


def _without(measured: Floats, blind: Flags | None) -> Floats:
    if blind is not None:
        measured[blind] = np.nan
    return measured
