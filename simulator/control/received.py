"""What the control centre believes: the last received value of every tag."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from simulator.control.scan_kernels import keep_known
from streams.plant_model import PlantModel

Floats = NDArray[np.float64]
Slots = NDArray[np.intp]


class ReceivedState:
    """Vector of received values in plant-model tag order; a missing value keeps the last one that came."""

    def __init__(self, model: PlantModel) -> None:
        self._position = {tag.name: i for i, tag in enumerate(model.tags)}
        self.values = np.full(len(model.tags) + 1, np.nan)  # the last one stays missing

    def update(self, received: Floats) -> None:
        """Take in what came in one exchange (t,), NaN where nothing did."""
        keep_known(received, self.values)

    def slots(self, tags: Iterable[str]) -> Slots:
        """Positions of ``tags`` for ``take``; an empty name stands for "no such instrument"."""
        return np.array([self._position.get(tag, len(self.values) - 1) for tag in tags], dtype=np.intp)

    def take(self, slots: Slots, missing: float = 0.0) -> Floats:
        """Values at ``slots``; ``missing`` where there is no instrument or nothing was received yet."""
        picked = self.values[slots]
        return np.where(np.isnan(picked), missing, picked)
