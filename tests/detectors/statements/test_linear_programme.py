"""Proven bounds of linear programmes: never below an exact point, however bad the multipliers."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from detectors.statements.linear_programme import Programme
from streams.errors import BadInput


def random_programme(seed, scale=1.0):
    """A programme, an objective and a feasible point."""
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(2, 8)), int(rng.integers(1, 6))
    low = scale * rng.uniform(-2, 0, n)
    high = low + scale * rng.uniform(0, 3, n)
    rows = rng.normal(size=(m, n)) * (rng.random((m, n)) < 0.7)
    point = rng.uniform(low, high)
    # Widened by what rounding of the product itself may take, so that the point is inside exactly.
    value, spare = rows @ point, 1e-12 * (1 + np.abs(rows) @ np.abs(point))
    kind = rng.integers(0, 3, m)
    row_low = np.where(kind == 1, -np.inf, value - spare - (kind == 2) * scale)
    row_high = np.where(kind == 2, np.inf, value + spare + (kind == 1) * scale)
    return Programme(rows, row_low, row_high, low, high), rng.normal(size=n), point


def exactly(a, b):
    return sum((Fraction(float(x)) * Fraction(float(y)) for x, y in zip(a, b, strict=True)), Fraction(0))


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.integers(0, 10**6), st.sampled_from([1e-9, 1e-3, 1.0, 1e6]))
def test_the_bound_is_above_every_point_and_close_to_the_optimum(seed, scale):
    programme, objective, point = random_programme(seed, scale)
    found = programme.highest(objective)
    assert exactly(objective, point) <= Fraction(found.bound)
    both = np.vstack([programme.rows, -programme.rows]), np.r_[programme.row_high, -programme.row_low]
    finite = np.isfinite(both[1])
    bounds = np.c_[programme.low, programme.high]
    solved = linprog(-objective, A_ub=both[0][finite], b_ub=both[1][finite], bounds=bounds, method="highs")
    if scale >= 1e-3 and solved.status == 0:
        assert found.bound == pytest.approx(-solved.fun, rel=1e-5, abs=1e-5 * scale)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 1e-6, 1.0, 1e9]), st.sampled_from([1e-6, 1.0, 1e6]))
def test_any_multipliers_give_a_bound(seed, size, scale):
    programme, objective, point = random_programme(seed, scale)
    dual = size * np.random.default_rng(seed + 1).normal(size=len(programme.row_low))
    assert exactly(objective, point) <= Fraction(programme.upper_bound(objective, dual))


def test_multipliers_that_are_not_finite_do_no_harm():
    programme, objective, point = random_programme(3)
    dual = np.full(len(programme.row_low), np.nan)
    assert exactly(objective, point) <= Fraction(programme.upper_bound(objective, dual))


def test_rows_that_come_later_count():
    programme = Programme(np.ones((1, 2)), np.zeros(1), np.ones(1), np.zeros(2), np.ones(2))
    assert programme.highest(np.array([1.0, 0.0])).bound == pytest.approx(1.0)
    programme.add(np.array([[1.0, -1.0]]), np.array([-np.inf]), np.array([-0.5]))
    assert programme.highest(np.array([1.0, 0.0])).bound == pytest.approx(0.25)
    programme.bound_row(1, -np.inf, np.inf)
    assert programme.highest(np.array([1.0, 0.0])).bound == pytest.approx(1.0)


def test_an_impossible_programme_has_no_value():
    programme = Programme(np.ones((1, 2)), np.full(1, 5.0), np.full(1, 6.0), np.zeros(2), np.ones(2))
    assert np.isnan(programme.highest(np.ones(2)).value)


@pytest.mark.parametrize("high", [np.array([-1.0]), np.array([np.inf]), np.array([np.nan])])
def test_a_bad_box_is_refused(high):
    with pytest.raises(BadInput):
        Programme(np.ones((1, 1)), np.zeros(1), np.ones(1), np.zeros(1), high)
