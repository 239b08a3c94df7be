"""State estimation at work: every so often, on one report and the switch status known so far."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.control.estimator import Estimate, Estimator
from streams.plant_model import PlantModel

Floats = NDArray[np.float64]


class Estimation:
    """Estimates every ``period_s``. last: the last estimate, None before the first."""

    def __init__(self, model: PlantModel, period_s: float) -> None:
        self._every = max(round(period_s / model.exchange_s), 1)
        position = {tag.name: i for i, tag in enumerate(model.tags)}
        told = [(i, position[b.status_tag]) for i, b in enumerate(model.branches) if b.status_tag in position]
        self._switches = np.array([i for i, _ in told], dtype=np.intp)
        self._status_slots = np.array([slot for _, slot in told], dtype=np.intp)
        self.closed = np.ones(len(model.branches), dtype=np.bool_)
        self._estimator = Estimator(model)
        self.last: Estimate | None = None

    def due(self, k: int) -> bool:
        """Whether exchange k is one of those in which it estimates."""
        return k % self._every == 0

    def estimate(self, received: Floats) -> Estimate:
        """From this report (t,) alone, NaN where nothing came: an old value would contradict the new ones.

        Only a switch whose status is missing counts as it was.
        """
        status = received[self._status_slots]
        known = ~np.isnan(status)
        self.closed[self._switches[known]] = status[known] > 0.5
        self.last = self._estimator.estimate(received, self.closed)
        return self.last
