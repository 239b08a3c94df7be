"""Short training runs as labelled folders: every other stretch of a clean run behind a shift of its loads.

The shifts are those of ``random_shift``. Nobody acts on them here, unlike in the long runs, which are of the
whole closed loop.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from detectors.statuses import read_states
from scenarios import run_folder
from scenarios.attackers.generic import generic_shift
from scenarios.short_runs import Order, record
from simulator.control.dc_model import build_dc_model
from streams.plant_model import PlantModel

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

STRETCH = 12
"""Scans of one shift, and of the clean stretch before it; two windows' worth."""


class ShortRun(NamedTuple):
    """A run to record, the folder to write, and the reach of the tampering, share of each load's range."""

    order: Order
    folder: Path
    eps: float


def write_short_run(run: ShortRun) -> Path:
    """Record, tamper and label; returns the folder."""
    seen = record(run.order)
    told, tampered = tamper(seen.plant, seen.telemetry, run)
    run.folder.mkdir(parents=True, exist_ok=True)
    run_folder.write_text(run.folder / run_folder.PLANT_MODEL, seen.plant.encode().decode())
    names = [tag.name for tag in seen.plant.tags]
    table = {"t_s": seen.t_s} | dict(zip(names, told.T, strict=True))
    pq.write_table(pa.table(table), run.folder / "telemetry.parquet")
    never = np.zeros(len(tampered), dtype=np.bool_)
    marks = {"t_s": seen.t_s, "tampered": tampered, "tampered_grid": tampered, "tampered_water": never}
    run_folder.write_labels(run.folder, pa.table(marks))
    return run.folder


def tamper(model: PlantModel, telemetry: Floats, run: ShortRun) -> tuple[Floats, Bools]:
    """(telemetry as received, scans tampered with). telemetry: (scans, tags) as measured, NaN missing."""
    told, tampered = telemetry.copy(), np.zeros(len(telemetry), dtype=np.bool_)
    at = {tag.name: i for i, tag in enumerate(model.tags)}
    open_to_all = {tag.name for tag in model.tags if not tag.protected}
    loads = [(i, at[b.load_tag]) for i, b in enumerate(model.buses) if b.load_tag in open_to_all]
    flows = [(i, at[b.flow_tag]) for i, b in enumerate(model.branches) if b.flow_tag in open_to_all]
    bus, load = np.array(loads, dtype=np.int64).reshape(-1, 2).T
    branch, flow = np.array(flows, dtype=np.int64).reshape(-1, 2).T
    most_mw = np.zeros(len(model.buses))
    most_mw[bus] = run.eps * np.array([model.tags[i].high - model.tags[i].low for i in load])
    for number, start in enumerate(range(STRETCH, len(told), 2 * STRETCH)):
        luck = np.random.default_rng([run.order.first_seed, run.order.number, number])
        ptdf = build_dc_model(model, _closed(model, at, told[start])).ptdf
        load_mw = np.zeros(len(model.buses))
        load_mw[bus] = np.nan_to_num(told[start, load])
        shift = generic_shift(luck, load_mw, ptdf, most_mw)
        stretch = slice(start, start + STRETCH)
        told[stretch, load] += shift[bus]
        told[stretch, flow] -= (ptdf @ shift)[branch]
        tampered[stretch] = bool(shift.any())
    return told, tampered


def _closed(model: PlantModel, at: dict[str, int], scan: Floats) -> Bools:
    """Received states of the branches; without one, closed."""
    received = [scan[at[b.status_tag]] if b.status_tag else 1.0 for b in model.branches]
    closed: Bools = read_states(np.array([received]))[0] != 0.0
    return closed
