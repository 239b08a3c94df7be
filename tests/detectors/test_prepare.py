"""Which windows are held out of training."""

import numpy as np

from detectors.config import TrainConfig
from detectors.prepare import shares


def test_whole_runs_evenly_spread_are_held_out() -> None:
    run = np.repeat([0, 1, 2, 3, 4, 7, 8, 9, 12, 13], 3)
    learn, held = shares(TrainConfig(held_out=0.2), run)
    assert np.array_equal(learn, ~held)
    assert np.unique(run[held]).tolist() == [4, 13]
    assert held.sum() == 6
    assert not shares(TrainConfig(held_out=0.0), run)[1].any()
    # At least one run is left to learn from.
    learn, _ = shares(TrainConfig(held_out=0.9), run[:6])
    assert np.unique(run[:6][learn]).size == 1


def test_of_a_single_run_the_last_windows_are_held_out() -> None:
    learn, held = shares(TrainConfig(held_out=0.3), np.zeros(10, dtype=np.int64))
    assert held.tolist() == [False] * 7 + [True] * 3
    assert learn.any()
