"""A draw on one feeder: constant, whole or gone, never part of the load's demand."""

import numpy as np
import pytest

from simulator.grid.case import load_case
from streams.errors import BadInput
from tests.simulator.grid.driving import drive_randomly, start, watched

LOAD, BLOCK, DRAW_MW = 3, 5, 12.0


@pytest.fixture
def grid():
    grid = watched(start(load_case("ieee39")))
    grid.set_feeder_draw(LOAD, BLOCK, DRAW_MW)
    grid.advance(4.0)
    return grid


def shed(grid, blocks):
    grid.feeders.shed(np.array([LOAD]), blocks, "planned")
    grid.advance(grid.t_s + 4.0)


def test_it_loads_the_bus_and_units_carry_it(grid):
    plain = start(load_case("ieee39"))
    plain.advance(4.0)
    extra = grid.load_served_mw - plain.load_served_mw
    assert extra[LOAD] == pytest.approx(DRAW_MW, abs=0.05)
    np.testing.assert_array_equal(grid.load_demand_mw, plain.load_demand_mw)
    assert grid.unit_power_mw.sum() > plain.unit_power_mw.sum() + 0.8 * DRAW_MW


def test_frequency_falls_as_it_would_under_any_load_of_that_size(grid):
    """Droop and damping carry it: 5 % on 7,367 MW of capacity and 1 % of load per 1 % of frequency."""
    grid.advance(300.0)
    case = load_case("ieee39")
    stiffness_mw_hz = case.unit_p_max_mw.sum() / (0.05 * 60.0) + case.load_mw.sum() / 60.0
    drop_hz = 60.0 - grid.bus_frequency_hz[0]
    assert drop_hz == pytest.approx(DRAW_MW / stiffness_mw_hz, rel=0.1)


def test_it_goes_with_its_own_feeder_and_comes_back_with_it(grid):
    shed(grid, BLOCK)  # feeders 0 to 4
    assert grid.feeders.draw_mw()[LOAD] == DRAW_MW
    shed(grid, 1)
    assert not grid.feeders.draw_mw().any()
    assert grid.load_shed_mw[LOAD] == pytest.approx((BLOCK + 1) / 20 * grid.load_demand_mw[LOAD])
    grid.feeders.restore(np.array([LOAD]), "planned")
    assert grid.feeders.draw_mw()[LOAD] == DRAW_MW


def test_balance_holds_with_draws_under_random_driving():
    """The driver checks every power flow; here only that draws were there and went with their feeders."""
    case = load_case("ieee39")
    fed, connected = None, set()
    for grid, _ in drive_randomly(case, 8, 300):
        if grid is not fed:
            fed = grid
            for load in range(len(case.load_mw)):
                grid.set_feeder_draw(load, load % 20, 15.0)
        connected.add(int((grid.feeders.draw_mw() > 0.0).sum()))
    assert len(connected) > 5


@pytest.mark.parametrize("mw", [-1.0, float("nan"), float("inf")])
def test_a_draw_is_a_finite_number_of_mw(grid, mw):
    with pytest.raises(BadInput, match="draw at load"):
        grid.set_feeder_draw(LOAD, BLOCK, mw)


def test_a_unit_tripped_from_outside_is_off_and_told(grid):
    unit = int(np.argmax(grid.unit_power_mw))
    lost_mw = float(grid.unit_power_mw[unit])
    grid.trip_unit(unit, "cooling")
    grid.trip_unit(unit, "cooling")
    (event,) = [event for event in grid.advance(8.0) if event.kind == "generator_trip"]
    assert (event.cause, event.t_s, event.value) == ("cooling", 4.0, pytest.approx(lost_mw))
    assert not grid.unit_on[unit]


def test_the_lowest_voltage_is_that_of_any_state_that_lasted():
    """What was opened and closed in one instant did not last."""
    grid = start(load_case("ieee14"))
    before = grid.bus_voltage_pu.copy()
    seen = [before]
    measure = grid._measure
    grid._measure = lambda: (seen.append(grid.bus_voltage_pu.copy()), measure())
    grid.open_branch(grid._case.branch_index("9-14"), "test")
    dip = grid.bus_voltage_pu.copy()
    grid.close_branch(grid._case.branch_index("9-14"))
    seen.clear()
    seen.append(grid.bus_voltage_pu.copy())
    grid.set_demand(grid._case.load_mw * 1.1, grid._case.load_mvar * 1.1)
    grid.advance(8.0)
    assert len(seen) > 3
    np.testing.assert_array_equal(grid.lowest_voltage_pu, np.min(seen, axis=0))
    assert dip[13] < before[13] - 0.01
    grid.open_branch(grid._case.branch_index("9-14"), "test")
    for t_s in (9.0, 10.0):
        grid.advance(t_s)
    grid.close_branch(grid._case.branch_index("9-14"))
    grid.advance(12.0)
    assert grid.lowest_voltage_pu[13] < grid.bus_voltage_pu[13] - 0.01, "until somebody has looked"
    grid.restart_lowest_voltage()
    grid.advance(13.0)
    np.testing.assert_allclose(grid.lowest_voltage_pu, grid.bus_voltage_pu, atol=1e-3)
