import os
import subprocess
import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.bounds import Bounder, BoundMethod, Dense, kernels
from streams.errors import BadInput
from tests.reference import exact_network

METHODS: tuple[BoundMethod, ...] = ("interval", "crown_ibp", "crown")


def make(
    seed: int, n: int, m: int, hidden: tuple[int, ...], scale: float = 1.0
) -> tuple[Dense, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    sizes = [m, *hidden, 1]
    weights = tuple(rng.standard_normal((b, a)) / np.sqrt(a) for a, b in pairwise(sizes))
    network = Dense(weights, tuple(0.3 * rng.standard_normal(b) for b in sizes[1:]))
    return network, scale * rng.standard_normal((m, n)) * (rng.random((m, n)) < 0.6), rng.standard_normal(m)


def pgd(bounder: Bounder, centre: np.ndarray, up: bool, rng: np.random.Generator, steps: int = 40) -> float:
    """Strongest logit found by sign gradient ascent (Madry et al. 2018) with restarts."""
    network, best = bounder.network, -np.inf
    sign = 1.0 if up else -1.0
    for _ in range(5):
        x = centre + bounder.reach * rng.uniform(-1, 1, centre.size)
        for i in range(steps):
            z, masks = bounder.first @ x + bounder.first_b, []
            for w, b in zip(network.weights[1:], network.biases[1:], strict=True):
                masks.append(z > 0)
                z = w @ np.maximum(z, 0) + b
            best = max(best, sign * z[0])
            g = network.weights[-1][0]
            for w, mask in zip(network.weights[-2::-1], masks[::-1], strict=True):
                g = g * mask
                g = g @ (w if w is not network.weights[0] else bounder.first)
            step = bounder.reach * 2.0 / (i + 1)
            x = np.clip(x + sign * step * np.sign(g), centre - bounder.reach, centre + bounder.reach)
    return sign * best


def test_by_hand() -> None:
    """u in [-1, 3], v = 2 exactly: z = (u - v, v), relu, logit = -relu(u - v) + v - 1 -> [0, 1]."""
    network = Dense(
        (np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[-1.0, 1.0]])), (np.zeros(2), np.array([-1.0]))
    )
    matrix = np.array([[1.0, -1.0], [0.0, 1.0]])
    bounder = Bounder(network, matrix, np.zeros(2), np.array([2.0, 0.0]), 1)
    assert bounder.interval(np.array([1.0, 2.0])) == pytest.approx((0.0, 1.0), abs=1e-12)
    assert bounder.linear(np.array([1.0, 2.0])) == pytest.approx((0.0, 1.0), abs=1e-12)


def test_first_layer_is_exact() -> None:
    """Two features that cancel: composed before absolute values, so no width is left."""
    network = Dense((np.array([[1.0, -1.0]]), np.array([[1.0]])), (np.array([5.0]), np.array([0.0])))
    bounder = Bounder(network, np.array([[3.0], [3.0]]), np.zeros(2), np.array([10.0]), 1)
    low, high = bounder.interval(np.array([7.0]))
    assert low <= 5.0 <= high
    assert high - low < 1e-9


@pytest.mark.parametrize("reach", [0.0, 1e-9, 1e-3, 0.1])
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_contains_the_exact_interval_bound(reach: float, scale: float) -> None:
    network, matrix, offset = make(1, 20, 9, (7, 5), scale)
    rng = np.random.default_rng(2)
    half = np.where(rng.random(20) < 0.2, 0.0, reach)
    bounder = Bounder(network, matrix, offset, half, 6)
    for _ in range(3):
        centre = rng.standard_normal(20) * 100
        low, high = bounder.interval(centre)
        exact_low, exact_high = exact_network.interval(network, matrix, offset, centre, half)
        assert Fraction(low) <= exact_low
        assert exact_high <= Fraction(high)
        assert high - low <= float(exact_high - exact_low) * (1 + 1e-9) + 1e-8 * scale


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 1), st.integers(1, 3))
def test_exact_values_inside_both_bounds(seed: int, reach: float, depth: int) -> None:
    network, matrix, offset = make(seed, 8, 6, (5,) * depth)
    rng = np.random.default_rng(seed)
    half = reach * rng.random(8)
    bounder = Bounder(network, matrix, offset, half, 1)
    centre = rng.standard_normal(8)
    wide, tight = bounder.interval(centre), bounder.linear(centre)
    assert wide.low <= tight.low <= tight.high <= wide.high
    for _ in range(6):
        share = rng.choice([-1.0, 0.0, 1.0], 8)
        point = [
            Fraction(float(c)) + Fraction(float(s)) * Fraction(float(h))
            for c, s, h in zip(centre, share, half, strict=True)
        ]
        value = exact_network.logit(network, matrix, offset, point)
        assert Fraction(tight.low) <= value <= Fraction(tight.high)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(1e-9, 0.5), st.integers(1, 5), st.sampled_from([6, 11]))
def test_exact_outputs_inside_every_method(seed: int, reach: float, outputs: int, width: int) -> None:
    """One to five outputs, with few and with many open neurons: every way that rows are multiplied."""
    network, matrix, offset = make(seed, 8, 6, (width, 9))
    rng = np.random.default_rng(seed)
    weights = (*network.weights[:-1], rng.standard_normal((outputs, 9)))
    network = Dense(weights, (*network.biases[:-1], rng.standard_normal(outputs)))
    half = reach * rng.random(8)
    bounder = Bounder(network, matrix, offset, half, 1)
    centres = rng.standard_normal((7, 8))
    found = [bounder.batch(centres, method)[-1] for method in METHODS]
    found += [bounder.outputs(centres[-1], method).copy() for method in METHODS]
    for _ in range(4):
        share = exact_network.exact(rng.choice([-1.0, 0.0, 1.0], 8))
        moved = zip(exact_network.exact(centres[-1]), share, exact_network.exact(half), strict=True)
        values = exact_network.outputs(network, matrix, offset, [c + s * h for c, s, h in moved])
        for bounds in found:
            for (low, high), value in zip(bounds, values, strict=True):
                assert Fraction(low) <= value <= Fraction(high)


@pytest.mark.parametrize("seed", range(6))
def test_bounds_contain_the_true_range(seed: int) -> None:
    network, matrix, offset = make(seed, 4, 5, (4, 3))
    half = np.full(4, 0.4)
    centre = np.random.default_rng(seed).standard_normal(4)
    bounder = Bounder(network, matrix, offset, half, 1)
    low, high = exact_network.true_range(network, matrix, offset, centre, half)
    for found in (bounder.interval(centre), bounder.linear(centre)):
        assert found.low <= low + 1e-6
        assert high - 1e-6 <= found.high


@pytest.mark.parametrize("reach", [1e-4, 1e-2, 0.1])
def test_no_attack_breaks_a_bound(reach: float) -> None:
    network, matrix, offset = make(3, 120, 24, (32, 16))
    bounder = Bounder(network, matrix, offset, np.full(120, reach), 6)
    rng = np.random.default_rng(4)
    for _ in range(5):
        centre = rng.standard_normal(120)
        low, high = bounder.linear(centre)
        corners = centre + reach * rng.choice([-1.0, 1.0], (2000, 120))
        values = bounder.logits(corners)
        assert low <= values.min()
        assert values.max() <= high
        assert low <= pgd(bounder, centre, False, rng)
        assert pgd(bounder, centre, True, rng) <= high


def test_staged_and_float32_free_evaluation_agree_with_composed() -> None:
    """The rounding term covers the network evaluated layer by layer too."""
    network, matrix, offset = make(5, 50, 20, (16, 8), 1e3)
    bounder = Bounder(network, matrix, offset, np.zeros(50), 1)
    rng = np.random.default_rng(6)
    for _ in range(200):
        u = 1e3 * rng.standard_normal(50)
        low, high = bounder.linear(u)
        staged = float(network.logits((matrix @ u + offset)[None])[0])
        shuffled = rng.permutation(50)
        other = float(network.logits((matrix[:, shuffled] @ u[shuffled] + offset)[None])[0])
        for value in (staged, other, bounder.logit(u)):
            assert low <= value <= high


@pytest.mark.parametrize("windows", [0, 1, 7, kernels.BLOCK, 5 * kernels.BLOCK + 3])
def test_batch_matches_single_windows(windows: int) -> None:
    network, matrix, offset = make(7, 40, 12, (10, 6))
    bounder = Bounder(network, matrix, offset, np.full(40, 0.01), 6)
    centres = np.random.default_rng(8).standard_normal((windows, 40))
    for method in METHODS:
        together = bounder.batch(centres, method)
        assert np.array_equal(together, bounder.batch(centres, method, parallel=True))
        alone = np.array([bounder.outputs(c, method).copy() for c in centres]).reshape(together.shape)
        assert np.allclose(together, alone, rtol=0, atol=1e-9)


PLAIN = """
import sys
import numpy as np
from tests.detectors.test_bounds import METHODS, make
from detectors.bounds import Bounder
bounder = Bounder(*make(9, 15, 8, (6, 13, 9, 4)), np.full(15, 0.05), 6)
centres = np.random.default_rng(10).standard_normal((9, 15))
found = [bounder.batch(centres, method) for method in METHODS]
np.save(sys.argv[1], np.array([*found, *[[bounder.outputs(c, m).copy() for c in centres] for m in METHODS]]))
"""


def test_compiled_kernels_match_plain_python(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    found = []
    for name, flag in (("compiled", "0"), ("plain", "1")):
        file = tmp_path / f"{name}.npy"
        environment = os.environ | {"NUMBA_DISABLE_JIT": flag}
        subprocess.run([sys.executable, "-c", PLAIN, str(file)], check=True, env=environment, cwd=root)
        found.append(np.load(file))
    assert np.isfinite(found[0]).all()
    assert np.allclose(found[0], found[1], rtol=0, atol=1e-12)
    assert np.allclose(found[0][:3], found[0][3:], rtol=0, atol=1e-12)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_each_method_is_within_the_one_before(depth: int) -> None:
    network, matrix, offset = make(12, 9, 7, (12,) * depth)
    bounder = Bounder(network, matrix, offset, np.full(9, 0.3), 1)
    for centre in np.random.default_rng(13).standard_normal((20, 9)):
        wide, lines, crown = (bounder.outputs(centre, method).copy() for method in METHODS)
        assert (wide[:, 0] <= lines[:, 0]).all()
        assert (lines[:, 1] <= wide[:, 1]).all()
        assert (wide[:, 0] <= crown[:, 0]).all()
        assert (crown[:, 1] <= wide[:, 1]).all()
        values = bounder.logits(centre + 0.3 * np.random.default_rng(14).choice([-1.0, 1.0], (500, 9)))
        assert crown[0, 0] <= values.min()
        assert values.max() <= crown[0, 1]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_overflow_and_nan_bound_nothing() -> None:
    network, matrix, offset = make(15, 6, 5, (8, 8))
    bounder = Bounder(network, matrix, offset, np.full(6, 0.1), 1)
    for bad in (1e308, np.inf, np.nan):
        centre = np.zeros(6)
        centre[2] = bad
        for method in METHODS:
            low, high = bounder.outputs(centre, method)[0]
            assert not low > -1e300
            assert not high < 1e300


def test_width_that_overflows_has_a_line_above() -> None:
    """-relu(u), u in [-1e308, 1e308]: h - l is infinite, h / (h - l) would be 0."""
    network = Dense((np.array([[1.0]]), np.array([[-1.0]])), (np.zeros(1), np.zeros(1)))
    bounder = Bounder(network, np.eye(1), np.zeros(1), np.array([1e308]), 1)
    for method in METHODS:
        assert bounder.outputs(np.zeros(1), method)[0, 0] <= -1e308


def test_inputs_that_no_neuron_reads_do_not_move_a_bound() -> None:
    """They are skipped, but for a missing value."""
    network, matrix, offset = make(16, 12, 6, (9, 8))
    matrix[:, ::3] = 0.0
    bounder = Bounder(network, matrix, offset, np.full(12, 0.1), 1)
    centre = np.random.default_rng(17).standard_normal(12)
    moved = centre.copy()
    moved[::3] += 0.5
    for method in METHODS:
        found = bounder.outputs(centre, method).copy()
        assert np.allclose(bounder.outputs(moved, method), found, rtol=0, atol=1e-12)
        point = exact_network.exact(moved)
        value = exact_network.logit(network, matrix, offset, point)
        assert Fraction(found[0, 0]) <= value <= Fraction(found[0, 1])
    moved[0] = np.nan
    low, high = bounder.interval(moved)
    assert not low > 0
    assert not high <= 0


def test_torch_agrees() -> None:
    import torch

    from detectors.network import Mlp

    torch.set_num_threads(1)
    mlp = Mlp(12, (10, 6), 3)
    network = mlp.dense()
    _, matrix, offset = make(11, 40, 12, (10, 6))
    reach = np.full(40, 0.02)
    bounder = Bounder(network, matrix, offset, reach, 1)
    centres = np.random.default_rng(12).standard_normal((9, 40))
    features = torch.from_numpy(centres @ matrix.T + offset)
    low, high = mlp.interval(features, torch.from_numpy(matrix), torch.from_numpy(reach))
    found = bounder.intervals(centres)
    assert np.allclose(found[:, 0], low.detach().numpy(), atol=1e-9)
    assert np.allclose(found[:, 1], high.detach().numpy(), atol=1e-9)
    assert np.allclose(bounder.logits(centres), mlp(features).detach().numpy(), atol=1e-9)


def test_missing_value_in_the_centre_certifies_nothing() -> None:
    network, matrix, offset = make(13, 10, 6, (5, 3))
    bounder = Bounder(network, matrix, offset, np.full(10, 0.1), 1)
    centre = np.ones(10)
    centre[3] = np.nan
    for found in (bounder.interval(centre), bounder.linear(centre)):
        assert not found.low > 0
        assert not found.high <= 0


@pytest.mark.parametrize("reach", [-1.0, np.nan, np.inf])
def test_bad_reach_is_refused(reach: float) -> None:
    network, matrix, offset = make(1, 10, 6, (5, 3))
    with pytest.raises(BadInput):
        Bounder(network, matrix, offset, np.full(10, reach), 1)


def test_bad_networks_are_refused() -> None:
    with pytest.raises(BadInput, match="two or more"):
        Dense((np.zeros((1, 3)),), (np.zeros(1),))
    with pytest.raises(BadInput, match="chain"):
        Dense((np.zeros((4, 3)), np.zeros((1, 5))), (np.zeros(4), np.zeros(1)))
    with pytest.raises(BadInput, match="finite"):
        Dense((np.full((4, 3), np.nan), np.zeros((1, 4))), (np.zeros(4), np.zeros(1)))
