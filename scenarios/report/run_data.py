"""What the report reads of a run folder; arms that did not run are simply not there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from scenarios import run_folder
from scenarios.arms import ARMS
from scenarios.recording import read_summary
from scenarios.scenario import Scenario, read_scenario
from scenarios.score import read_rows
from scenarios.summary import Summary
from streams.errors import BadInput
from streams.plant_model import PlantModel

Floats = NDArray[np.float64]


@dataclass
class ArmData:
    """One arm's record, read when asked for. hours: (n_scan,) simulated hours."""

    name: str
    folder: Path

    @cached_property
    def hours(self) -> Floats:
        """Time of every scan."""
        return self.columns("truth", ["t_s"])[0] / 3600.0

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """Rows of ``events.parquet`` in time order."""
        return read_rows(self.folder / "events.parquet")

    @cached_property
    def alarms(self) -> list[dict[str, Any]]:
        """Rows of ``alarms.parquet`` in time order."""
        return read_rows(self.folder / "alarms.parquet")

    @cached_property
    def verdicts(self) -> dict[str, list[Any]]:
        """Columns of ``verdicts.parquet``."""
        columns: dict[str, list[Any]] = pq.read_table(self.folder / "verdicts.parquet").to_pydict()
        return columns

    def names(self, table: str) -> list[str]:
        """Columns of a value table but for the time."""
        return [name for name in pq.read_schema(self.folder / f"{table}.parquet").names if name != "t_s"]

    def columns(self, table: str, names: Sequence[str]) -> list[Floats]:
        """Values of some columns of truth, measured, telemetry, links or loading, each (n_scan,)."""
        found = pq.read_table(self.folder / f"{table}.parquet", columns=list(names))
        return [found.column(name).to_numpy() for name in names]


@dataclass
class RunData:
    """A run folder: documents and the arms whose record can be read."""

    folder: Path
    provenance: dict[str, Any]
    summary: Summary
    scenario: Scenario
    plant_model: PlantModel
    eps_curves: dict[str, Any] | None
    arms: dict[str, ArmData]


def open_run(folder: Path) -> RunData:
    """Read a run folder's documents. Raises BadInput for a folder that is no run or lost a document."""
    provenance = run_folder.open_run(folder)
    curves = folder / run_folder.EPS_CURVES
    found = {name: ArmData(name, folder / name) for name in ARMS if (folder / name).is_dir()}
    return RunData(
        folder,
        provenance,
        read_summary(folder),
        read_scenario(folder / run_folder.SCENARIO),
        _plant_model(folder / run_folder.PLANT_MODEL),
        run_folder.read_document(curves) if curves.is_file() else None,
        {name: arm for name, arm in found.items() if _readable(arm)},
    )


def _plant_model(path: Path) -> PlantModel:
    try:
        return PlantModel.decode(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BadInput("RUN_DIR", str(path), f"a plant model ({error})") from None


def _readable(arm: ArmData) -> bool:
    """Whether the recorder of this arm closed its files; an arm killed outright leaves some without end."""
    tables = ("truth", "measured", "telemetry", "links", "loading", "verdicts", "alarms", "events")
    try:
        for table in tables:
            pq.read_schema(arm.folder / f"{table}.parquet")
    except (OSError, ValueError):
        return False
    return True
