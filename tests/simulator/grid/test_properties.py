"""Any sequence of orders, tampered or foolish: energy balances, nothing is NaN, every run repeats."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.grid.case import load_case
from tests.simulator.grid.driving import check_state, start, watched

STEPS = 40
SHARE = st.floats(0.0, 1.0)
# What is done, to which element (as a share of how many there are), how much.
ORDER = st.tuples(
    st.sampled_from(
        ["open", "close", "set_point", "demand", "limit", "restore", "shed", "start", "trip", "wait"]
    ),
    SHARE,
    st.floats(-1.0, 2.0),
)


def carry_out(grid, case, order):
    """One order, and 4 s."""
    what, where, size = order

    def pick(n):
        return min(int(where * n), n - 1)

    branch, unit, load = pick(len(case.branch_name)), pick(len(case.unit_name)), pick(len(case.load_mw))
    blocks = round(10 * abs(size))
    if what == "open":
        grid.open_branch(branch, "order")
    elif what == "close":
        open_branches = np.flatnonzero(~grid.branch_closed)
        if open_branches.size:
            grid.close_branch(int(open_branches[pick(open_branches.size)]))
    elif what == "set_point":
        power = np.full(len(case.unit_name), np.nan)
        power[unit] = 10.0 * size * case.unit_p_max_mw[unit]
        grid.set_setpoints(power)
    elif what == "demand":
        factor = 0.2 + abs(size)
        grid.set_demand(case.load_mw * factor, case.load_mvar * factor * (0.5 + where))
    elif what == "limit":
        grid.set_unit_limit(unit, size * case.unit_p_max_mw[unit])
    elif what == "restore":
        grid.restore_load(load, blocks)
    elif what == "shed":
        grid.shed_load(load, blocks)
    elif what == "start":
        grid.start_unit(unit)
    elif what == "trip" and grid.unit_on[unit]:
        grid._trip_unit(unit, "order")
        grid._solve()
    return grid.advance(grid.t_s + 4.0)


def check_more(grid):
    """What ``check_state`` leaves out: flow only between live buses, frequencies and nadir finite."""
    check_state(grid)
    case, dead = grid._case, ~grid.bus_energised
    beside_dead = dead[case.branch_from] | dead[case.branch_to]
    assert not grid.branch_flow_from_mw[beside_dead | ~grid.branch_closed].any()
    assert not grid.branch_loading_pu[beside_dead | ~grid.branch_closed].any()
    assert np.isfinite(grid.bus_frequency_hz[~dead]).all()
    assert np.isfinite(grid.unit_power_mw).all()
    assert np.isfinite(grid.unit_reactive_mvar).all()
    assert 0.0 < grid.lowest_frequency_hz <= case.nominal_hz
    closed = grid.feeders_closed
    assert ((closed >= 0) & (closed <= 20)).all()


@pytest.mark.parametrize(("name", "examples"), [("ieee14", 60), ("ieee39", 40), ("ieee118", 25)])
def test_any_orders_balance(name, examples):
    case = load_case(name)

    @settings(max_examples=examples, deadline=None, derandomize=True, database=None)
    @given(st.lists(ORDER, min_size=STEPS, max_size=STEPS))
    def holds(orders):
        grid = watched(start(case), check_more)
        for order in orders:
            for event in carry_out(grid, case, order):
                assert np.isfinite(event.value)

    holds()


@pytest.mark.parametrize("name", ["ieee14", "ieee39"])
def test_the_same_orders_give_the_same(name):
    case = load_case(name)

    @settings(max_examples=8, deadline=None, derandomize=True, database=None)
    @given(st.lists(ORDER, min_size=STEPS, max_size=STEPS))
    def holds(orders):
        one, other = start(case), start(case)
        for order in orders:
            assert carry_out(one, case, order) == carry_out(other, case, order)
            for array in ("bus_voltage_pu", "unit_power_mw", "branch_flow_from_mw", "load_served_mw"):
                assert getattr(one, array).tobytes() == getattr(other, array).tobytes()
        assert one.lowest_frequency_hz == other.lowest_frequency_hz

    holds()
