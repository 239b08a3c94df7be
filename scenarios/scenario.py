"""Scenario files: what they may hold, how they are read, and how each mistake is named.

``load_scenario`` reads a TOML file (or one of the catalogue by name), applies ``--set`` overrides and
returns a checked, frozen ``Scenario``. Every mistake is a BadInput that names file, field and value.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from simulator.settings import GridSettings, PlantSettings, TapBudget, WaterSettings

Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
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
    """``[water]``. bus feeds, through its feeder number ``feeder`` (0 is shed first), the pumps of
    ``replication`` districts; cooled_unit draws cooling water from cooling_node. quality: what is followed
    in the water, of "trace" the share from trace_node; chlorine_*: in place of what the INP says; patterns:
    a CSV file in place of the INP's time patterns, one column each."""

    network: str = "micropolis"
    bus: str = ""
    feeder: Annotated[int, Meta(ge=0)] = 2
    replication: Annotated[int, Meta(ge=1, le=10_000)] = 1
    hydraulic_step_s: Annotated[float, Meta(gt=0, le=60)] = 60.0
    cooled_unit: str = ""
    cooling_node: str = ""
    patterns: str = ""
    quality: Literal["none", "chlorine", "age", "trace", "contaminant"] = "none"
    trace_node: str = ""
    chlorine_source_mg_l: NotNegative | None = None
    chlorine_bulk_decay_per_day: NotNegative | None = None
    chlorine_wall_decay_m_per_day: NotNegative | None = None


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


class Scenario(Section, frozen=True, kw_only=True):
    """A whole scenario file."""

    scenario: General
    grid: Grid = Grid()
    water: Water = Water()
    link: tuple[LinkEntry, ...] = ()
    attack: tuple[Attack, ...] = ()
    detector: Detector = Detector()
    response: Response = Response()

    @property
    def exchanges(self) -> int:
        """Number of exchanges in the run."""
        return round(self.scenario.duration_s / self.scenario.exchange_s)

    def document(self) -> dict[str, Any]:
        """Plain dictionaries, for TOML and JSON."""
        return dict(msgspec.to_builtins(self))

    def digest(self) -> str:
        """sha256 of the canonical JSON, hex."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()

    def with_seed(self, seed: int) -> Scenario:
        """The same scenario under another seed."""
        return msgspec.structs.replace(self, scenario=msgspec.structs.replace(self.scenario, seed=seed))

    def plant_settings(self, attacked: bool) -> PlantSettings:
        """What plant and control centre need; without ``attacked`` no link can be tampered with."""
        general = self.scenario
        return PlantSettings(
            seed=general.seed,
            duration_s=general.duration_s,
            scan_s=general.scan_s,
            exchange_s=general.exchange_s,
            start=general.start,
            grid=msgspec.convert(msgspec.to_builtins(self.grid), GridSettings),
            water=msgspec.convert(msgspec.to_builtins(self.water), WaterSettings),
            protected_links={entry.id: entry.protected for entry in self.link},
            budgets=tuple(map(tap_budget, self.attack)) if attacked else (),
        )


def tap_budget(attack: Attack) -> TapBudget:
    """An attack's budget as links enforce it; a table of eps leaves every tag it does not name at 0."""
    per_tag: Mapping[str, float] = attack.eps if isinstance(attack.eps, dict) else {}
    return TapBudget(
        links=attack.links,
        eps_share=0.0 if isinstance(attack.eps, dict) else attack.eps,
        eps_tags=dict(per_tag),
        allow_drop=attack.allow_drop,
        start_s=attack.start_s,
        end_s=attack.end_s,
    )


def load_scenario(name_or_path: str, overrides: tuple[str, ...] = ()) -> Scenario:
    """Read, override and check a scenario. Raises BadInput."""
    from scenarios.scenario_reading import apply_overrides, check, locate, parse

    path = locate(name_or_path)
    document = parse(path)
    apply_overrides(document, overrides)
    return check(document, path.name if name_or_path != str(path) else name_or_path)


def read_scenario(path: Path) -> Scenario:
    """A resolved scenario as a run folder keeps it. Raises BadInput."""
    return load_scenario(str(path))
