"""Shift rows beside the linear programme whose dual they are."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from scipy.optimize import linprog

from detectors.bounds import Bounder
from detectors.config import MemberConfig, TrainConfig
from detectors.dc import GridIndex, shift_factors
from detectors.features import AffineRows
from detectors.members import grid_judge, grid_parts
from detectors.model import load_model
from detectors.network import Mlp
from detectors.perturbation import Perturbation
from detectors.shift_rows import choose, generic_shifts, row_of, rows_of, under, unseen_mw
from detectors.train import train
from detectors.training import Group, start
from streams.errors import BadInput

from . import synthetic

SHIFTS = 6


@pytest.fixture(scope="module")
def index() -> GridIndex:
    return GridIndex.build(synthetic.plant())


@pytest.fixture(scope="module")
def shifts(index: GridIndex) -> np.ndarray:
    load = np.array([b.load_mw if b.load_tag else 0.0 for b in synthetic.plant().buses])
    return generic_shifts(index, load, SHIFTS, 3)


def least_eps_that_hides(index: GridIndex, shift: np.ndarray) -> float:
    """Least share of range within which other tags can move so that the protected flows fit the lie."""
    closed = np.ones(index.start.size, dtype=bool)
    ptdf = shift_factors(index, closed, np.arange(closed.size))
    guarded, n = index.protected_branches, index.n_bus
    free = np.setdiff1d(np.flatnonzero(index.flow_column >= 0), guarded)
    flow_mw, bus_mw = index.width[index.flow_column[free]][:, None], index.bus_width()[:, None]
    above = np.block(
        [[ptdf[free], -flow_mw], [-ptdf[free], -flow_mw], [np.eye(n), -bus_mw], [-np.eye(n), -bus_mw]]
    )
    equal = np.block([[ptdf[guarded], np.zeros((guarded.size, 1))], [np.ones((1, n)), np.zeros((1, 1))]])
    solved = linprog(
        np.r_[np.zeros(n), 1.0], A_ub=above, b_ub=np.zeros(len(above)), A_eq=equal,
        b_eq=np.r_[ptdf[guarded] @ shift, 0.0], bounds=[(None, None)] * n + [(0, None)],
    )  # fmt: skip
    assert solved.status == 0
    return float(solved.fun)


def test_shifts_keep_the_total_and_their_size(index: GridIndex, shifts: np.ndarray) -> None:
    load = np.array([b.load_mw if b.load_tag else 0.0 for b in synthetic.plant().buses])
    assert 0 < len(shifts) <= SHIFTS
    assert np.abs(shifts.sum(axis=1)).max() < 1e-9
    assert (np.abs(shifts) <= load + 1e-12).all()
    assert np.array_equal(shifts, generic_shifts(index, load, SHIFTS, 3))


def test_row_is_the_dual_of_the_least_eps_that_hides_the_shift(index: GridIndex, shifts: np.ndarray) -> None:
    for shift, unseen in zip(shifts[:4], unseen_mw(index, shifts)[:4], strict=True):
        found = row_of(index, unseen, 0.0)
        assert found is not None
        flow, bus = found
        free = (index.flow_column >= 0) & ~np.isin(np.arange(index.start.size), index.protected_branches)
        length = float(
            np.abs(flow[free]) @ index.width[index.flow_column[free]] + np.abs(bus) @ index.bus_width()
        )
        shown = float(np.abs(flow[index.protected_branches] @ unseen))
        assert shown / length == pytest.approx(least_eps_that_hides(index, shift), rel=1e-6)


@pytest.mark.parametrize("out", [None, 3, 40, 118])
def test_rows_vanish_in_every_state_of_the_topology(
    index: GridIndex, shifts: np.ndarray, out: int | None
) -> None:
    rows = rows_of(index, unseen_mw(index, shifts), 0.01)
    closed = np.ones(index.start.size, dtype=bool)
    if out is not None:
        closed[out] = False
    there = under(index, closed, rows)
    assert out is not None or there.defined.all()
    angle = np.random.default_rng(1).standard_normal((20, index.n_bus)) * 0.1
    flow = np.where(closed, index.susceptance_mw * (angle[:, index.start] - angle[:, index.end]), 0.0)
    injected = np.zeros_like(angle)
    np.add.at(injected.T, index.start, flow.T)
    np.add.at(injected.T, index.end, -flow.T)
    residual = flow @ there.flow.T + injected @ there.bus.T
    assert np.abs(residual[:, there.defined]).max() < 1e-4
    if out == 40:
        # The test can tell: some row needs this line.
        assert not there.defined.all()


def test_choice_by_hand() -> None:
    # Row 0 shows both shifts fairly, rows 1 and 2 one each and better.
    shown = np.array([[10.0, 20.0, 0.0], [10.0, 0.0, 20.0]])
    assert choose(shown, np.zeros(3), np.array([10.0, 10.0, 10.0]), 1, 1.0) == [0]
    assert sorted(choose(shown, np.zeros(3), np.full(3, 10.0), 3, 1.0)) == [0, 1, 2]
    # Scatter spoils row 0.
    assert choose(shown, np.array([5.0, 0.0, 0.0]), np.full(3, 10.0), 2, 1.0) == [1, 2]


def test_start_certifies_what_one_row_certifies() -> None:
    draw = np.random.default_rng(0)
    matrix, reach = draw.standard_normal((4, 6)), draw.uniform(0.0, 0.2, 6)
    length = np.abs(matrix) @ reach
    thresholds = np.r_[4.0 + length[:3], np.inf]
    network = Mlp(4, (8, 5), 1)
    network.start_at_thresholds(thresholds, np.zeros(4))
    with torch.no_grad():
        # Without the other neurons the rule is exact.
        for w in list(network.weights)[1:]:
            w[1:] = 0.0
    bounder = Bounder(network.dense(), matrix, np.zeros(4), reach, 1)
    centres = 3.0 * draw.standard_normal((300, 6))
    value = np.abs(centres @ matrix.T)[:, :3]
    low, high = bounder.intervals(centres).T
    excess = np.maximum(value - thresholds[:3] - length[:3], 0.0).sum(axis=1)
    assert ((low > 0) == (excess > 0.5)).all()
    assert 20 < (low > 0).sum() < 280
    quiet = (value <= 4.0 - 1e-9).all(axis=1)
    assert (high[quiet] < 0).all()


def test_start_lets_thresholds_grow_with_a_row_that_nobody_can_move() -> None:
    draw = np.random.default_rng(0)
    level = draw.standard_normal(4000)
    features = np.column_stack([draw.standard_normal((4000, 2)) * (1.0 + 0.3 * level[:, None]), level])
    matrix, reach = np.eye(3), np.array([0.1, 0.1, 0.0])
    rows = AffineRows(matrix, np.zeros(3), np.ones(3, dtype=bool))
    group = Group(rows, None, features, np.zeros(4000, dtype=bool), reach, np.ones(3), lambda draw: reach < 0)
    thresholds, growth = start([group], MemberConfig(eps_train=2.0))
    assert thresholds.tolist() == [4.2, 4.2, np.inf]
    assert growth[:2].tolist() == [0.0, 0.0]
    assert growth[2] == pytest.approx(4.0 * 0.3, rel=0.1)
    network = Mlp(3, (4, 2), 1)
    network.start_at_thresholds(thresholds, growth)
    with torch.no_grad():
        for w in list(network.weights)[1:]:
            w[1:] = 0.0
    for at in (-1.0, 0.0, 1.0):
        edge = 4.2 + growth[2] * at + 0.5
        x = torch.tensor([[edge - 1e-6, 0.0, at], [edge + 1e-6, 0.0, at], [0.0, -edge - 1e-6, at]])
        assert (network(x.double()) > 0.0).tolist() == [False, True, True]


def test_model_with_shift_rows_comes_back_from_its_folder(
    runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("detectors.prepare.CANDIDATES", 20)
    config = TrainConfig(
        grid=MemberConfig(
            hidden=(16, 4), steps=40, batch=32, groups=2, stride=10, shift_rows=5, start="thresholds"
        ),
        water=MemberConfig(enabled=False),
    )
    folder = train(config, runs[:3], tmp_path / "model")
    model, plant = load_model(folder), synthetic.plant()
    features, calibration = grid_parts(model, plant)
    flows = features.index.protected_branches.size
    assert features.rows_count == flows + 5 == model.spec.members["grid"].layers[0] - 1
    assert calibration.usual.coefficients.shape == (flows + 5, 2 + flows)
    assert grid_judge(model, plant, Perturbation(0.01)).network.inputs == flows + 6
    costs = msgspec.json.decode((folder / "training.json").read_bytes())
    assert costs["grid"]["certified"]["method"] == "interval"
    assert costs["grid"]["twin"]["steps"] == 40
    # The cost is no part of the model.
    digest = model.digest()
    (folder / "training.json").unlink()
    assert load_model(folder).digest() == digest
    with np.load(folder / "weights.npz") as stored:
        arrays = dict(stored)
    arrays["grid.shift.bus"] = arrays["grid.shift.bus"][:, 1:]
    np.savez_compressed(folder / "weights.npz", **arrays)
    with pytest.raises(BadInput, match=r"grid\.shift\.bus"):
        load_model(folder)
