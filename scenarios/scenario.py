"""Scenario files: what they may hold, how they are read, and how each mistake is named.

``load_scenario`` reads a TOML file (or one of the catalogue by name), applies ``--set`` overrides and
returns a checked, frozen ``Scenario``. Every mistake is a BadInput that names file, field and value.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from scenarios.scenario_sections import (
    Attack,
    Communication,
    Control,
    Cooling,
    Detector,
    Fault,
    General,
    Grid,
    LinkEntry,
    Nature,
    Response,
    Section,
    Supply,
    Water,
)
from simulator.settings import (
    CommunicationSettings,
    ControlSettings,
    CoolingSettings,
    FaultSettings,
    GridSettings,
    NatureSettings,
    PlantSettings,
    SupplySettings,
    TapBudget,
    WaterSettings,
)

_Kind = TypeVar("_Kind")


class Scenario(Section, frozen=True, kw_only=True):
    """A whole scenario file."""

    scenario: General
    grid: Grid = Grid()
    water: Water = Water()
    control: Control = Control()
    nature: Nature = Nature()
    fault: tuple[Fault, ...] = ()
    supply: tuple[Supply, ...] = ()
    cooling: tuple[Cooling, ...] = ()
    communication: tuple[Communication, ...] = ()
    link: tuple[LinkEntry, ...] = ()
    attack: tuple[Attack, ...] = ()
    detector: Detector = Detector()
    response: Response = Response()

    @property
    def control_settings(self) -> ControlSettings:
        """What the control centre and the estimator need."""
        return _as(self.control, ControlSettings)

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
            grid=_as(self.grid, GridSettings),
            water=_as(self.water, WaterSettings),
            protected_links={entry.id: entry.protected for entry in self.link},
            budgets=tuple(map(tap_budget, self.attack)) if attacked else (),
            supplies=_as(self.supply, tuple[SupplySettings, ...]),
            coolings=_as(self.cooling, tuple[CoolingSettings, ...]),
            communication=_as(self.communication, tuple[CommunicationSettings, ...]),
            control=self.control_settings,
            nature=_as(self.nature, NatureSettings),
            faults=_as(self.fault, tuple[FaultSettings, ...]),
        )


def _as(section: Any, kind: type[_Kind]) -> _Kind:
    """A section, or several, as the plant's own settings of the same fields."""
    return msgspec.convert(msgspec.to_builtins(section), kind)


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
    from scenarios.scenario_reading import apply_overrides, check, locate, locate_plcs, parse

    path = locate(name_or_path)
    document = parse(path)
    apply_overrides(document, overrides)
    locate_plcs(document, path.parent)
    return check(document, path.name if name_or_path != str(path) else name_or_path)


def read_scenario(path: Path) -> Scenario:
    """A resolved scenario as a run folder keeps it. Raises BadInput."""
    return load_scenario(str(path))
