"""Bounds of operator norms against exact ones."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.verification.operator_norms import DUAL, operator_norm, vector_norm


def _known(rng: np.random.Generator, rows: int, columns: int, values: np.ndarray) -> np.ndarray:
    left, right = (np.linalg.qr(rng.standard_normal((n, n)))[0] for n in (rows, columns))
    return left[:, : len(values)] * values @ right[:, : len(values)].T


@given(st.integers(0, 2**31), st.integers(1, 9), st.integers(1, 9), st.floats(-200, 200))
@settings(max_examples=60, derandomize=True, deadline=None)
def test_spectral_norm_is_an_upper_bound_and_tight(seed: int, rows: int, columns: int, power: float) -> None:
    """||W x||^2 <= bound^2 ||x||^2 in rational numbers, at the worst x known; and no looser than 1e-11."""
    rng = np.random.default_rng(seed)
    matrix = 10.0**power * rng.standard_normal((rows, columns)) * (rng.random((rows, columns)) < 0.8)
    bound = operator_norm(matrix, "2")
    worst = np.linalg.svd(matrix)[2][0]
    for x in (worst, rng.standard_normal(columns)):
        image = [
            sum(Fraction(w) * Fraction(v) for w, v in zip(row, x, strict=True)) for row in matrix.tolist()
        ]
        size = sum(Fraction(v) ** 2 for v in x.tolist())
        assert sum(v * v for v in image) <= Fraction(bound) ** 2 * size
    assert bound <= np.linalg.norm(matrix, 2) * (1 + 1e-11) + 1e-270


@pytest.mark.parametrize("values", [[1.0, 1.0, 1.0], [1.0, 1e-9], [3.0, 3.0 - 1e-12, 1.0], [1.0]])
def test_spectral_norm_of_known_singular_values(values: list[float]) -> None:
    """Equal and nearly equal ones, where power iteration stalls."""
    matrix = _known(np.random.default_rng(1), 40, 30, np.array(values))
    assert max(values) * (1 - 1e-14) <= operator_norm(matrix, "2") <= max(values) * (1 + 1e-11)


def test_norms_by_hand() -> None:
    matrix = np.array([[1.0, -2.0], [3.0, 0.0]])
    assert operator_norm(matrix, "inf") == pytest.approx(3.0)
    assert operator_norm(matrix, "1") == pytest.approx(4.0)
    assert operator_norm(np.diag([3.0, -4.0]), "2") == pytest.approx(4.0, rel=1e-12)
    assert [float(vector_norm(np.array([3.0, -4.0]), o)) for o in ("1", "2", "inf")] == pytest.approx(
        [7, 5, 4]
    )
    assert operator_norm(np.zeros((2, 2)), "2") == 0.0
    assert operator_norm(np.zeros((0, 2)), "2") == 0.0
    assert operator_norm(np.array([[np.nan]]), "2") == np.inf


def test_dual_norms() -> None:
    """|g @ d| <= ||g||_dual ||d||, and some d reaches it."""
    rng = np.random.default_rng(0)
    g = rng.standard_normal(7)
    reach = {"1": np.eye(7)[np.abs(g).argmax()], "2": g / np.linalg.norm(g), "inf": np.sign(g)}
    for order, dual in DUAL.items():
        assert abs(g @ reach[order]) == pytest.approx(float(vector_norm(g, dual)))
