"""Recorded runs as arrays of windows, for training and for certifying recorded data.

A run folder holds ``telemetry.parquet`` (t_s, then one column per tag), ``plant_model.json`` and, for
training, ``labels.parquet`` (t_s, tampered, harmful; optionally tampered_grid, tampered_water).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.statuses import read_states
from streams.errors import BadInput
from streams.plant_model import PlantModel

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Run:
    """t_s: (scans,); telemetry: (scans, tags) in plant-model order, NaN missing; labels: name -> (scans,)."""

    where: str
    plant: PlantModel
    t_s: Floats
    telemetry: Floats
    labels: dict[str, Bools]

    def label(self, domain: str) -> Bools:
        """Tampered, in this domain where the labels tell domains apart. Raises BadInput without labels."""
        for name in (f"tampered_{domain}", "tampered"):
            if name in self.labels:
                return self.labels[name]
        raise BadInput(
            f"{self.where}/labels.parquet", sorted(self.labels), f"a column tampered_{domain} or tampered"
        )


def load_plant_model(path: Path) -> PlantModel:
    """Read ``plant_model.json``. Raises BadInput."""
    try:
        return PlantModel.decode(path.read_bytes())
    except OSError as error:
        raise BadInput(str(path), error.strerror or "unreadable", "a readable plant model") from None
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise BadInput(str(path), str(error), "a plant model in JSON") from None


def load_run(path: Path, plant: PlantModel | None = None, labelled: bool = False) -> Run:
    """Read a run folder, or a Parquet file with the plant model beside it. Raises BadInput."""
    file = path / "telemetry.parquet" if path.is_dir() else path
    model = plant or load_plant_model(file.parent / "plant_model.json")
    names = [tag.name for tag in model.tags]
    table = _table(file)
    absent = [n for n in ["t_s", *names] if n not in table]
    if absent:
        raise BadInput(str(file), f"no column {absent[0]!r}", "t_s and every tag of the plant model")
    check_times(str(file), table["t_s"])
    telemetry = np.column_stack([table[n] for n in names]) if names else np.empty((len(table["t_s"]), 0))
    labels: dict[str, Bools] = {}
    if labelled:
        marks = _table(file.parent / "labels.parquet")
        if "t_s" not in marks or not np.array_equal(marks.pop("t_s"), table["t_s"]):
            raise BadInput(str(file.parent / "labels.parquet"), "t_s", "the same t_s as telemetry.parquet")
        labels = {name: column > 0.5 for name, column in marks.items()}
    return Run(str(path), model, table["t_s"], np.ascontiguousarray(telemetry), labels)


def check_times(where: str, t_s: Floats) -> None:
    """Raises BadInput where a time is not finite or not after the one before it."""
    good = np.isfinite(t_s) & np.r_[True, t_s[1:] > t_s[:-1]][: t_s.size]
    if not good.all():
        row = int(np.argmin(good))
        raise BadInput(f"{where}: t_s of row {row + 1}", float(t_s[row]), "finite times that increase")


def _table(path: Path) -> dict[str, Floats]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        return {
            name: np.asarray(table.column(name).cast(pa.float64()).to_numpy(), dtype=np.float64)
            if not pa.types.is_boolean(table.schema.field(name).type)
            else table.column(name).to_numpy().astype(np.float64)
            for name in table.column_names
        }
    except FileNotFoundError:
        raise BadInput(str(path), "missing", "a Parquet file") from None
    except (OSError, pa.ArrowException) as error:
        raise BadInput(str(path), str(error).splitlines()[0], "a Parquet file of numbers") from None


@dataclass(frozen=True)
class GridWindows:
    """Complete windows of one topology. end: scan index of the newest; mean, size: (w, columns);
    topology: (w,) index into topologies; count: scans used; total: windows looked at.
    """

    end: Ints
    mean: Floats
    size: Floats
    topology: Ints
    topologies: list[Bools]
    total: int


def switch_states(run: Run, status_tag: Ints) -> Floats:
    """(scans, branches) as received; a branch without status tag reads 1."""
    states = np.ones((run.telemetry.shape[0], status_tag.size))
    measured = status_tag >= 0
    states[:, measured] = run.telemetry[:, status_tag[measured]]
    return states


def grid_windows(
    run: Run, columns: Ints, status_tag: Ints, window: int, min_scans: int, stride: int
) -> GridWindows:
    """Every ``stride``-th window with enough complete scans of the newest scan's topology."""
    values = run.telemetry[:, columns]
    states = switch_states(run, status_tag)
    read = read_states(states)
    known = np.asarray(~np.isnan(read).any(axis=1))
    whole = np.asarray(~np.isnan(values).any(axis=1) & known)
    distinct, number = np.unique(read == 1.0, axis=0, return_inverse=True)
    number = np.asarray(number).ravel()
    ends = np.arange(window - 1, values.shape[0], stride)
    count = np.zeros(ends.size)
    total, size = np.zeros((ends.size, columns.size)), np.zeros((ends.size, columns.size))
    filled = np.where(whole[:, None], values, 0.0)
    for back in range(window):
        at = ends - back
        use = whole[at] & (number[at] == number[ends])
        count += use
        total += filled[at] * use[:, None]
        size += np.abs(filled[at]) * use[:, None]
    good = (count >= min_scans) & known[ends]
    share = 1.0 / np.maximum(count[good], 1.0)[:, None]
    return GridWindows(
        ends[good], total[good] * share, size[good] * share, number[ends[good]].astype(np.int64),
        [np.asarray(d) for d in distinct], int(ends.size),
    )  # fmt: skip


def sample_rows(t_s: Floats, period_s: float) -> Ints:
    """First scan of every report period: where a slow station's value is taken."""
    period = np.floor(t_s / period_s + 1e-9)
    first = np.r_[True, period[1:] != period[:-1]] if t_s.size else np.zeros(0, dtype=bool)
    return np.flatnonzero(first)


def window_labels(marked: Bools, end: Ints, window: int) -> Ints:
    """1 where every scan of the window is marked, 0 where none is, -1 between."""
    running = np.r_[0, np.cumsum(marked)]
    inside = running[end + 1] - running[end + 1 - window]
    return np.where(inside == window, 1, np.where(inside == 0, 0, -1)).astype(np.int64)
