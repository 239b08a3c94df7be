"""Plant, estimator and control centre in one loop without a bus: messages stay objects, not encoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.control.estimator_role import EstimatorRole
from simulator.control.role import ControlRole
from simulator.plant_role import PlantRole
from simulator.settings import PlantSettings
from streams import topics
from streams.messages import AnyMessage, Truth

Floats = NDArray[np.float64]


class DirectLoop:
    """Exchanges in the order of lockstep."""

    def __init__(self, settings: PlantSettings) -> None:
        self.plant_role = PlantRole(settings)
        self._control = ControlRole(settings.control)
        self._estimator = EstimatorRole(settings.control.estimator_period_s)
        self._exchange_s = settings.exchange_s
        self._commands: Sequence[AnyMessage] = ()
        self._k = 0
        self._truth: AnyMessage | None = None

    def run(self, exchanges: int, after: Callable[[], None] | None = None) -> None:
        """That many exchanges more; ``after`` is called at the end of each."""
        for k in range(self._k, self._k + exchanges):
            t_s = k * self._exchange_s
            inbox: dict[str, list[AnyMessage]] = {topics.MODEL: [], topics.TELEMETRY: [], topics.TRUTH: []}
            for out in self.plant_role.step(k, t_s, {topics.COMMANDS: self._commands}):
                inbox.setdefault(out.topic, []).append(out.message)
            self._truth = inbox[topics.TRUTH][0]
            self._estimator.step(k, t_s, inbox)
            self._commands = [out.message for out in self._control.step(k, t_s, inbox)]
            if after is not None:
                after()
        self._k += exchanges

    def received(self) -> Floats:
        """What SCADA had received at the end of the last exchange, (tags,) in plant-model order."""
        assert isinstance(self._truth, Truth)
        return np.frombuffer(self._truth.received).copy()

    def close(self) -> None:
        """Free the solvers."""
        self.plant_role.close()
        self._estimator.close()
        self._control.close()
