"""Explicit catalogues: every network, scenario, attacker, detector and safe mode that a name can mean.

A new one is one file plus one line here. Names are unique within a kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from scenarios.playbooks import ALL_PLAYBOOKS
from simulator.grid.cases.networks import NETWORKS
from simulator.water import network as water_network

if TYPE_CHECKING:
    from scenarios.attackers.base import Attacker

_FOLDER = Path(__file__).parent


class Entry(NamedTuple):
    """One catalogue line; ``more`` adds keys to ``breakwater list --json``."""

    name: str
    description: str
    more: Mapping[str, Any] = MappingProxyType({})


class ScenarioEntry(NamedTuple):
    """A scenario that ships; its description stands in its file."""

    name: str
    path: Path


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_N = TypeVar("_N", bound=_Named)


def unique(entries: Iterable[_N]) -> dict[str, _N]:
    """Entries by name. Raises ValueError for a name that comes twice."""
    found: dict[str, _N] = {}
    for entry in entries:
        if entry.name in found:
            raise ValueError(f"{entry.name!r} is in the catalogue twice")
        found[entry.name] = entry
    return found


SCENARIOS = unique(
    [
        ScenarioEntry("flagship", _FOLDER / "flagship.toml"),
        ScenarioEntry("smoke", _FOLDER / "smoke.toml"),
    ]
)

GRID_NETWORKS = unique(Entry(network.name, network.description) for network in NETWORKS.values())

WATER_NETWORKS = unique(Entry(name, entry.description) for name, entry in water_network.CATALOGUE.items())

DETECTORS = unique(
    [
        Entry(
            "default",
            "network over windows of telemetry, trained by interval bounds",
            {"kind": "model"},
        ),
        Entry("residual", "physics: nodal balance of the grid, mass balance of tanks", {"kind": "monitor"}),
        Entry(
            "estimator",
            "the control centre's state estimation: chi-square test of least squares",
            {"kind": "monitor"},
        ),
    ]
)

MONITORS = {name: entry for name, entry in DETECTORS.items() if entry.more["kind"] == "monitor"}

PLAYBOOKS = unique(ALL_PLAYBOOKS)


def attackers() -> dict[str, type[Attacker]]:
    """Attacker classes by name."""
    # Imported here: attackers bring numerical packages that the command line must not load for --help.
    from scenarios.attackers.generic import RandomLevel, RandomShift
    from scenarios.attackers.level_spoofing import LevelSpoofing
    from scenarios.attackers.load_redistribution import LoadRedistribution

    attacks: list[type[Attacker]] = [LoadRedistribution, LevelSpoofing, RandomShift, RandomLevel]
    return unique(attacks)


def _networks() -> list[Entry]:
    return [
        *(Entry(e.name, e.description, {"kind": "grid"}) for e in GRID_NETWORKS.values()),
        *(Entry(e.name, e.description, {"kind": "water"}) for e in WATER_NETWORKS.values()),
    ]


def _scenarios() -> list[Entry]:
    from scenarios.scenario import load_scenario

    found = [load_scenario(name).scenario for name in SCENARIOS]
    return [Entry(s.name, s.description, {"duration_s": s.duration_s, "seed": s.seed}) for s in found]


def _attackers() -> list[Entry]:
    import msgspec

    return [
        Entry(a.name, a.description, {"options": msgspec.to_builtins(a.options_type())})
        for a in attackers().values()
    ]


def _safe_modes() -> list[Entry]:
    import msgspec

    return [
        Entry(
            p.name, p.description, {k: v for k, v in msgspec.to_builtins(p).items() if k not in Entry._fields}
        )
        for p in PLAYBOOKS.values()
    ]


KINDS: dict[str, Callable[[], list[Entry]]] = {
    "networks": _networks,
    "scenarios": _scenarios,
    "attackers": _attackers,
    "detectors": lambda: list(DETECTORS.values()),
    "safe-modes": _safe_modes,
}
"""What ``breakwater list`` knows."""
