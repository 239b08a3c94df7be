"""Placement of meters: each step is the best single one, and greedy is held against every set."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.statements.grid_impact import GridImpact
from detectors.statements.placement import STEP_PU, best_set, place

from .small_grids import random_grid, triangle


@settings(deadline=None, derandomize=True, max_examples=12)
@given(st.integers(0, 10**6), st.sampled_from(["hidden", "redispatched"]))
def test_the_first_meter_is_the_best_of_all_and_two_are_no_worse_than_one(seed, kind):
    state = random_grid(seed, extra=3)
    placed = place(state, 0.5, 2, kind)
    first = placed.steps[0].bound_pu
    assert first == pytest.approx(GridImpact(state, 0.5, kind).every_line()[0].bound_pu, abs=1e-9)
    for count, step in enumerate(placed.steps[1:], start=1):
        best = best_set(state, 0.5, count, kind)[1]
        assert step.bound_pu >= best - 2e-4
        if count == 1:
            assert step.bound_pu <= best + 2 * STEP_PU + 2e-4
        assert step.bound_pu < placed.steps[count - 1].bound_pu
    if len(placed.steps) == 1 and not placed.at_floor:
        assert best_set(state, 0.5, 1, kind)[1] >= first - 2 * STEP_PU - 2e-4


@settings(deadline=None, derandomize=True, max_examples=12)
@given(st.integers(0, 10**6))
def test_the_bound_told_is_that_of_the_meters_told(seed):
    state = random_grid(seed, extra=4)
    placed = place(state, 0.5, 3)
    meters = [step.meter for step in placed.steps[1:]]
    again = GridImpact(state.with_protected(meters), 0.5).every_line()[0].bound_pu
    assert placed.steps[-1].bound_pu == pytest.approx(again, abs=2e-4)
    assert placed.floor_pu <= placed.steps[-1].bound_pu + 2e-4
    assert len(set(meters)) == len(meters)


def test_the_triangle_needs_one_meter():
    placed = place(triangle(100.0), 0.3, 5, "hidden")
    assert [step.bound_pu for step in placed.steps] == pytest.approx([0.99, 0.9], abs=1e-9)
    assert placed.at_floor
