"""The operator's model of the plant, published once: what detectors and control centre may know of physics.

It is not the truth: branch parameters and tank areas differ a little from those of the plant.
"""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec

WATER_UNITS = ("m", "m3/h")
"""Units of levels and flows: what tells a water tag from one of the grid."""


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base: frozen, unknown fields refused."""


class Tag(Strict, frozen=True):
    """One telemetry value. low, high: its published physical range in ``unit``; period_s: report interval."""

    name: str
    station: str
    link: str
    unit: str
    low: float
    high: float
    protected: bool
    period_s: float


class Link(Strict, frozen=True):
    """A path ``SRC>DST``; a protected link cannot be tapped."""

    id: str
    src: str
    dst: str
    protected: bool


class LinkTag(Strict, frozen=True):
    """A tag carried on a link other than STATION>SCADA (or on SCADA>STATION)."""

    link: str
    tag: str


class Bus(Strict, frozen=True):
    """A node of the grid. Tag names are empty where the bus has no such instrument.

    area: number of its control area; shunt_mw: active power that its shunt draws at 1 pu; feeders_tag: how
    many of its load's feeders are closed.
    """

    name: str
    station: str
    base_kv: float
    load_mw: float
    load_tag: str
    voltage_tag: str
    area: int = 1
    shunt_mw: float = 0.0
    feeders_tag: str = ""


class Branch(Strict, frozen=True):
    """A line or transformer. x_pu, r_pu on base_mva; tap 1.0 for a line; flow positive from -> to."""

    name: str
    from_bus: str
    to_bus: str
    r_pu: float
    x_pu: float
    tap: float
    shift_deg: float
    rating_mva: float
    flow_tag: str
    status_tag: str


class Unit(Strict, frozen=True):
    """A generating unit with capacity. cost in currency/MWh; ramp as MW per minute; fuel "" is unknown.

    available_tag: what wind or sun allow at the moment, MW; "" for a unit that can give p_max_mw at any time.
    """

    name: str
    bus: str
    p_min_mw: float
    p_max_mw: float
    ramp_mw_per_min: float
    cost_per_mwh: float
    scheduled_mw: float
    power_tag: str
    frequency_tag: str
    command_link: str
    fuel: str = ""
    available_tag: str = ""


class Tank(Strict, frozen=True):
    """inflow_tag: net inflow, positive when filling; level_m from the tank's bottom."""

    name: str
    station: str
    area_m2: float
    level_min_m: float
    level_max_m: float
    level_tag: str
    inflow_tag: str


class Pump(Strict, frozen=True):
    """Level control: on below on_level_m of ``tank``, off above off_level_m; tank "" means none."""

    name: str
    station: str
    tank: str
    on_level_m: float
    off_level_m: float
    flow_tag: str
    status_tag: str
    command_link: str


class _Located(msgspec.Struct, frozen=True):
    station: str


class _Stations(msgspec.Struct, frozen=True):
    tags: tuple[_Located, ...]


def stations_of(document: bytes) -> frozenset[str]:
    """Stations that report telemetry, from ``PlantModel.encode``'s output. Raises msgspec.ValidationError.

    Reads nothing else, which takes a fraction of the time.
    """
    return frozenset([tag.station for tag in msgspec.json.decode(document, type=_Stations).tags])


class PlantModel(Strict, frozen=True):
    """Everything published about the plant. Tag order is the order of every value vector."""

    schema: int
    grid: str
    water: str
    scan_s: float
    exchange_s: float
    base_mva: float
    nominal_frequency_hz: float
    reference_bus: str
    tags: tuple[Tag, ...]
    links: tuple[Link, ...]
    link_tags: tuple[LinkTag, ...]
    buses: tuple[Bus, ...]
    branches: tuple[Branch, ...]
    units: tuple[Unit, ...]
    tanks: tuple[Tank, ...]
    pumps: tuple[Pump, ...]
    emergency_factor: float
    security: Literal["n-0", "n-1"]

    def encode(self) -> bytes:
        """Canonical JSON (field order is fixed)."""
        return msgspec.json.encode(self)

    def digest(self) -> str:
        """sha256 of the canonical JSON, hex."""
        return hashlib.sha256(self.encode()).hexdigest()

    @staticmethod
    def decode(document: bytes) -> PlantModel:
        """Parse ``encode``'s output. Raises msgspec.ValidationError."""
        return msgspec.json.decode(document, type=PlantModel)
