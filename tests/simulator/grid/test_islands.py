"""Islands: a bridge opens and closes, parts live or die, each with its own frequency and balance."""

import numpy as np
import pytest

from simulator.grid.case import load_case
from simulator.grid.feeders import BLOCKS
from simulator.grid.grid import Grid
from tests.simulator.grid.driving import NO_RELAYS, check_state, only, start, watched

BRIDGES = {"ieee39": 11, "ieee118": 9}


def bridges(case):
    """Branches without which the grid falls in two, by search from scratch; and the buses beyond."""
    n = len(case.bus_name)
    found = []
    for left_out in range(len(case.branch_name)):
        reached, grew = {0}, True
        while grew:
            size = len(reached)
            for i, (a, b) in enumerate(zip(case.branch_from, case.branch_to, strict=True)):
                if i != left_out and (a in reached or b in reached):
                    reached |= {int(a), int(b)}
            grew = len(reached) > size
        if len(reached) < n:
            found.append((left_out, np.isin(np.arange(n), list(reached), invert=True)))
    return found


@pytest.mark.parametrize("name", BRIDGES)
def test_every_bridge_splits_and_closes_again(name):
    case = load_case(name)
    found = bridges(case)
    assert len(found) == BRIDGES[name]
    with_source = case.unit_inertia_s * case.unit_p_max_mw > 0.0
    for bridge, far in found:
        # What parts leave between them in voltage no governor brings together.
        grid = watched(start(case, only(synch_voltage_pu=0.3), as_published=name == "ieee39"))
        grid.open_branch(bridge, "test")
        events = grid.advance(4.0)
        assert [event.kind for event in events[:1]] == ["switch"]
        assert events[0].element == case.branch_name[bridge]
        hz, dead = grid.bus_frequency_hz, ~grid.bus_energised
        lives = [bool(with_source[part[case.unit_bus]].any()) for part in (~far, far)]
        for part, alive in zip((~far, far), lives, strict=True):
            assert (grid.bus_energised[part] == alive).all()
            assert len(np.unique(hz[part & ~dead])) == int(alive)
        if all(lives):
            assert np.unique(hz).size == 2
            # The part that lost its feed slows down, the other speeds up.
            assert min(hz) < 60.0 < max(hz)
        loads = dead[case.load_bus]
        assert grid.shed_mw_by_cause["island"] == pytest.approx(case.load_mw[loads].sum())
        assert (grid.feeders.closed_blocks() == np.where(loads, 0, BLOCKS)).all()
        check_state(grid)
        if all(lives):
            assert "not synchronised" in grid.close_branch(bridge)
            assert not grid.branch_closed[bridge]
            grid._dynamics.islands.hz[:2] = 60.0
        assert grid.close_branch(bridge) == ""
        (switch, *_), until = grid.advance(8.0), grid.t_s
        assert (switch.kind, switch.cause, switch.value, until) == ("switch", "closed", 1.0, 8.0)
        assert grid.bus_energised.all()
        assert np.unique(grid.bus_frequency_hz).size == 1
        assert (grid.feeders.closed_blocks() == BLOCKS).all(), "loads come back with their bus"
        check_state(grid)


def test_islands_part_at_their_old_frequency_and_meet_at_the_weighted_mean():
    case = load_case("ieee39")
    grid = start(case, only(synch_slip_hz=60.0, synch_voltage_pu=1.0), as_published=True)
    bridge = case.branch_index("16-19")
    grid.open_branch(bridge, "test")
    grid.advance(3.0)
    energy, hz = grid._dynamics.islands.energy_mw_s[:2].copy(), grid._dynamics.islands.hz[:2].copy()
    assert abs(hz[0] - hz[1]) > 0.5
    grid.close_branch(bridge)
    grid.advance(3.0)
    assert grid.bus_frequency_hz[0] == pytest.approx((energy * hz).sum() / energy.sum(), abs=1e-9)


def test_switching_acts_at_once_and_is_reported_at_its_time():
    """The network of before does not run on until the next power flow."""
    case = load_case("ieee39")
    grid = start(case, NO_RELAYS, as_published=True)
    grid.advance(4.0)
    grid.open_branch(case.branch_index("16-19"), "test")
    assert [(event.kind, event.t_s) for event in grid.advance(4.0)] == [("switch", 4.0), ("island", 4.0)]
    assert grid.branch_flow_from_mw[case.branch_index("16-19")] == 0.0


def test_opening_twice_and_closing_what_is_closed_do_nothing():
    case = load_case("ieee39")
    grid = start(case, as_published=True)
    grid.close_branch(0)
    assert grid.advance(4.0) == []
    grid.open_branch(0, "test")
    grid.open_branch(0, "test")
    assert [event.kind for event in grid.advance(4.0)] == ["switch"]


def test_a_part_of_condensers_dies_and_they_are_reported():
    """Bus 73 of the 118 buses hangs on one branch and has a machine without power of its own."""
    case = load_case("ieee118")
    unit = case.unit_index("G73")
    assert case.unit_p_max_mw[unit] == 0.0
    grid = watched(start(case))
    grid.open_branch(case.branch_index("71-73"), "test")
    events = grid.advance(4.0)
    assert [(e.kind, e.element, e.cause) for e in events if e.kind == "generator_trip"] == [
        ("generator_trip", "G73", "island")
    ]
    assert not grid.unit_on[unit]


def test_out_of_service_from_the_start():
    """Branches opened before t = 0: the parts start in steady state, each by itself."""
    case = load_case("ieee39")
    grid = watched(Grid(case, case.unit_scheduled_mw, NO_RELAYS))
    grid.open_branch(case.branch_index("5-6"), "out of service")
    grid.advance(0.0)
    grid.advance(60.0)
    assert grid.bus_frequency_hz == pytest.approx(np.full(39, 60.0), abs=1e-6)
