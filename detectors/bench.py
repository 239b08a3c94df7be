"""Speed of a model's certificates on this machine."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from detectors.bounds import Bounder
from detectors.judge import GridJudge
from detectors.members import grid_judge
from detectors.model import load_model
from detectors.perturbation import Perturbation
from detectors.statuses import read_states
from streams.plant_model import PlantModel

REPEATS = 2000
BATCH = 4096


class Subject(NamedTuple):
    """What is measured: a judge, a window of raw scans for it (values, states), and the bounder and reduced
    window that it makes of them."""

    judge: GridJudge
    values: np.ndarray
    states: np.ndarray
    bounder: Bounder
    centre: np.ndarray


def subject_of(model_path: Path, plant: PlantModel) -> Subject:
    """The grid member of a model about the middle of the published ranges."""
    model = load_model(model_path)
    judge = grid_judge(model, plant, Perturbation(model.spec.eps))
    ix = judge.features.index
    draw = np.random.default_rng(0)
    middle = np.where(ix.sign == 0, 0.0, (ix.low + ix.high) / 2)
    values = middle + 0.001 * (ix.high - ix.low) * draw.standard_normal((judge.window, ix.columns.size))
    states = np.ones((judge.window, ix.status_tag.size))
    judge.judge(values, states, judge.window - 1)
    plan = judge.plan(read_states(states[-1]) == 1.0, np.zeros(values.shape[1], dtype=bool))
    assert plan.bounder is not None
    return Subject(judge, values, states, plan.bounder, values.mean(axis=0))


def batch_of(subject: Subject) -> np.ndarray:
    """Reduced windows about the subject's: (BATCH, n)."""
    centre, draw = subject.centre, np.random.default_rng(1)
    many: np.ndarray = centre + 0.01 * np.abs(centre) * draw.standard_normal((BATCH, centre.size))
    return many


def bench_subject(subject: Subject) -> list[dict[str, Any]]:
    """Figures {"name", "value", "unit"}: one window from raw scans to verdict (median, warm), the interval
    and the linear bound alone, and interval windows per second in batch."""
    judge, values, states, bounder, centre = subject
    newest, many = judge.window - 1, batch_of(subject)
    bounder.linear(centre)
    bounder.intervals(many)
    bounder.intervals(many, parallel=True)
    figures = [
        ("grid window to verdict", _median_us(lambda: judge.judge(values, states, newest)), "us"),
        ("interval bound, one window", _median_us(lambda: bounder.interval(centre)), "us"),
        ("linear bound, one window", _median_us(lambda: bounder.linear(centre)), "us"),
        ("interval bound, batch", _per_second(lambda: bounder.intervals(many)), "windows/s"),
        (
            "interval bound, batch, all cores",
            _per_second(lambda: bounder.intervals(many, parallel=True)),
            "windows/s",
        ),
    ]
    return [{"name": name, "value": value, "unit": unit} for name, value, unit in figures]


def _median_us(call: Any) -> float:
    times = np.empty(REPEATS)
    for i in range(REPEATS):
        start = time.perf_counter()
        call()
        times[i] = time.perf_counter() - start
    return float(np.median(times) * 1e6)


def _per_second(call: Any) -> float:
    times = []
    for _ in range(10):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return float(BATCH / np.median(times))
