"""Certificates per second: of the default model beside plain NumPy, and of an MLP beside other programs."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from detectors.bench import bench_model
from detectors.bounds.dense import Dense
from detectors.model import load_model, model_folder
from scenarios.bench.figure import BenchFigure, beside
from scenarios.bench.mlp_bounds import bench_mlp
from scenarios.bench.numpy_bounds import interval_bounds
from scenarios.models import DEFAULT
from scenarios.scenario import load_scenario
from simulator.plant import Plant

Floats = NDArray[np.float64]

BATCH = 4096
REPEATS = 200
PEER = "NumPy, unsound in rounding"


def bench_bounds() -> list[BenchFigure]:
    """Figures of the grid member and of the MLP. Raises BadInput where no default model is installed."""
    return [*_bench_default(), *bench_mlp()]


def _bench_default() -> list[BenchFigure]:
    folder = model_folder(DEFAULT)
    plant = Plant(load_scenario("flagship").plant_settings(attacked=False))
    try:
        figures = bench_model(folder, plant.model)
    finally:
        plant.close()
    network = load_model(folder).network("grid")
    one, many = _numpy_one_us(network), _numpy_windows_per_second(network)
    peers = {"interval bound, one window": one, "interval bound, batch": many}
    return [
        beside(f["name"], f["value"], f["unit"], PEER, peers[f["name"]])
        if f["name"] in peers
        else BenchFigure(f["name"], f["value"], f["unit"])
        for f in figures
    ]


def _numpy_one_us(network: Dense) -> float:
    centre, radius = _inputs(network, 1)
    return 1e6 * _median_s(lambda: interval_bounds(network, centre, radius))


def _numpy_windows_per_second(network: Dense) -> float:
    centre, radius = _inputs(network, BATCH)
    return BATCH / _median_s(lambda: interval_bounds(network, centre, radius))


def _inputs(network: Dense, windows: int) -> tuple[Floats, Floats]:
    draw = np.random.default_rng(0)
    return draw.standard_normal((windows, network.inputs)), np.full((windows, network.inputs), 0.1)


def _median_s(call: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return float(np.median(times))
