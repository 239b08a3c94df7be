"""k-station statements: no value of any one station's tags breaks one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.bounds import Dense
from detectors.certificate import certify_windows
from detectors.features import AffineRows
from detectors.statements.station_certificates import GridStations, certify_stations
from detectors.statements.stations import Group, StationBounds, groups_of, row_wise, widened
from streams.errors import BadInput
from tests.detectors import synthetic


def small(seed):
    """A network behind rows over 6 inputs of three stations, and a window of 3 scans."""
    rng = np.random.default_rng(seed)
    network = Dense(
        (rng.normal(size=(5, 4)), rng.normal(size=(1, 5))), (rng.normal(size=5), rng.normal(size=1) * 3)
    )
    rows = AffineRows(rng.normal(size=(4, 6)), rng.normal(size=4), np.ones(4, dtype=bool))
    low, high = np.full(6, -1.0) * rng.random(6), rng.random(6)
    groups = [Group(name, np.array(at)) for name, at in (("A", [0, 3]), ("B", [1]), ("C", [2, 4]))]
    window = rng.uniform(low - 0.05, high + 0.05, (3, 6))
    return rng, network, rows, low, high, groups, window


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.integers(0, 10**6), st.sampled_from([1e-9, 0.01, 0.1]))
def test_no_value_of_one_station_leaves_the_bounds(seed, eps):
    rng, network, rows, low, high, groups, window = small(seed)
    reach = eps * (high - low)
    bounds = StationBounds(network, rows, reach, low, high, groups, 3)
    judged, broken = bounds.judge(window, window.mean(axis=0), np.abs(window).mean(axis=0))
    least, most = widened(low, high, reach, window)
    assert set(broken) <= {"A", "B", "C"}
    assert (judged.value != "uncertain") <= (broken == ())
    for group in (None, *groups):
        for _ in range(30):
            moved = window + reach * rng.choice([-1.0, 0.0, 1.0], window.shape)
            if group is not None:
                at = group.inputs
                share = np.rint(rng.random((3, at.size))) if rng.random() < 0.7 else rng.random((3, at.size))
                moved[:, at] = least[at] + share * (most - least)[at]
            logit = float(network.logits(rows.features(moved.mean(axis=0)[None, :]))[0])
            assert judged.low <= logit <= judged.high


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 3), st.floats(0.0, 2.0))
def test_no_values_of_k_stations_quieten_the_rows(seed, k, threshold):
    rng, _, rows, low, high, groups, window = small(seed)
    rows = AffineRows(rows.matrix, rows.offset + 4.0 * rng.normal(size=4), rows.defined)
    centre, reach = np.clip(window.mean(axis=0), low, high), 0.02 * (high - low)
    if not row_wise(rows, centre, reach, low, high, groups, threshold, k):
        return
    for _ in range(60):
        moved = centre + reach * rng.choice([-1.0, 1.0], 6)
        for number in rng.choice(3, k, replace=False):
            at = groups[number].inputs
            moved[at] = np.where(rng.random(at.size) < 0.5, low[at], high[at])
        assert np.abs(rows.features(moved[None, :])[0]).max() > threshold


def test_rows_by_hand():
    """Rows x0 + x1 and 3 x1: station A holds x0, B holds x1; ranges -1 to 1, no eps, at (0.5, 1)."""
    rows = AffineRows(np.array([[1.0, 1.0], [0.0, 3.0]]), np.zeros(2), np.ones(2, dtype=bool))
    groups = [Group("A", np.array([0])), Group("B", np.array([1]))]
    ask = (rows, np.array([0.5, 1.0]), np.zeros(2), -np.ones(2), np.ones(2), groups)
    assert not row_wise(*ask, 0.5)  # B free: x1 = -0.5 leaves 0 and x1 = 0 leaves 0.5 and 0
    fixed = (*ask[:-1], groups[:1])
    assert row_wise(*fixed, 2.9)
    assert not row_wise(*fixed, 3.1)
    with pytest.raises(BadInput):
        row_wise(*ask, 0.5, 0)


def test_protected_tags_are_in_no_group(grid):
    plant, ix = synthetic.plant(), grid.features.index
    groups = groups_of(plant, ix.columns)
    free = np.concatenate([group.inputs for group in groups])
    assert not ix.protected[free].any()
    assert free.size == (~ix.protected).sum()
    assert all(plant.tags[ix.columns[i]].station == g.station for g in groups for i in g.inputs)
    twice = groups_of(plant, ix.columns, 2)
    assert twice[0].inputs.tolist() == [*groups[0].inputs, *(groups[0].inputs + ix.columns.size)]


def test_no_station_breaks_a_certificate_of_the_trained_model(grid, windows):
    """The station freed at random, its tags at either end of their ranges; every other tag within eps."""
    stations, rng = GridStations(grid, synthetic.plant()), np.random.default_rng(5)
    ix, seen = grid.features.index, 0
    for values, states in windows:
        judged = stations.judge(values, states)
        if judged.value == "uncertain":
            continue
        seen += 1
        for _ in range(8):
            group = stations.groups[int(rng.integers(len(stations.groups)))]
            moved = values + grid.reach * rng.choice([-1.0, 1.0], values.shape)
            ends = np.stack([ix.low[group.inputs], ix.high[group.inputs]])
            moved[:, group.inputs] = ends[rng.integers(0, 2, group.inputs.size), np.arange(group.inputs.size)]
            assert grid.judge(moved, states, grid.window - 1).alarm == (judged.value == "certified_alarm")
    assert seen > 5


def test_what_one_station_cannot_break_is_certified_without_it_too(model, runs):
    free = certify_stations(model, runs[4], stride=53)
    plain = {(c.domain, c.t_s): c for c in certify_windows(model, runs[4], stride=53)}
    assert {c.free_stations for c in free} == {1}
    certified = [c for c in free if c.verdict != "uncertain"]
    assert certified
    for c in certified:
        other = plain.get((c.domain, c.t_s))
        if other is not None:
            assert other.verdict == c.verdict
            assert c.margin <= other.margin + 1e-9


def test_gaps_and_switching_are_not_certified(grid, windows):
    stations = GridStations(grid, synthetic.plant())
    values, states = (part.copy() for part in windows[0])
    values[1, 3] = np.nan
    assert stations.judge(values, states).method == "none: values missing"
    values, states = (part.copy() for part in windows[0])
    states[0, 4] = 0.0
    assert stations.judge(values, states).method == "none: more than one topology"
