"""The control centre in the loop: telemetry and directives in, commands out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.control.agc import Agc
from simulator.control.received import ReceivedState
from simulator.control.redispatch import PERIOD_S, Redispatch
from simulator.control.water_scada import WaterScada
from streams import topics
from streams.messages import AnyMessage, Command, Directive, PlantModelMessage, Setpoint
from streams.plant_model import PlantModel
from streams.role import Outgoing
from streams.sequence import Sequencer

Floats = NDArray[np.float64]

BIAS_SHARE_OF_PEAK_PER_HZ = 0.1


class ControlRole:
    """AGC each exchange, redispatch each 300 s, water SCADA each report, safe modes as ordered."""

    name = "control"
    reads: Mapping[str, int] = {topics.MODEL: 0, topics.TELEMETRY: 0, topics.DIRECTIVES: 0}
    writes: Sequence[str] = (topics.COMMANDS,)

    def __init__(self) -> None:
        self._sequence = Sequencer()
        self._centre: ControlCentre | None = None

    def step(self, k: int, t_s: float, inbox: Mapping[str, Sequence[AnyMessage]]) -> list[Outgoing]:
        """One exchange; nothing is commanded before the plant model is known."""
        for message in inbox.get(topics.MODEL, ()):
            if isinstance(message, PlantModelMessage):
                self._centre = ControlCentre(PlantModel.decode(message.document))
        if self._centre is None:
            return []
        setpoints = self._centre.decide(
            t_s, inbox.get(topics.TELEMETRY, ()), inbox.get(topics.DIRECTIVES, ())
        )
        if not setpoints:
            return []
        number = self._sequence.next(topics.COMMANDS, self.name)
        command = Command(producer=self.name, seq=number, k=k, t_s=t_s, setpoints=setpoints)
        return [Outgoing(topics.COMMANDS, self.name, command)]

    def close(self) -> None:
        """Nothing is held."""


class ControlCentre:
    """Decisions of one exchange; knows the operator's model and what was received, nothing else."""

    def __init__(self, model: PlantModel) -> None:
        self._model = model
        self._received = ReceivedState(model)
        self._frequency_slots = self._received.slots(u.frequency_tag for u in model.units)
        self._redispatch = Redispatch(model, self._received)
        self._water = WaterScada(model, self._received)
        p_max = np.array([u.p_max_mw for u in model.units])
        peak = sum(bus.load_mw for bus in model.buses)
        self._agc = Agc(p_max, BIAS_SHARE_OF_PEAK_PER_HZ * peak, model.nominal_frequency_hz)
        self._base = np.array([u.scheduled_mw for u in model.units])
        self._target = self._base.copy()
        self._ramp_per_s = np.array([u.ramp_mw_per_min for u in model.units]) / 60.0
        self._units = [(unit.command_link, unit.name) for unit in model.units]
        self._next_redispatch = 1
        self._water_stations = {t.station for t in model.tanks}
        self._water_heard_s: float | None = None

    def decide(
        self, t_s: float, telemetry: Iterable[AnyMessage], directives: Iterable[AnyMessage]
    ) -> list[Setpoint]:
        """All set-points of one exchange."""
        heard = self._received.update(telemetry)
        self._redispatch.observe()
        changed = self._obey(directives)
        if changed or t_s >= self._next_redispatch * PERIOD_S:
            self._next_redispatch = int(t_s // PERIOD_S) + 1
            new = self._redispatch.solve(self._base).power_mw
            self._agc.absorb(self._target, new)
            self._target = new
        setpoints = self._unit_setpoints()
        if heard & self._water_stations:
            if self._water_heard_s is not None:
                self._water.observe(t_s - self._water_heard_s)
            self._water_heard_s = t_s
            setpoints += self._water.setpoints()
        return setpoints

    def _obey(self, directives: Iterable[AnyMessage]) -> bool:
        """Enter and leave safe modes; True where the dispatch must be solved at once."""
        changed = False
        for directive in directives:
            if not isinstance(directive, Directive):
                continue
            enter = directive.action == "enter"
            if directive.mode == "protected_dispatch":
                changed = True
                if enter:
                    self._redispatch.enter_safe_mode()
                else:
                    self._redispatch.leave_safe_mode()
            elif directive.mode == "mass_balance_control":
                self._water.safe = enter
        return changed

    def _unit_setpoints(self) -> list[Setpoint]:
        step = self._ramp_per_s * self._model.exchange_s
        self._base = self._base + np.clip(self._target - self._base, -step, step)
        frequency = _median(self._received.take(self._frequency_slots, missing=np.nan))
        power = self._agc.correct(self._base, frequency, self._model.exchange_s)
        return [
            Setpoint(link=link, element=name, quantity="power_mw", value=value)
            for (link, name), value in zip(self._units, power.tolist(), strict=True)
        ]


def _median(values: Floats) -> float:
    """Median of the finite values, NaN without any; ``np.median`` takes ten times as long for so few."""
    heard = np.sort(values[np.isfinite(values)])
    middle = heard.size // 2
    if not heard.size:
        return math.nan
    return float(heard[middle] if heard.size % 2 else (heard[middle - 1] + heard[middle]) / 2.0)
