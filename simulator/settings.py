"""What the plant and the control centre need to know of a scenario."""

from __future__ import annotations

from typing import Literal

import msgspec


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base: frozen, keyword only, unknown fields refused."""


class GridSettings(Settings, frozen=True):
    """network: catalogue name or path of a case file; load_scale: factor on every nominal load;
    protected_flows: how many of the most loaded lines are metered over the protected link; out_of_service:
    branches open from the start; relay_time_multiplier: of the inverse-time overload relays (IEC 60255
    TMS)."""

    network: str = "ieee118"
    ratings: Literal["default", "derived"] = "default"
    security: Literal["n-0", "n-1"] = "n-1"
    load_scale: float = 1.0
    protected_flows: int = 28
    out_of_service: tuple[str, ...] = ()
    relay_time_multiplier: float = 0.3


class WaterSettings(Settings, frozen=True):
    """network: catalogue name or INP path; bus: grid bus that feeds, through its feeder number ``feeder``
    (0 is shed first), every pump that no supply names, "" for a supply that never fails; replication:
    districts on it.

    cooled_unit: name of the thermal unit with a gas tower that draws cooling water from cooling_node, ""
    for none; its draw in the network is divided by replication. plcs: file of the PLC graph or its shipped
    name, "" for the default one. quality: what is followed in the water, of trace the share from trace_node;
    chlorine_*: in place of what the INP says of chlorine where not None. patterns: a CSV file
    in place of the INP's time patterns, "" for none.
    """

    network: str = "micropolis"
    plcs: str = ""
    bus: str = ""
    feeder: int = 2
    replication: int = 1
    hydraulic_step_s: float = 60.0
    cooled_unit: str = ""
    cooling_node: str = ""
    patterns: str = ""
    quality: Literal["none", "chlorine", "age", "trace", "contaminant"] = "none"
    trace_node: str = ""
    chlorine_source_mg_l: float | None = None
    chlorine_bulk_decay_per_day: float | None = None
    chlorine_wall_decay_m_per_day: float | None = None


class ControlSettings(Settings, frozen=True):
    """The control centre's own; none of it is secret.

    estimator_period_s: time between two state estimations. agc_areas: "case" regulates every control area of
    the case by its own area control error, "one" the whole grid by frequency alone. agc_participation: units
    share regulation by what they can still ramp, or by capacity. reserve_share: of the largest unit's output
    that the others must be able to replace. restoration: whether operators switch back what tripped, and
    how long they take: reclose_s from an opening to the first attempt, switching_s from one switching to the
    next, pick_up_s from one block of load to the next.
    """

    estimator_period_s: float = 60.0
    agc_areas: Literal["case", "one"] = "case"
    agc_participation: Literal["headroom", "capacity"] = "headroom"
    reserve_share: float = 1.0
    restoration: bool = True
    reclose_s: float = 300.0
    switching_s: float = 120.0
    pick_up_s: float = 60.0


class Storm(Settings, frozen=True):
    """A declared storm over the grid area of this number, 0 for everywhere."""

    start_s: float
    end_s: float
    area: int = 0


class NatureSettings(Settings, frozen=True):
    """seasonal: demand follows season and temperature, so that nominal load is the peak of the year; without
    it nominal load is the peak of the scenario's own week, in normal weather.

    latitude_deg: of solar units. load_classes: bus with load -> class of its customers, for buses that are
    not mixed. renewable_units: units that are wind or solar beside those that the case names so. outages:
    random failures and their repair; line_crews, water_crews: who repairs. storm: declared storms instead of
    drawn ones.
    """

    seasonal: bool = False
    latitude_deg: float = 40.0
    load_classes: dict[str, Literal["residential", "commercial", "industrial"]] = {}
    renewable_units: dict[str, Literal["wind", "solar"]] = {}
    outages: bool = False
    line_crews: int = 2
    water_crews: int = 1
    storm: tuple[Storm, ...] = ()


FaultKind = Literal[
    "line",
    "unit",
    "pump",
    "valve_stuck",
    "burst",
    "contamination",
    "instrument_stuck",
    "instrument_bias",
    "instrument_drift",
    "instrument_scale",
    "instrument_dropout",
]


class FaultSettings(Settings, frozen=True):
    """A declared fault. element: a branch, unit, pump, valve or pipe, junction (burst, contamination) or tag.

    end_s: None lasts to the end of the run. size: leak coefficient in m3/h per sqrt(m) (burst), g/min
    (contamination), tag's unit (instrument_bias), tag's unit per hour (instrument_drift), factor
    (instrument_scale); 0 elsewhere.
    """

    kind: FaultKind
    element: str
    start_s: float
    end_s: float | None = None
    size: float = 0.0


Technology = Literal[
    "gas_tower",
    "gas_once_through",
    "coal_tower",
    "coal_once_through",
    "nuclear_tower",
    "nuclear_once_through",
]


class SupplySettings(Settings, frozen=True):
    """One electric supply of water works: feeder ``feeder`` of grid bus ``bus``, and what stands behind it.

    pumps: names, or "all" that no other supply names; stations: of the water side, by name. Motors drop out
    below dropout_pu of rated voltage; the first starts again restart_s after the voltage is back, each
    further one stagger_s later. backup_kw: capacity of a generator in one district, 0 for none; it takes
    load backup_start_s after the mains fail, and fuel_h hours of full load are in its tank.
    """

    bus: str
    feeder: int = 2
    pumps: tuple[str, ...] | Literal["all"] = "all"
    stations: tuple[str, ...] = ()
    dropout_pu: float = 0.7
    restart_s: float = 10.0
    stagger_s: float = 5.0
    backup_kw: float = 0.0
    backup_start_s: float = 10.0
    fuel_h: float = 24.0


class CoolingSettings(Settings, frozen=True):
    """Unit ``unit`` draws cooling water at junction ``node``; its draw there is divided by replication,
    where 0 stands for that of the water network."""

    unit: str
    node: str
    technology: Technology = "gas_tower"
    replication: int = 0


class CommunicationSettings(Settings, frozen=True):
    """Control power and path of the stations that ``station``, a name or shell-style pattern, matches.

    battery_h: how long the battery lasts without its charger; recharge_h: from empty to full. bus: whose
    loss stops the charger, "" for the station's own. via: station through which its links to and from the
    control centre pass, "" for none. Of several entries for a station the last counts.
    """

    station: str
    battery_h: float
    recharge_h: float = 12.0
    bus: str = ""
    via: str = ""


class TapBudget(Settings, frozen=True):
    """What one attack may do on links: ids in reach, clip per tag, when, and whether it may drop.

    eps_share: share of each tag's range, for tags that eps_tags (engineering units) does not name.
    """

    links: tuple[str, ...]
    eps_share: float
    eps_tags: dict[str, float]
    allow_drop: bool
    start_s: float
    end_s: float


class PlantSettings(Settings, frozen=True):
    """One run of the plant. start: ISO date and time of t_s = 0. supplies, coolings, communication: what
    grid and water need of each other beyond ``water``'s own bus and cooled unit."""

    seed: int
    duration_s: float
    scan_s: float
    exchange_s: float
    start: str
    grid: GridSettings
    water: WaterSettings
    protected_links: dict[str, bool]
    budgets: tuple[TapBudget, ...]
    control: ControlSettings = ControlSettings()
    nature: NatureSettings = NatureSettings()
    faults: tuple[FaultSettings, ...] = ()
    supplies: tuple[SupplySettings, ...] = ()
    coolings: tuple[CoolingSettings, ...] = ()
    communication: tuple[CommunicationSettings, ...] = ()
