"""The sections of a scenario file: fields, ranges and what each means.

What the plant needs of them is in ``simulator.settings``, which knows no ranges.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from simulator.settings import FaultKind, Technology

Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Delay = Annotated[float, Meta(ge=0, le=31 * 86_400)]
"""Seconds, as long as a run may last."""

Hours = Annotated[float, Meta(ge=0, le=1e6)]
Concentration = Annotated[float, Meta(ge=0, le=1e6)]
Decay = Annotated[float, Meta(ge=0, le=1e6)]
Share = Annotated[float, Meta(ge=0, le=1)]
MAX_SEED = 999_999
"""Evaluation seeds run from 0 to this; training uses those above."""

Seed = Annotated[int, Meta(ge=0, le=MAX_SEED)]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every part of a scenario file: frozen, unknown keys refused."""


class General(Section, frozen=True, kw_only=True):
    """``[scenario]``. start: ISO date and time of t_s = 0."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
    description: str = ""
    seed: Seed = 1
    duration_s: Annotated[float, Meta(gt=0, le=31 * 86_400)]
    scan_s: Annotated[float, Meta(gt=0, le=60)] = 4.0
    exchange_s: Annotated[float, Meta(gt=0, le=300)] = 4.0
    start: str = "2025-07-15T12:00:00"


class Grid(Section, frozen=True, kw_only=True):
    """``[grid]``. protected_flows: how many of the most loaded lines are metered over a protected link;
    out_of_service: branches open from the start; relay_time_multiplier: of the overload relays."""

    network: str = "ieee118"
    ratings: Literal["default", "derived"] = "default"
    security: Literal["n-0", "n-1"] = "n-1"
    load_scale: Annotated[float, Meta(gt=0, le=2)] = 1.0
    protected_flows: Annotated[int, Meta(ge=0)] = 28
    out_of_service: tuple[str, ...] = ()
    relay_time_multiplier: Annotated[float, Meta(gt=0, le=10)] = 0.3


class Water(Section, frozen=True, kw_only=True):
    """``[water]``. plcs: file of the PLC graph, beside the scenario file or below the working directory, or
    its shipped name; "" for the default one. bus feeds, through its feeder number ``feeder`` (0 is shed
    first), the pumps of ``replication`` districts that no ``[[supply]]`` names; cooled_unit, a gas unit with
    a cooling tower, draws cooling water from cooling_node. quality: what is followed in the water, of
    "trace" the share from trace_node; chlorine_*: in place of what the INP says; patterns: a CSV file in
    place of the INP's time patterns, one column each."""

    network: str = "micropolis"
    plcs: str = ""
    bus: str = ""
    feeder: Annotated[int, Meta(ge=0)] = 2
    replication: Annotated[int, Meta(ge=1, le=10_000)] = 1
    hydraulic_step_s: Annotated[float, Meta(gt=0, le=60)] = 60.0
    cooled_unit: str = ""
    cooling_node: str = ""
    patterns: str = ""
    quality: Literal["none", "chlorine", "age", "trace", "contaminant"] = "none"
    trace_node: str = ""
    chlorine_source_mg_l: Concentration | None = None
    chlorine_bulk_decay_per_day: Decay | None = None
    chlorine_wall_decay_m_per_day: Decay | None = None


class Control(Section, frozen=True, kw_only=True):
    """``[control]``: the control centre. estimator_period_s: between two state estimations; agc_areas: one
    area control error per area of the case, or one for all; reserve_share: of the largest unit's output that
    the others must be able to replace; restoration: operators switch back what tripped, after the delays."""

    estimator_period_s: Annotated[float, Meta(gt=0, le=3600)] = 60.0
    agc_areas: Literal["case", "one"] = "case"
    agc_participation: Literal["headroom", "capacity"] = "headroom"
    reserve_share: Annotated[float, Meta(ge=0, le=2)] = 1.0
    restoration: bool = True
    reclose_s: Annotated[float, Meta(ge=0, le=86_400)] = 300.0
    switching_s: Annotated[float, Meta(ge=0, le=3600)] = 120.0
    pick_up_s: Annotated[float, Meta(ge=0, le=3600)] = 60.0


class Storm(Section, frozen=True, kw_only=True):
    """``[[nature.storm]]``: bad weather over the grid area of this number, 0 for everywhere."""

    start_s: NotNegative
    end_s: Positive
    area: Annotated[int, Meta(ge=0)] = 0


class Nature(Section, frozen=True, kw_only=True):
    """``[nature]``. seasonal: season and temperature act on demand, nominal load is the peak of the year,
    else of the own week; load_classes: bus -> class of customers; renewable_units: unit -> wind or solar;
    outages: random failures, repaired by line_crews and water_crews; storm: instead of drawn storms."""

    seasonal: bool = False
    latitude_deg: Annotated[float, Meta(ge=-66, le=66)] = 40.0
    load_classes: dict[str, Literal["residential", "commercial", "industrial"]] = {}
    renewable_units: dict[str, Literal["wind", "solar"]] = {}
    outages: bool = False
    line_crews: Annotated[int, Meta(ge=1, le=1000)] = 2
    water_crews: Annotated[int, Meta(ge=1, le=1000)] = 1
    storm: tuple[Storm, ...] = ()


class Fault(Section, frozen=True, kw_only=True):
    """``[[fault]]``: what breaks from start_s to end_s (without: to the end of the run), and how badly.

    size: leak coefficient in m3/h per sqrt(m) (burst), g/min (contamination), tag's unit (instrument_bias),
    tag's unit per hour (instrument_drift), factor (instrument_scale); none elsewhere.
    """

    kind: FaultKind
    element: Annotated[str, Meta(min_length=1)]
    start_s: NotNegative
    end_s: Positive | None = None
    size: float = 0.0


class Supply(Section, frozen=True, kw_only=True):
    """``[[supply]]``: feeder number ``feeder`` of ``bus`` feeds pumps and water stations by name; "all" are
    the pumps that no other supply names.

    Motors drop out below dropout_pu and start again restart_s after the voltage is back, one each stagger_s.
    Behind it, in each district, a generator of backup_kw (0: none) that takes load after backup_start_s and
    has fuel for fuel_h hours of full load.
    """

    bus: str
    feeder: Annotated[int, Meta(ge=0)] = 2
    pumps: tuple[str, ...] | Literal["all"] = "all"
    stations: tuple[str, ...] = ()
    dropout_pu: Annotated[float, Meta(ge=0, le=0.85)] = 0.7
    restart_s: Delay = 10.0
    stagger_s: Delay = 5.0
    backup_kw: Annotated[float, Meta(ge=0, le=1e6)] = 0.0
    backup_start_s: Delay = 10.0
    fuel_h: Hours = 24.0


class Cooling(Section, frozen=True, kw_only=True):
    """``[[cooling]]``: unit draws cooling water at junction ``node``, divided by replication (0: that of
    ``[water]``)."""

    unit: str
    node: str
    technology: Technology = "gas_tower"
    replication: Annotated[int, Meta(ge=0, le=10_000)] = 0


class Communication(Section, frozen=True, kw_only=True):
    """``[[communication]]``: stations by name or shell-style pattern; the last entry for a station counts.

    battery_h: hours of control power without the grid (default 8 in a substation, 4 on the water side);
    recharge_h: from empty to full; bus: that charges it, "" for the station's own; via: station through
    which its links to and from the control centre pass.
    """

    station: str
    battery_h: Hours
    recharge_h: Annotated[float, Meta(ge=0.001, le=1e6)] = 12.0
    bus: str = ""
    via: str = ""


class LinkEntry(Section, frozen=True, kw_only=True):
    """``[[link]]``: overrides the network's default protection of one link."""

    id: Annotated[str, Meta(pattern=r"^[^>]+>[^>]+$")]
    protected: bool


class Attack(Section, frozen=True, kw_only=True):
    """``[[attack]]``. links: ids or shell-style patterns such as "S*>SCADA" (protected links never match).

    eps: largest change, a share of each tag's range or a table tag -> engineering units. queries: plans the
    attacker may try. techniques: ids of ATT&CK for ICS or ATLAS in the version that attack_version names.
    options: the attacker's own, see ``breakwater list attackers --json``.
    """

    attacker: str
    start_s: NotNegative
    end_s: Positive
    links: Annotated[tuple[str, ...], Meta(min_length=1)]
    eps: Share | dict[str, NotNegative]
    allow_drop: bool = False
    queries: Annotated[int, Meta(ge=0)] = 1000
    knowledge: Literal["white", "grey", "black"] = "white"
    attack_version: str = ""
    techniques: tuple[str, ...] = ()
    options: dict[str, Any] = {}


class Detector(Section, frozen=True, kw_only=True):
    """``[detector]``. model: catalogue name or folder; eps: what is certified, as in an attack."""

    model: str = "default"
    eps: Share | dict[str, NotNegative] = 0.01
    monitors: tuple[str, ...] = ("residual",)


class Response(Section, frozen=True, kw_only=True):
    """``[response]``. playbooks: names of ``breakwater list safe-modes``."""

    playbooks: tuple[str, ...] = ("protected_dispatch", "mass_balance_control")
