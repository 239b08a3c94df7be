"""Clean and tampered grid windows of one plant, to learn from and to measure.

Clean windows come from the twin; those measured are of other runs with other outages. Tampered ones are clean
ones behind a shift of received loads.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.config import TrainConfig
from detectors.dataset import Run
from detectors.dc import GridIndex
from detectors.prepare import GridData, grid_window_data
from scenarios.bench.tampering import KINDS, Tampering
from scenarios.short_runs import Order, in_all_cores, record
from simulator.grid.case import load_case
from simulator.operator_errors import OPERATOR_ERROR_SHARE
from streams.plant_model import PlantModel

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FIRST_SEED = 1_000_000
SERIES = 10_000
"""Seeds of one plant's runs; the second half is measured."""
NULL_SPACE_MW = 1e-6
OUTAGE_SHARE = 0.5
LOAD_TAUGHT, LOAD_MEASURED = (0.65, 1.15), (0.7, 1.1)
"""Of nominal load. Corrections of rows do not extrapolate: training must reach beyond what is measured."""


class Size(NamedTuple):
    """taught, measured: runs; duration_s: of each; stride: scans between windows; copies: tampered windows
    per clean one to learn from; taus: sizes of the shifts to measure."""

    taught: int = 720
    measured: int = 60
    duration_s: float = 900.0
    stride: int = 15
    copies: int = 1
    taus: tuple[float, ...] = (0.1, 0.2, 0.3, 0.5)


class World(NamedTuple):
    """One plant: clean windows to learn from and to measure, and tampered ones of each kind and tau."""

    number: int
    config: TrainConfig
    plant: PlantModel
    grid: GridIndex
    taught: GridData
    clean: GridData
    tampered: dict[tuple[str, float], tuple[GridData, Bools]]
    lessons: GridData


def build_world(number: int, size: Size) -> World:
    """Record, cut to windows, tamper. Everything follows from ``number`` and ``size``."""
    seed = FIRST_SEED + number * SERIES
    config = TrainConfig(seed=seed)
    runs = _clean_runs(seed, size.taught, size.duration_s, LOAD_TAUGHT)
    others = _clean_runs(seed + SERIES // 2, size.measured, size.duration_s, LOAD_MEASURED)
    plant = another_operator(runs[0].plant, number)
    runs, others = ([_of(run, plant) for run in part] for part in (runs, others))
    index = GridIndex.build(plant)
    taught, clean = (grid_window_data(part, index, config, size.stride) for part in (runs, others))
    tampering = Tampering(index)
    tampered: dict[tuple[str, float], tuple[GridData, Bools]] = {}
    for k, kind in enumerate(KINDS):
        for t, tau in enumerate(size.taus):
            told, unseen = tampering.apply(
                clean.mean, clean.topology, clean.topologies, kind, tau, seed + 100 * k + t
            )
            tampered[kind, tau] = _with(clean, told), unseen > NULL_SPACE_MW
    copies = [
        tampering.apply(taught.mean, taught.topology, taught.topologies, "training", 0.0, seed + 1000 + c)[0]
        for c in range(size.copies)
    ]
    return World(number, config, plant, index, taught, clean, tampered, _lessons(taught, copies))


def _clean_runs(seed: int, count: int, duration_s: float, load_scale: tuple[float, float]) -> list[Run]:
    orders = [Order("flagship", seed, n, duration_s, load_scale, OUTAGE_SHARE) for n in range(count)]
    return list(in_all_cores(record, orders))


def another_operator(model: PlantModel, number: int) -> PlantModel:
    """The same plant as another operator would know it: errors of reactance drawn anew, 0 for the shipped
    ones. Dispatch in the recorded runs stays that of the shipped operator."""
    if number == 0:
        return model
    true_x = load_case(model.grid).branch_x
    luck = np.random.default_rng([number, len(true_x)])
    factors = 1.0 + OPERATOR_ERROR_SHARE * np.clip(luck.standard_normal(len(true_x)), -3.0, 3.0)
    branches = tuple(
        msgspec.structs.replace(b, x_pu=float(x))
        for b, x in zip(model.branches, true_x * factors, strict=True)
    )
    return msgspec.structs.replace(model, branches=branches)


def _of(run: Run, plant: PlantModel) -> Run:
    return dataclasses.replace(run, plant=plant)


def _with(data: GridData, mean: Floats) -> GridData:
    return dataclasses.replace(data, mean=mean, size=np.abs(mean), label=np.ones_like(data.label))


def _lessons(clean: GridData, copies: Sequence[Floats]) -> GridData:
    """Clean windows and all tampered copies of them."""
    times = 1 + len(copies)
    mean = np.concatenate([clean.mean, *copies])
    label = np.repeat([0, 1], [len(clean.label), len(clean.label) * len(copies)])
    return GridData(
        mean, np.abs(mean), label, np.tile(clean.topology, times), clean.topologies, np.tile(clean.run, times)
    )
