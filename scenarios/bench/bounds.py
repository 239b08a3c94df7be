"""Certificates per second of the default model, beside the same bound in plain NumPy."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from detectors.bench import bench_model
from detectors.bounds.dense import Dense
from detectors.model import load_model, model_folder
from scenarios.bench.figure import BenchFigure, beside
from scenarios.models import DEFAULT
from scenarios.scenario import load_scenario
from simulator.plant import Plant

Floats = NDArray[np.float64]

BATCH = 4096
REPEATS = 200
PEER = "NumPy, unsound in rounding"


def bench_bounds() -> list[BenchFigure]:
    """Figures of the grid member. Raises BadInput where no default model is installed."""
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


def interval_bounds(network: Dense, centre: Floats, radius: Floats) -> tuple[Floats, Floats]:
    """Interval bound propagation as it stands in papers: (windows, inputs) to (low, high) of the logit.

    Gowal et al. 2018. Rounding errors are not accounted for, nor is the feature pipeline.
    """
    last = len(network.weights) - 1
    for layer, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
        centre, radius = centre @ weight.T + bias, radius @ np.abs(weight).T
        if layer < last:
            low, high = np.maximum(centre - radius, 0.0), np.maximum(centre + radius, 0.0)
            centre, radius = (low + high) / 2.0, (high - low) / 2.0
    return (centre - radius)[:, 0], (centre + radius)[:, 0]


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
