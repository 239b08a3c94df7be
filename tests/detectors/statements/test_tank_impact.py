"""The largest silent level lie, against a linear programme; harm before or after detection, by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from detectors.statements.tank_impact import harm, row_tolerances, silent_lie
from streams.errors import BadInput


def by_programme(lags, tolerance, samples):
    """Largest m(samples) with |m(t) - m(t - lag)| <= tolerance for all t and m(t) = 0 up to 0."""
    rows, limits = [], []
    for t in range(1, samples + 1):
        for lag, allowed in zip(lags, tolerance, strict=True):
            row = np.zeros(samples + 1)
            row[t] += 1.0
            row[max(t - lag, 0)] -= 1.0
            rows += [row, -row]
            limits += [allowed, allowed]
    cost = np.zeros(samples + 1)
    cost[samples] = -1.0
    bounds = [(0.0, 0.0)] + [(None, None)] * samples
    solved = linprog(cost, A_ub=np.array(rows), b_ub=limits, bounds=bounds, method="highs")
    assert solved.status == 0
    return -solved.fun


@settings(deadline=None, derandomize=True, max_examples=40)
@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 16).map(lambda x: x / 8)), min_size=1, max_size=4),
    st.integers(1, 25),
)
def test_the_lie_is_the_programmes_optimum_and_is_itself_silent(pairs, samples):
    lags, tolerance = [a for a, _ in pairs], np.array([b for _, b in pairs])
    lie = silent_lie(lags, tolerance, samples)
    expected = by_programme(lags, tolerance, samples)
    assert lie[samples] == pytest.approx(expected, abs=1e-5)
    for lag, allowed in zip(lags, tolerance, strict=True):
        moved = lie - lie[np.maximum(np.arange(samples + 1) - lag, 0)]
        assert np.abs(moved).max() <= allowed * (1 + 1e-12) + 1e-300


def test_a_creeping_lie_by_hand():
    """Lags of 2 and 5 samples that let 1 m and 1.5 m pass: 5 samples cost 1.5, two more 1."""
    assert silent_lie([2, 5], np.array([1.0, 1.5]), 8) == pytest.approx(
        [0, 1, 1, 1.5, 1.5, 1.5, 2.5, 2.5, 3.0 - 0.0]
    )


def test_harm_by_hand():
    """100 m2 drained at 60 m3/h is 0.01 m a minute; from 3 m to 1 m takes 200 minutes."""
    lie = silent_lie([10], np.array([0.05]), 1000)
    told = harm(lie, 60.0, 100.0, 3.0, 1.0, 2.0, 60.0)
    assert told.unsafe_s == 200 * 60.0
    assert told.needed_m == pytest.approx(1.0)
    # 0.05 m per 10 minutes hide a drain of 0.3 m/h; this one falls 0.6 m/h from minute 100 on.
    assert told.silent_m == pytest.approx(1.0)
    slow = harm(lie, 60.0, 100.0, 3.0, 1.0, 2.9, 60.0)
    assert slow.detected_first
    assert slow.exposed_s is not None
    assert slow.exposed_s < slow.unsafe_s
    # At the sample that shows it, the block's oldest sample already needed more than any silent lie.
    t = round(slow.exposed_s / 60.0)
    assert 2.9 - (3.0 - 0.01 * (t - 4)) > lie[t]
    assert 2.9 - (3.0 - 0.01 * (t - 5)) <= lie[t - 1]


def test_a_slow_drain_can_be_hidden_and_is_not_called_detected():
    lie = silent_lie([10], np.array([0.05]), 5000)
    told = harm(lie, 60.0, 100.0, 3.0, 1.0, 2.0, 20.0)
    assert not told.detected_first
    assert told.exposed_s is None
    assert told.fastest_hidden_m3_h is not None
    fast = harm(lie, 60.0, 100.0, 3.0, 1.0, 2.0, told.fastest_hidden_m3_h * 1.2)
    assert fast.silent_m < fast.needed_m


@pytest.mark.parametrize(
    "change", [{"outflow_m3_h": 0.0}, {"outflow_m3_h": np.nan}, {"unsafe_m": 2.5}, {"outflow_m3_h": 1e-3}]
)
def test_what_makes_no_sense_is_refused(change):
    lie = silent_lie([10], np.array([0.05]), 100)
    given_ = {"level_m": 3.0, "unsafe_m": 1.0, "act_below_m": 2.0, "outflow_m3_h": 600.0} | change
    with pytest.raises(BadInput):
        harm(lie, 60.0, 100.0, **given_)


@pytest.mark.parametrize(("lags", "tolerance"), [([], []), ([0], [1.0]), ([1], [-1.0]), ([1], [np.nan])])
def test_rows_that_make_no_sense_are_refused(lags, tolerance):
    with pytest.raises(BadInput):
        silent_lie(lags, np.array(tolerance), 5)


def test_tolerances_are_those_of_the_tanks_rows(water):
    index = water.features.index
    calibration = type("C", (), {"sigma": np.arange(1.0, len(index.tanks) * 4 + 1)})()
    found = row_tolerances(index, calibration, 1, 3.0, 1.0)
    assert found == pytest.approx([20.0, 24.0, 28.0, 32.0])
    with pytest.raises(BadInput):
        row_tolerances(index, calibration, 0, np.nan, 1.0)
