"""Plant and control centre in one loop without a bus: messages stay objects, nothing is encoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from simulator.control.role import ControlRole
from simulator.plant_role import PlantRole
from simulator.settings import PlantSettings
from streams import topics
from streams.messages import AnyMessage


class DirectLoop:
    """Exchanges of plant and control centre, in the order of lockstep."""

    def __init__(self, settings: PlantSettings) -> None:
        self.plant_role = PlantRole(settings)
        self._control = ControlRole()
        self._exchange_s = settings.exchange_s
        self._commands: Sequence[AnyMessage] = ()
        self._k = 0

    def run(self, exchanges: int, after: Callable[[], None] | None = None) -> None:
        """That many exchanges more; ``after`` is called at the end of each."""
        for k in range(self._k, self._k + exchanges):
            t_s = k * self._exchange_s
            sent = self.plant_role.step(k, t_s, {topics.COMMANDS: self._commands})
            inbox = {
                topic: [out.message for out in sent if out.topic == topic]
                for topic in (topics.MODEL, topics.TELEMETRY)
            }
            self._commands = [out.message for out in self._control.step(k, t_s, inbox)]
            if after is not None:
                after()
        self._k += exchanges

    def close(self) -> None:
        """Free the solvers."""
        self.plant_role.close()
        self._control.close()
