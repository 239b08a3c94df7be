"""Bursts, broken pumps, stuck actuators and poison: each acts at once and is an event."""

from __future__ import annotations

import math
from typing import NamedTuple

from simulator.water.engine import Bools
from simulator.water.readings import Readings
from streams.errors import BadInput
from streams.messages import EventKind


class WaterEvent(NamedTuple):
    """Something that happened at ``t_s``; the plant adds producer and exchange."""

    t_s: float
    kind: EventKind
    element: str
    cause: str
    value: float
    unit: str


class Failures(Readings):
    """What breaks in a network and what is put into it. ``Water`` is the rest."""

    t_s: float
    _link_index: dict[str, int]
    _is_junction: Bools
    _events: list[WaterEvent]
    _stale: bool

    def set_leak(self, node: str, coefficient_m3h_per_sqrt_m: float) -> None:
        """Let a junction leak coefficient times sqrt(pressure in m), beside the INP's own; 0 mends it.

        Raises BadInput if the node is no junction or the INP's emitters follow another law, ValueError
        for a coefficient that is negative or not finite.
        """
        index = self._junction("leak node", node)
        value = at_least_0("leak coefficient", coefficient_m3h_per_sqrt_m)
        self._engine.set_leak(index, value)
        self._stale = True
        self._event("burst" if value > 0.0 else "repair", node, "pipe", value, "m3/h/m^0.5")

    def set_pump_failed(self, pump: str, failed: bool) -> None:
        """Break a pump or mend it; broken it does not run, whatever is ordered. Raises BadInput."""
        if pump not in self.layout.pump_names:
            raise BadInput("pump", pump, ", ".join(self.layout.pump_names))
        index = self.layout.pump_names.index(pump)
        if bool(self._orders.failed[index]) != failed:
            self._orders.failed[index] = failed
            self._stale = True
            self._pump_event("pump_failed" if failed else "pump_mended", index, "breakdown")

    def set_stuck(self, link: str, stuck: bool) -> None:
        """Let a pump's switch or a valve ignore orders, or heed the next one again. Raises BadInput.

        A stuck pump that loses its supply stops all the same.
        """
        if link not in self._link_index:
            raise BadInput("link", link, f"a link of {self.layout.path.name}")
        index = self._link_index[link]
        if bool(self._orders.stuck[index]) != stuck:
            self._orders.stuck[index] = stuck
            is_open = float(self._orders.link_open()[index])
            self._event("stuck" if stuck else "freed", link, "actuator", is_open, "open")

    def set_injection(self, node: str, mass_g_per_min: float) -> None:
        """Put a contaminant in at a junction, from now on, 0 to end it; where no water leaves, none gets in.

        Raises BadInput if the node is no junction or no contaminant is followed, ValueError for a mass that
        is negative or not finite.
        """
        index = self._junction("injection node", node)
        value = at_least_0("injection", mass_g_per_min)
        if self._quality is None or not self._quality.contaminant:
            raise BadInput("water.quality", "without contaminant", "contaminant, where one is injected")
        self._quality.set_injection(index, value)
        self._stale = True
        self._event("injection", node, "contaminant", value, "g/min")

    def _junction(self, field: str, node: str) -> int:
        index = self._node_index.get(node, -1)
        if index < 0 or not self._is_junction[index]:
            raise BadInput(field, node, f"a junction of {self.layout.path.name}")
        return index

    def _pump_event(self, kind: EventKind, pump: int, cause: str) -> None:
        self._event(kind, self.layout.pump_names[pump], cause, float(self.pump_flow_m3h[pump]), "m3/h")

    def _event(self, kind: EventKind, element: str, cause: str, value: float, unit: str) -> None:
        self._events.append(WaterEvent(self.t_s, kind, element, cause, value, unit))


def at_least_0(name: str, value: float) -> float:
    """The value. Raises ValueError naming it if it is negative or not finite."""
    if not (math.isfinite(value) and value >= 0.0):
        raise ValueError(f"{name}: {value!r} is not allowed; allowed: finite, at least 0")
    return value
