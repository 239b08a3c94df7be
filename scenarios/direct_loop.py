"""Plant, estimator and control centre in one loop without messages: vectors pass from one to the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.control.centre import ControlCentre
from simulator.control.estimation import Estimation
from simulator.control.orders import Orders
from simulator.plant import Plant
from simulator.settings import PlantSettings

Floats = NDArray[np.float64]


class DirectLoop:
    """Exchanges in the order of lockstep: what the centre orders reaches the plant in the next one."""

    def __init__(self, settings: PlantSettings) -> None:
        self.plant = Plant(settings)
        model = self.plant.model
        self._centre = ControlCentre(model, settings.control)
        self._estimation = Estimation(model, settings.control.estimator_period_s)
        self._exchange_s = settings.exchange_s
        self._orders: Sequence[Orders] = ()
        self._k = 0

    def run(self, exchanges: int, after: Callable[[], None] | None = None) -> None:
        """That many exchanges more; ``after`` is called at the end of each."""
        for k in range(self._k, self._k + exchanges):
            t_s = k * self._exchange_s
            report = self.plant.advance(self._orders, t_s)
            if self._estimation.due(k):
                self._estimation.estimate(report.received)
            self._orders = [self._centre.decide(t_s, report.received, report.water_reported)]
            if after is not None:
                after()
        self._k += exchanges

    def received(self) -> Floats:
        """What SCADA had received at the end of the last exchange, (tags,) in plant-model order; a copy."""
        return self.plant.sampling.received.copy()

    def close(self) -> None:
        """Free the solvers."""
        self.plant.close()
