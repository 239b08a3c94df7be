"""What the plant and the control centre need to know of a scenario."""

from __future__ import annotations

from typing import Literal

import msgspec


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base: frozen, keyword only, unknown fields refused."""


class GridSettings(Settings, frozen=True):
    """network: catalogue name; load_scale: factor on every nominal load; protected_flows: how many of the
    most loaded lines are metered over the protected link; out_of_service: branches open from the start;
    relay_time_multiplier: of the inverse-time overload relays (IEC 60255 TMS)."""

    network: str = "ieee118"
    ratings: Literal["default", "derived"] = "default"
    security: Literal["n-0", "n-1"] = "n-1"
    load_scale: float = 1.0
    protected_flows: int = 28
    out_of_service: tuple[str, ...] = ()
    relay_time_multiplier: float = 0.3


class WaterSettings(Settings, frozen=True):
    """network: catalogue name or INP path; bus: grid bus that feeds the pumps, through its feeder number
    ``feeder`` (0 is shed first); replication: districts on it.

    cooled_unit: name of the thermal unit that draws cooling water from cooling_node, "" for none;
    its draw in the network is divided by replication. quality: what is followed in the water, of trace the
    share from trace_node; chlorine_*: in place of what the INP says of chlorine where not None. patterns: a
    CSV file in place of the INP's time patterns, "" for none.
    """

    network: str = "micropolis"
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
    """One run of the plant. start: ISO date and time of t_s = 0."""

    seed: int
    duration_s: float
    scan_s: float
    exchange_s: float
    start: str
    grid: GridSettings
    water: WaterSettings
    protected_links: dict[str, bool]
    budgets: tuple[TapBudget, ...]
