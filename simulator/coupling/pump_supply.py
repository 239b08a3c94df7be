"""One electric supply of pumps: when contactors drop out, when motors start again, what a backup carries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from simulator.coupling.backup import Backup
from simulator.settings import SupplySettings
from streams.messages import EventKind

# Band in which a contactor must close, of rated voltage (IEC 60947-4-1, limits of operation). The same
# clause lets it drop out anywhere from 0.75 down to 0.20. The default of ``SupplySettings.dropout_pu`` is
# where a motor stalls too: breakdown torque is twice the rated (NEMA MG 1, design B) and falls with the
# square of the voltage, 2 * 0.7^2 = 0.98.
PICKUP_BAND_PU = (0.85, 1.10)

Source = Literal["mains", "backup", "none"]


class Mains(NamedTuple):
    """What the grid offers. energised, feeder_alive (energised and not shed): now; voltage_pu: the lowest
    since the last look, 0 or NaN where dead."""

    energised: bool
    feeder_alive: bool
    voltage_pu: float


class SupplyEvent(NamedTuple):
    """What the supply as a whole did: its backup took over or left."""

    kind: EventKind
    cause: str
    value: float
    unit: str


class PumpSupply:
    """State of one supply with ``pumps`` motors, in the order in which they start.

    carried: per motor whether its contactor is closed, as far as the supply goes; cause: why those that are
    not are not. source: what feeds the motors. powered: whether what needs no restart, such as a controller,
    has electricity. All motors are carried at t = 0.
    """

    def __init__(self, settings: SupplySettings, pumps: int) -> None:
        self.settings = settings
        self.backup = Backup(settings.backup_kw, settings.backup_start_s, settings.fuel_h)
        self.carried = [True] * pumps
        self.cause = ""
        self.source: Source = "mains"
        self.powered = True
        self._locked: set[int] = set()
        self._back_s: float | None = 0.0
        self._t_s = 0.0

    def advance(self, t_s: float, mains: Mains, power_kw: Sequence[float]) -> list[SupplyEvent]:
        """Follow the mains up to t_s; power_kw: what each motor has drawn since the last call.

        A call at which it ``runs_on`` may be left out.
        """
        if self.runs_on(mains.feeder_alive, mains.voltage_pu):
            return []
        # Counts on a backup alone, where no call is left out.
        seconds, self._t_s = t_s - self._t_s, t_s
        held = self._holds(mains.feeder_alive, mains.voltage_pu)
        events: list[SupplyEvent] = []
        if self.source == "backup":
            events += self._run_backup(seconds, self.load_kw(power_kw))
        if held:
            events += self._take_mains(t_s, mains.voltage_pu)
        else:
            self._lose_mains(t_s, mains)
            if self.backup.carries(t_s):
                events += self._take_backup(t_s, power_kw)
        self.powered = held or self.source == "backup"
        return events

    def runs_on(self, feeder_alive: bool, voltage_pu: float) -> bool:
        """Whether all motors are carried by mains that hold them, so that nothing changes."""
        return self.source == "mains" and self._holds(feeder_alive, voltage_pu) and all(self.carried)

    def _holds(self, feeder_alive: bool, voltage_pu: float) -> bool:
        return feeder_alive and voltage_pu >= self.settings.dropout_pu

    def load_kw(self, power_kw: Sequence[float]) -> float:
        """Power of the motors that are carried."""
        return sum(kw for kw, carried in zip(power_kw, self.carried, strict=True) if carried)

    def _take_mains(self, t_s: float, voltage_pu: float) -> list[SupplyEvent]:
        """Wait for the voltage to stay in band, then start what is off, one motor after another."""
        low, high = PICKUP_BAND_PU
        if not low <= voltage_pu <= high:
            self._back_s = None
            return []
        self._back_s = t_s if self._back_s is None else self._back_s
        first_s = self._back_s + self.settings.restart_s
        if t_s < first_s:
            return []
        events = self._leave_backup("mains are back") if self.source == "backup" else []
        self.source = "mains"
        self.backup.stop()
        self._locked.clear()
        self._start(t_s, first_s)
        return events

    def _lose_mains(self, t_s: float, mains: Mains) -> None:
        self._back_s = None
        if self.source == "mains":
            self._drop(_why(mains))
        self.backup.call(t_s)

    def _take_backup(self, t_s: float, power_kw: Sequence[float]) -> list[SupplyEvent]:
        """Start motors one after another; the last of them goes again while they are too much."""
        events = []
        if self.source != "backup":
            self.source = "backup"
            events.append(SupplyEvent("backup_on", "mains lost", self.backup.capacity_kw, "kW"))
        ready_s = self.backup.ready_s()
        self._start(t_s, t_s if ready_s is None else ready_s)
        running = [n for n, carried in enumerate(self.carried) if carried and power_kw[n] > 0.0]
        while running and self.load_kw(power_kw) > self.backup.capacity_kw:
            last = running.pop()
            self._locked.add(last)
            self.carried = [on and n != last for n, on in enumerate(self.carried)]
            self.cause = "backup overload"
        return events

    def _run_backup(self, seconds: float, load_kw: float) -> list[SupplyEvent]:
        self.backup.burn(load_kw, seconds)
        if self.backup.fuel_h > 0.0:
            return []
        events = self._leave_backup("out of fuel")
        self._drop("out of fuel")
        return events

    def _leave_backup(self, cause: str) -> list[SupplyEvent]:
        return [SupplyEvent("backup_off", cause, self.backup.fuel_h, "h of fuel")]

    def _drop(self, cause: str) -> None:
        self.carried = [False] * len(self.carried)
        self.cause, self.source = cause, "none"

    def _start(self, t_s: float, first_s: float) -> None:
        """Motor number n may start n * stagger_s after first_s."""
        step_s, locked = self.settings.stagger_s, self._locked
        self.carried = [
            on or (n not in locked and t_s >= first_s + n * step_s) for n, on in enumerate(self.carried)
        ]


def _why(mains: Mains) -> str:
    if not mains.energised:
        return "dead bus"
    return "under-voltage" if mains.feeder_alive else "feeder shed"
