"""What happens between the two systems, as events."""

from __future__ import annotations

from typing import NamedTuple

from streams.messages import EventKind


class CouplingEvent(NamedTuple):
    """Something that happened at ``t_s``; see ``streams.messages.Event``.

    plant_derated: the capacity in MW that a unit begins, or ceases with 0, to lack cooling water for.
    backup_on, backup_off: a supply's generator takes over (its kW) or leaves (hours of fuel left).
    station_lost, station_back: control power of a station (hours its battery lasts).
    """

    t_s: float
    kind: EventKind
    element: str
    cause: str
    value: float
    unit: str
