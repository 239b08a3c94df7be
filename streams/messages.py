"""Every message that travels over the bus, with the schema version that decodes it.

All are frozen msgspec structs, encoded as MessagePack maps and tagged by ``type``.
``k`` is the exchange number, ``t_s`` simulated seconds since scenario start. ``seq`` counts the
messages of one producer on one topic from 0 without gaps; consumers order by (producer, seq).
"""

from __future__ import annotations

from typing import Literal

import msgspec

SCHEMA_VERSION = 1

VerdictValue = Literal["certified_normal", "certified_alarm", "uncertain"]
TapOperation = Literal["set", "offset", "scale", "hold", "replay", "delay", "drop"]
SafeMode = Literal[
    "hold_last_good",
    "protected_dispatch",
    "mass_balance_control",
]
EventKind = Literal[
    "line_trip",
    "generator_trip",
    "field_forced",
    "load_shed",
    "island",
    "voltage_collapse",
    "pump_lost",
    "pump_back",
    "tank_empty",
    "tank_full",
    "pump_failed",
    "pump_mended",
    "stuck",
    "freed",
    "burst",
    "repair",
    "injection",
    "plant_derated",
    "backup_on",
    "backup_off",
    "station_lost",
    "station_back",
    "solver",
    "safe_mode_in",
    "safe_mode_out",
    "tap_in",
    "tap_out",
    "tap_refused",
    "switch",
    "switch_refused",
    "fault_in",
    "fault_out",
]


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", gc=False):
    """Fields that every message carries.

    producer: who wrote it, the station for telemetry, else the role; seq: its number on this topic, from 0.
    No field leads back to its message, so the garbage collector need not look (``gc``).
    """

    producer: str
    seq: int
    k: int
    t_s: float
    schema: int = SCHEMA_VERSION


class Telemetry(Message, frozen=True, tag="telemetry", kw_only=True):
    """One station's report as received over its link; ``producer`` is the station.

    values: in the order of the plant model's tags of this station, in their units; NaN is missing.
    """

    link: str
    values: list[float]


class Verdict(Message, frozen=True, tag="verdict", kw_only=True):
    """What one detector says of one window.

    detector: its name; domain: "grid" or "water"; station: the station or "*" for a network monitor.
    value: the three-valued verdict, or None from a monitor that certifies nothing (then ``alarm`` speaks).
    alarm: plain, uncertified decision; score: signed, > 0 means alarm.
    margin: distance of the bound from the decision threshold in score units, >= 0 when certified, None
    where nothing is certified.
    """

    detector: str
    domain: str
    station: str
    value: VerdictValue | None
    alarm: bool
    score: float
    margin: float | None
    method: str


class Alarm(Message, frozen=True, tag="alarm", kw_only=True):
    """Raised, kept or cleared by the hub."""

    alarm_id: str
    source: str
    domain: str
    priority: Literal["low", "medium", "high"]
    state: Literal["raised", "cleared"]
    certified: bool


class Directive(Message, frozen=True, tag="directive", kw_only=True):
    """Order of the responder to enter or leave a safe mode."""

    mode: SafeMode
    domain: str
    action: Literal["enter", "exit"]
    reason: str


class Setpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One element of a command, other than the power of a unit.

    quantity: "pump_on" (0/1, central order), "pump_auto" (give the pump back to its PLC),
    "level_m" (level the PLC shall use instead of the received one until the next), "branch_closed" (0/1),
    "unit_on" (1: start and synchronise), "feeders_closed" (how many of a load bus's feeders shall be closed).
    """

    link: str
    element: str
    quantity: Literal["pump_on", "pump_auto", "level_m", "branch_closed", "unit_on", "feeders_closed"]
    value: float


class Command(Message, frozen=True, tag="command", kw_only=True):
    """What the control centre orders in one exchange.

    power_mw: set-points of all units in the plant model's order, NaN for a unit without an order; empty where
    no unit gets one. setpoints: everything else.
    """

    power_mw: list[float]
    setpoints: list[Setpoint]


class Tap(Message, frozen=True, tag="tap", kw_only=True):
    """Tampering with the tags of one link from ``start_s`` (inclusive) to ``end_s`` (exclusive).

    A later tap on the same link and tag replaces an earlier one. values, one per tag:
    set: the value; offset: added; scale: factor; hold: ignored, last received value before start_s is kept;
    replay: seconds back in the received record; delay: seconds of lag; drop: ignored, the value is missing.
    Links clip what results to measured +- eps and refuse "drop" where the scenario forbids it.
    """

    link: str
    operation: TapOperation
    tags: list[str]
    values: list[float]
    start_s: float
    end_s: float


class Intercept(Message, frozen=True, tag="intercept", kw_only=True):
    """Values on a link in the attacker's reach before its own tap; same order as the link's tags.

    As measured, or as last ordered on a command link.
    """

    link: str
    values: list[float]


class Truth(Message, frozen=True, tag="truth", kw_only=True):
    """For the recorder and the facilitator only: one scan of the plant.

    true, measured, received: float64 little-endian bytes in plant-model tag order.
    links: received values over other links, in the order of the plant model's ``link_tags``.
    loading: true current of every branch divided by its rating, in branch order.
    """

    true: bytes
    measured: bytes
    received: bytes
    links: bytes
    loading: bytes


class Event(Message, frozen=True, tag="event", kw_only=True):
    """Something that happened in the plant, at its own time ``t_s`` (which may lie inside a scan)."""

    kind: EventKind
    element: str
    cause: str
    value: float
    unit: str


class Outcome(Message, frozen=True, tag="outcome", kw_only=True):
    """Running integrals over truth, once an hour and at the end; None does not apply."""

    figures: dict[str, float | None]
    shed_mw_by_cause: dict[str, float]
    complete: bool


class Marker(Message, frozen=True, tag="marker", kw_only=True):
    """``producer`` has written all it will write on this topic in exchange k: ``count`` messages."""

    count: int


class Abort(Message, frozen=True, tag="abort", kw_only=True):
    """``producer`` failed; everyone stops."""

    reason: str


class DeadLetter(Message, frozen=True, tag="dead_letter", kw_only=True):
    """A record that ``producer`` read and could not decode: where it lay, its payload, and the reason.

    Long keys, payloads and reasons are cut, see ``streams.lockstep``.
    """

    topic: str
    partition: int
    key: str
    payload: bytes
    reason: str


class PlantModelMessage(Message, frozen=True, tag="plant_model", kw_only=True):
    """The operator's plant model (JSON of ``streams.plant_model.PlantModel``), published once at k = 0."""

    document: bytes


AnyMessage = (
    Telemetry
    | Verdict
    | Alarm
    | Directive
    | Command
    | Tap
    | Intercept
    | Truth
    | Event
    | Outcome
    | Marker
    | Abort
    | DeadLetter
    | PlantModelMessage
)
