"""Certificates per second: of the default model beside plain NumPy, and of an MLP beside other programs."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from detectors.bench import batch_of, bench_subject, subject_of
from detectors.bounds import Bounder, Dense
from detectors.model import model_folder
from scenarios.bench.figure import BenchFigure, beside
from scenarios.bench.mlp_bounds import bench_mlp
from scenarios.bench.numpy_bounds import interval_bounds
from scenarios.models import DEFAULT
from scenarios.scenario import load_scenario
from simulator.plant import Plant

Floats = NDArray[np.float64]

REPEATS = 200
PEER = "NumPy, raw box to logit, unsound in rounding"


def bench_bounds() -> list[BenchFigure]:
    """Figures of the grid member and of the MLP. Raises BadInput where no default model is installed."""
    return [*_bench_default(), *bench_mlp()]


def _bench_default() -> list[BenchFigure]:
    folder = model_folder(DEFAULT)
    plant = Plant(load_scenario("flagship").plant_settings(attacked=False))
    try:
        subject = subject_of(folder, plant.model)
        figures = bench_subject(subject)
    finally:
        plant.close()
    one, many = subject.centre[None], batch_of(subject)
    peers = {
        "interval bound, one window": 1e6 * _numpy_s(subject.bounder, one),
        "interval bound, batch": len(many) / _numpy_s(subject.bounder, many),
    }
    return [
        beside(f["name"], f["value"], f["unit"], PEER, peers[f["name"]])
        if f["name"] in peers
        else BenchFigure(f["name"], f["value"], f["unit"])
        for f in figures
    ]


def _numpy_s(bounder: Bounder, centres: Floats) -> float:
    """Seconds of the same statement in NumPy: the feature map composed with the first layer beforehand, one
    reach for all windows."""
    weights, biases = bounder.network.weights[1:], bounder.network.biases[1:]
    composed = Dense((bounder.first, *weights), (bounder.first_b, *biases))
    return _median_s(lambda: interval_bounds(composed, centres, bounder.reach[None]))


def _median_s(call: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return float(np.median(times))
