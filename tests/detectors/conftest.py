"""One small trained model and its runs, shared by the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from detectors.config import MemberConfig, TrainConfig
from detectors.judge import GridJudge, WaterJudge
from detectors.members import grid_judge, water_judge
from detectors.model import Model, load_model
from detectors.perturbation import Perturbation
from detectors.train import train

from . import synthetic

EPS = Perturbation(0.01)
CONFIG = TrainConfig(
    held_out=0.34,
    grid=MemberConfig(hidden=(32, 16), steps=600, eps_train=0.011),
    water=MemberConfig(hidden=(16, 8), steps=900, stride=1, eps_train=0.011),
)


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    base = tmp_path_factory.mktemp("runs")
    made = [synthetic.water_only(2880, 2100 + i, attacked=i > 0) for i in range(4)]
    made.insert(0, synthetic.record(6000, 2000, outage_pool=6))
    made.insert(4, synthetic.record(2400, 2001, outage_pool=6))
    return [synthetic.write(recording, base / f"run{i}") for i, recording in enumerate(made)]


@pytest.fixture(scope="session")
def model_dir(runs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(CONFIG, runs, tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def model(model_dir: Path) -> Model:
    return load_model(model_dir)


@pytest.fixture(scope="session")
def grid(model: Model) -> GridJudge:
    return grid_judge(model, synthetic.plant(), EPS)


@pytest.fixture(scope="session")
def water(model: Model) -> WaterJudge:
    return water_judge(model, synthetic.plant(), EPS)


@pytest.fixture(scope="session")
def windows(grid: GridJudge) -> list[tuple[np.ndarray, np.ndarray]]:
    """Clean and tampered grid windows of a run that training has not seen: (values, states)."""
    recording = synthetic.record(800, 9, tau=0.3, outage_pool=6, water=False)
    index, w = grid.features.index, grid.window
    values, states = recording.telemetry[:, index.columns], recording.telemetry[:, index.status_tag]
    return [
        (values[e - w + 1 : e + 1].copy(), states[e - w + 1 : e + 1].copy()) for e in range(w - 1, 800, 7)
    ]
