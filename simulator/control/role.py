"""The control centre in the loop: telemetry and directives in, commands out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from simulator.control.centre import ControlCentre
from simulator.control.telemetry_vector import TelemetryVector
from simulator.settings import ControlSettings
from streams import topics
from streams.messages import AnyMessage, Command, PlantModelMessage
from streams.plant_model import PlantModel
from streams.role import Outgoing
from streams.sequence import Sequencer


class ControlRole:
    """AGC each exchange, redispatch each 300 s, restoration, water SCADA each report, safe modes as
    ordered."""

    name = "control"
    reads: Mapping[str, int] = {topics.MODEL: 0, topics.TELEMETRY: 0, topics.DIRECTIVES: 0}
    writes: Sequence[str] = (topics.COMMANDS,)

    def __init__(self, settings: ControlSettings | None = None) -> None:
        self._settings = settings or ControlSettings()
        self._sequence = Sequencer()
        self._centre: ControlCentre | None = None
        self._tank_stations: set[str] = set()

    def step(self, k: int, t_s: float, inbox: Mapping[str, Sequence[AnyMessage]]) -> list[Outgoing]:
        """One exchange; nothing is commanded before the plant model is known."""
        for message in inbox.get(topics.MODEL, ()):
            if isinstance(message, PlantModelMessage):
                model = PlantModel.decode(message.document)
                self._telemetry = TelemetryVector(model)
                self._tank_stations = {tank.station for tank in model.tanks}
                self._centre = ControlCentre(model, self._settings)
        if self._centre is None:
            return []
        received, stations = self._telemetry.assemble(inbox.get(topics.TELEMETRY, ()))
        water_reported = not self._tank_stations.isdisjoint(stations)
        orders = self._centre.decide(t_s, received, water_reported, inbox.get(topics.DIRECTIVES, ()))
        number = self._sequence.next(topics.COMMANDS, self.name)
        command = Command(
            self.name, number, k, t_s, power_mw=orders.power_mw.tolist(), setpoints=orders.setpoints
        )
        return [Outgoing(topics.COMMANDS, self.name, command)]

    def close(self) -> None:
        """Nothing is held."""
