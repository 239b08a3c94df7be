"""What relays do to the grid: when they act, what they open, what is reported."""

import numpy as np
import pytest

from simulator.grid.case import load_case
from simulator.grid.dynamics import unit_limits_hz
from simulator.grid.feeders import BLOCKS
from simulator.grid.protection import DynamicsSettings, ProtectionSettings
from tests.reference.grid_relays import curve_s
from tests.simulator.grid.driving import NO_RELAYS, check_state, only, start, watched

STEP_S = DynamicsSettings().step_s


def run(grid, until_s, scan_s=4.0):
    """All events up to ``until_s``."""
    events = []
    while grid.t_s < until_s:
        events += grid.advance(min(grid.t_s + scan_s, until_s))
    return events


def held(grid):
    """Units that neither govern nor ramp: frequency then falls in a straight line."""
    units = grid._dynamics.units
    units.low[:] = units.high[:] = units.power
    return grid


# Overload


@pytest.mark.parametrize("multiple", [1.1, 2.0, 4.0])
def test_a_line_trips_when_its_curve_says(multiple):
    case = load_case("ieee118")
    grid = start(case, only(overload_pickup=1.25, fast_pickup=1e6))
    line = int(np.argmax(grid.branch_loading_pu))
    grid._overload.gain[line] = multiple * 1.25 / grid.branch_loading_pu[line]
    grid._measure()
    (trip,) = run(grid, 1.05 * curve_s("iec_extremely_inverse", multiple))
    assert (trip.kind, trip.element, trip.cause) == ("line_trip", case.branch_name[line], "overload")
    assert trip.t_s == pytest.approx(curve_s("iec_extremely_inverse", multiple), rel=0.01)
    assert not grid.branch_closed[line]
    assert grid.branch_loading_pu[line] == 0.0


def test_the_fast_element_trips_after_fifteen_seconds():
    grid = start("ieee118", only(fast_pickup=1.5))
    line = int(np.argmax(grid.branch_loading_pu))
    grid._overload.gain[line] = 1.52 / grid.branch_loading_pu[line]
    grid._measure()
    (trip,) = run(grid, 16.0)
    assert trip.t_s == pytest.approx(15.0, abs=1e-6)
    assert trip.value == pytest.approx(1.52 / grid._overload.gain[line], rel=1e-3), "events tell the truth"


# Load shedding


def test_under_frequency_stages_have_a_delay_and_shed_five_percent_each():
    case = load_case("ieee39")
    settings = DynamicsSettings(load_damping_pu=0.0)
    grid = held(start(case, only(ufls_hz=(59.3, 59.1, 58.9, 58.7, 58.5)), settings))
    grid.set_demand(case.load_mw * 1.3, case.load_mvar)
    inertia_mw_s = grid._dynamics.participation.sum()
    slope = 60.0 * 0.3 * case.load_mw.sum() / (2.0 * inertia_mw_s)
    events = run(grid, 6.0, scan_s=0.5)
    times = sorted({event.t_s for event in events if event.cause == "ufls"})
    # The network's losses change with the load: the first stage is known in closed form to a few percent.
    assert times[0] == pytest.approx(0.7 / slope + 0.1, rel=0.03, abs=STEP_S)
    assert len(times) == 5
    assert (np.diff(times) >= 0.1 - 1e-9).all()
    for stage, t_s in enumerate(times):
        shed = [event for event in events if event.t_s == t_s]
        assert len(shed) == (case.load_mw > 0.0).sum()
        assert sum(event.value for event in shed) == pytest.approx(0.05 * 1.3 * case.load_mw.sum())
        assert stage < 5
    assert (grid.feeders.closed_blocks() == BLOCKS - 5).all()
    assert grid.shed_mw_by_cause["ufls"] == pytest.approx(0.25 * 1.3 * case.load_mw.sum())


def test_a_dip_shorter_than_the_delay_sheds_nothing():
    case = load_case("ieee39")
    grid = held(start(case, only(ufls_hz=(59.3,))))
    grid._dynamics.islands.hz[0] = 59.2
    assert run(grid, 0.075) == []
    grid._dynamics.islands.hz[0] = 59.4
    assert run(grid, 0.1) == []
    grid._dynamics.islands.hz[0] = 59.2
    assert run(grid, 0.175) == []


def test_under_voltage_steps_end_and_the_grid_calms_down():
    case = load_case("ieee39")
    grid = start(case, only(uvls_pu=0.88))
    load = int(np.argmax(case.load_mw))
    grid._uvls.gain[load] = 0.5
    grid._measure()
    events = run(grid, 60.0)
    assert [event.cause for event in events] == ["uvls"] * 5
    assert [event.t_s for event in events] == pytest.approx([3.0, 6.0, 9.0, 12.0, 15.0])
    assert grid.feeders.closed_blocks()[load] == BLOCKS - 5
    assert grid._relay_s == np.inf
    assert grid.t_s > grid._calm_at_s, "a relay without a step left must not keep the grid disturbed"


def test_a_load_that_generates_is_left_connected():
    case = load_case("ieee300")
    assert (case.load_mw < 0.0).any()
    grid = start(case, only(ufls_hz=(61.0,), uvls_pu=2.0), as_published=True)
    run(grid, 4.0)
    assert (grid.feeders.closed_blocks()[case.load_mw < 0.0] == BLOCKS).all()
    assert (grid.feeders.closed_blocks()[case.load_mw > 0.0] < BLOCKS).all()


# Units


@pytest.mark.parametrize(
    ("seen_pu", "delay_s"),
    [
        (0.4, 0.15),
        (0.6, 0.3),
        (0.7, 2.0),
        (0.85, 3.0),
        (0.95, None),
        (1.09, None),
        (1.12, 1.0),
        (1.16, 0.5),
        (1.18, 0.2),
        (1.25, 0.0),
    ],
)
def test_unit_voltage_trips(seen_pu, delay_s):
    case = load_case("ieee39")
    settings = ProtectionSettings()
    grid = start(case, only(unit_low_pu=settings.unit_low_pu, unit_high_pu=settings.unit_high_pu))
    grid._unit_voltage.gain[3] = seen_pu / grid.bus_voltage_pu[case.unit_bus[3]]
    grid._measure()
    events = run(grid, 3.5, scan_s=0.5)
    if delay_s is None:
        assert events == []
        return
    (trip,) = events
    assert (trip.kind, trip.element, trip.cause) == ("generator_trip", case.unit_name[3], "voltage")
    assert trip.t_s == pytest.approx(delay_s)
    assert not grid.unit_on[3]


@pytest.mark.parametrize(
    ("seen_hz", "delay_s"),
    [(56.9, 0.0), (57.2, 0.75), (57.7, 7.5), (58.3, 30.0), (59.3, 180.0), (60.7, 180.0), (61.65, 30.0)],
)
def test_unit_frequency_trips(seen_hz, delay_s):
    case = load_case("ieee39")
    settings = ProtectionSettings()
    grid = start(case, only(unit_low_hz=settings.unit_low_hz, unit_high_hz=settings.unit_high_hz))
    # The first unit has the standard's own settings, the others' are spread.
    gain = np.ones(len(case.unit_name))
    gain[0] = seen_hz / 60.0
    grid._dynamics.fit(1.0, gain)
    (trip,) = run(grid, delay_s + 1.0)
    assert (trip.kind, trip.element, trip.cause) == ("generator_trip", case.unit_name[0], "frequency")
    assert trip.t_s == pytest.approx(max(delay_s, STEP_S), abs=2 * STEP_S)


def test_high_voltages_are_multiples_of_a_unit_s_own_high_set_point():
    """A unit scheduled at 1.064 pu is not at 1.10 of its nominal operating voltage before 1.17 pu."""
    case = load_case("ieee39")
    unit = int(np.argmax(case.unit_voltage_pu))
    assert case.unit_voltage_pu[unit] > 1.06
    for seen_pu, trips in ((1.15, False), (1.19, True)):
        grid = start(case, only(unit_high_pu=((1.1, 1.0),)))
        grid._unit_voltage.gain[unit] = seen_pu / grid.bus_voltage_pu[case.unit_bus[unit]]
        grid._measure()
        assert bool(run(grid, 2.0)) is trips


def test_instant_over_frequency_settings_are_spread_in_case_order():
    case = load_case("ieee118")
    limits = unit_limits_hz(case, ProtectionSettings())
    instant, able = limits[:, 5], case.unit_p_max_mw > 0.0
    assert instant[able][0] == 61.7
    assert instant[able][-1] == pytest.approx(62.7)
    np.testing.assert_allclose(np.diff(instant[able]), 1.0 / (able.sum() - 1))
    assert (limits[:, [0, 1, 2, 3, 6]] == limits[0, [0, 1, 2, 3, 6]]).all()
    assert (unit_limits_hz(case, ProtectionSettings(unit_high_spread_hz=0.0))[:, 5] == 61.7).all()


def test_slow_frequency_settings_are_spread_away_from_nominal():
    case = load_case("ieee118")
    able = case.unit_p_max_mw > 0.0
    limits = unit_limits_hz(case, ProtectionSettings())[able]
    for column, first, last in ((4, 59.4, 58.9), (7, 60.6, 61.1)):
        assert limits[0, column] == first
        assert limits[-1, column] == pytest.approx(last)
        assert np.ptp(np.diff(limits[:, column])) == pytest.approx(0.0, abs=1e-12)


def test_a_slow_offset_trips_units_one_by_one_until_it_ends():
    """With one setting for all, 0.7 Hz for 180 s would trip every unit in the same instant."""
    case = load_case("ieee118")
    for spread_hz, survive in ((0.0, False), (0.5, True)):
        settings = only(unit_high_hz=((60.6, 180.0),), unit_slow_spread_hz=spread_hz)
        grid = watched(start(case, settings))
        grid.set_demand(case.load_mw * 0.6, case.load_mvar * 0.6)
        events = run(grid, 600.0)
        assert any(event.kind == "generator_trip" for event in events)
        assert bool(grid.unit_on[case.unit_p_max_mw > 0.0].any()) is survive


@pytest.mark.parametrize(("spread_hz", "survive"), [(0.0, False), (1.0, True)])
def test_a_load_rejection_leaves_units_only_where_settings_are_spread(spread_hz, survive):
    case = load_case("ieee118")
    grid = watched(start(case, ProtectionSettings(unit_high_spread_hz=spread_hz)))
    grid.set_demand(case.load_mw * 0.4, case.load_mvar * 0.4)
    events = run(grid, 120.0)
    trips = [event for event in events if event.kind == "generator_trip" and event.cause == "frequency"]
    assert trips
    assert bool(grid.unit_on.any()) is survive
    if survive:
        assert len({trip.t_s for trip in trips}) > 1
        assert grid.load_served_mw.sum() > 0.8 * 0.4 * case.load_mw.sum()


def test_a_tripped_unit_no_longer_drives_its_island():
    case = load_case("ieee39")
    grid = watched(start(case, NO_RELAYS))
    before = grid._dynamics.islands.energy_mw_s[0]
    lost_mw = grid.unit_power_mw[3]
    grid._trip_unit(3, "test")
    grid._solve()
    slope = grid._dynamics.islands.energy_mw_s[0] * 2.0 / 60.0
    run(grid, grid.t_s + STEP_S)
    assert grid._dynamics.units.power[3] == 0.0
    assert before - grid._dynamics.islands.energy_mw_s[0] == grid._dynamics.participation[3]
    assert (60.0 - grid.bus_frequency_hz[0]) * slope == pytest.approx(lost_mw * STEP_S, rel=0.05)
    run(grid, 120.0)
    assert grid.bus_frequency_hz[0] < 59.9


def test_all_units_of_an_island_trip():
    """Each is reported; the dead part's load counts as shed by the island's end."""
    case = load_case("ieee39")
    grid = watched(start(case, only(unit_high_hz=((61.7, 0.0),), unit_high_spread_hz=0.0)))
    grid._dynamics.fit(1.0, 1.1)
    events = run(grid, 8.0)
    trips = [event.element for event in events if event.kind == "generator_trip"]
    assert sorted(trips) == sorted(case.unit_name)
    assert [event.element for event in events if event.kind == "island"] == ["0 islands"]
    assert grid.shed_mw_by_cause["island"] == pytest.approx(case.load_mw.sum())
    check_state(grid)
