"""Actuators of restoration: reclose, re-energise, synchronise, start units, pick up and shed load."""

import numpy as np
import pytest

from simulator.grid.case import load_case
from simulator.grid.feeders import BLOCKS, Feeders
from simulator.grid.grid import Grid
from simulator.grid.protection import ProtectionSettings
from simulator.grid.synchronism import black_start_units
from tests.simulator.grid.driving import NO_RELAYS, check_state, only, start, watched

# Synchronising limits of no effect, for tests of what follows.
ANY_VOLTAGE = only(synch_voltage_pu=1.0)


def split(grid, case, seconds=4.0):
    """Case 39 in two live parts: buses 19, 20, 33 and 34 beyond line 16-19."""
    bridge = case.branch_index("16-19")
    grid.open_branch(bridge, "test")
    grid.advance(grid.t_s + seconds)
    assert len(grid._flow.islands) == 2
    return bridge


def blacked_out(case):
    """A grid whose every unit tripped."""
    grid = watched(start(case, NO_RELAYS))
    for unit in range(len(case.unit_name)):
        grid._trip_unit(unit, "test")
    grid.advance(4.0)
    assert not grid.bus_energised.any()
    return grid


# Closing


def test_closing_between_islands_needs_equal_frequency_and_voltage():
    case = load_case("ieee39")
    grid = watched(start(case, only(synch_voltage_pu=0.05), as_published=True))
    bridge = split(grid, case)
    assert "Hz apart, limit 0.1 Hz" in grid.close_branch(bridge)
    assert not grid.branch_closed[bridge]
    assert grid.advance(grid.t_s) == [], "a refusal switches nothing"
    grid._dynamics.islands.hz[:2] = 60.05, 59.96
    apart_pu = abs(np.subtract(*grid.bus_voltage_pu[[case.bus_index("16"), case.bus_index("19")]]))
    assert (grid.close_branch(bridge) == "") == (apart_pu <= 0.05)


def test_set_points_bring_islands_together():
    """AGC's way: the set-points of one part move until the frequencies meet, and the branch closes."""
    case = load_case("ieee39")
    grid = watched(start(case, ANY_VOLTAGE, as_published=True))
    bridge = split(grid, case, 60.0)
    slip_hz = np.ptp(grid.bus_frequency_hz)
    assert slip_hz > 0.1
    setpoint = grid._dynamics.units.setpoint
    for _ in range(300):
        hz = grid.bus_frequency_hz[case.unit_bus]
        droop = case.unit_p_max_mw / (case.unit_droop_pu * 60.0)
        grid.set_setpoints(setpoint + 0.1 * droop * (60.0 - hz))
        grid.advance(grid.t_s + 4.0)
        if grid.close_branch(bridge) == "":
            break
    assert grid.branch_closed[bridge]
    assert len(grid._flow.islands) == 1


def test_closing_within_one_island_needs_a_small_angle():
    case = load_case("ieee39")
    grid = watched(start(case, only(check_angle_deg=5.0, check_voltage_pu=0.15), as_published=True))
    refused = closed = 0
    for branch in range(len(case.branch_name)):
        if case.branch_is_transformer[branch]:
            continue
        grid.open_branch(branch, "test")
        if len(grid._flow.islands) > 1 or not grid.bus_energised.all():
            grid._dynamics.islands.hz[:2] = 60.0
            grid._protection = ANY_VOLTAGE
            assert grid.close_branch(branch) == ""
            grid._protection = only(check_angle_deg=5.0)
            continue
        ends = grid._flow.voltage[[case.branch_from[branch], case.branch_to[branch]]]
        angle_deg = abs(np.degrees(np.angle(ends[0] * ends[1].conj())))
        reason = grid.close_branch(branch)
        assert ("degrees across, limit 5" in reason) == (angle_deg > 5.0)
        refused, closed = refused + bool(reason), closed + (not reason)
        if reason:
            grid._protection = NO_RELAYS
            assert grid.close_branch(branch) == ""
            grid._protection = only(check_angle_deg=5.0)
    assert refused > 3
    assert closed > 3


def test_a_phase_shifter_is_closed_by_the_angle_behind_its_shift():
    """An open shifter whose ends differ by exactly its shift has nothing across its switch."""
    case = load_case("ieee300")
    shifter = int(np.argmax(np.abs(case.branch_shift_deg)))
    grid = start(case, NO_RELAYS, as_published=True)
    grid.open_branch(shifter, "test")
    flow, ends = grid._flow, (case.branch_from[shifter], case.branch_to[shifter])
    shift = np.exp(1j * np.radians(case.branch_shift_deg[shifter]))
    flow.voltage[ends[0]] = flow.voltage[ends[1]] * shift
    flow.magnitude[list(ends)] = np.abs(flow.voltage[list(ends)])
    grid._protection = only(check_angle_deg=1e-6)
    assert grid.close_branch(shifter) == ""


def test_dead_ends_close_on_to_nothing_and_a_live_end_energises():
    case = load_case("ieee39")
    grid = blacked_out(case)
    grid.open_branch(0, "test")
    assert grid.close_branch(0, "restoration") == ""
    (_, closed) = grid.advance(8.0)
    assert (closed.kind, closed.cause, closed.value) == ("switch", "restoration", 1.0)
    assert not grid.bus_energised.any()


def test_a_live_end_without_voltage_does_not_energise():
    case = load_case("ieee118")
    grid = start(case, only(live_pu=1.2))
    bridge = case.branch_index("71-73")
    grid.open_branch(bridge, "test")
    assert "under 1.2 pu" in grid.close_branch(bridge)


def test_relays_of_a_closed_branch_start_from_rest():
    case = load_case("ieee39")
    grid = start(case, as_published=True)
    grid._overload.progress[3] = 0.9
    grid.open_branch(3, "test")
    grid.close_branch(3)
    assert grid._overload.progress[3] == 0.0


# Units


def test_a_unit_comes_back_without_power_and_ramps_to_its_minimum():
    case = load_case("rts24")
    grid = watched(start(case, NO_RELAYS))
    unit = int(np.argmax(case.unit_p_min_mw * (case.unit_ramp_mw_per_min < 10.0)))
    grid._trip_unit(unit, "test")
    grid._solve()
    before = grid._dynamics.islands.energy_mw_s[0]
    assert grid.start_unit(unit) == ""
    assert grid.start_unit(unit) == "already on"
    assert grid._dynamics.islands.energy_mw_s[0] - before == pytest.approx(grid._dynamics.participation[unit])
    events = grid.advance(4.0)
    assert ("switch", case.unit_name[unit], "started", 1.0) in [e[1:5] for e in events]
    ramp_mw = case.unit_ramp_mw_per_min[unit]
    minutes = float(np.ceil(case.unit_p_min_mw[unit] / ramp_mw))
    grid.advance(60.0)
    # Governors hold against frequency: the ramp itself is what is exact.
    assert grid._dynamics.units.reference[unit] == pytest.approx(
        min(ramp_mw, case.unit_p_min_mw[unit]), rel=0.01
    )
    grid.advance(60.0 * (minutes + 1.0))
    assert grid._dynamics.units.reference[unit] == pytest.approx(case.unit_p_min_mw[unit])
    grid.set_setpoints(np.where(np.arange(len(case.unit_name)) == unit, case.unit_p_max_mw, np.nan))
    grid.advance(grid.t_s + 60.0)
    assert grid._dynamics.units.reference[unit] > case.unit_p_min_mw[unit]


def test_a_thermal_unit_needs_a_live_bus_and_hydro_does_not():
    case = load_case("rts24")
    grid = blacked_out(case)
    hydro, others = np.flatnonzero(black_start_units(case)), np.flatnonzero(~black_start_units(case))
    assert {case.unit_fuel[i] for i in hydro} == {"hydro"}
    assert grid.start_unit(int(others[0])) == "bus dead and no black-start capability"
    for load in range(len(case.load_mw)):
        assert grid.shed_load(load, BLOCKS) == BLOCKS
    assert grid.load_shed_mw.sum() == pytest.approx(case.load_mw.sum())
    for branch in range(len(case.branch_name)):
        if case.bus_index("22") not in (case.branch_from[branch], case.branch_to[branch]):
            continue
        grid.open_branch(branch, "test")
    assert grid.start_unit(int(hydro[0])) == ""
    assert grid.bus_energised.sum() == 1
    assert grid.bus_frequency_hz[case.unit_bus[hydro[0]]] == 60.0
    assert grid.start_unit(int(hydro[1])) == "", "the second finds a live bus"
    grid.advance(grid.t_s + 60.0)
    assert len(grid._flow.islands) == 1
    check_state(grid)


def test_an_island_grows_from_black():
    """One hydro unit at bus 22, two lines, load in steps that its governor follows, then a thermal unit."""
    case = load_case("rts24")
    grid = watched(start(case, only(unit_low_hz=((57.0, 0.0),), unit_high_hz=((61.7, 0.0),))))
    for unit in range(len(case.unit_name)):
        grid._trip_unit(unit, "test")
    grid.advance(4.0)
    for load in range(len(case.load_mw)):
        grid.shed_load(load, BLOCKS)
    for branch in range(len(case.branch_name)):
        grid.open_branch(branch, "test")
    assert grid.start_unit(case.unit_index("G22.1")) == ""
    for name in ("17-22", "16-17"):
        assert grid.close_branch(case.branch_index(name), "restoration") == ""
    load = list(case.load_bus).index(case.bus_index("16"))
    droop = case.unit_p_max_mw / (case.unit_droop_pu * case.nominal_hz)
    for scan in range(300):
        if scan in (0, 3, 60, 90, 120, 150):
            assert grid.restore_load(load, 1) == 1
        hz = np.nan_to_num(grid.bus_frequency_hz[case.unit_bus], nan=60.0)
        grid.set_setpoints(grid._dynamics.units.setpoint + 0.2 * droop * (60.0 - hz))
        grid.advance(grid.t_s + 4.0)
    assert grid.load_served_mw[load] == pytest.approx(0.3 * case.load_mw[load], rel=0.01)
    assert grid.bus_energised.sum() == 3
    assert np.nanmin(grid.bus_frequency_hz) == pytest.approx(60.0, abs=0.05)
    assert grid.start_unit(case.unit_index("G16")) == "", "its bus is alive now"
    assert len(grid._flow.islands) == 1


# Load


def test_feeders_close_the_last_opened_first():
    feeders = Feeders(np.array([10.0, 20.0]))
    one = np.array([1])
    for cause, blocks in (("ufls", 2), ("planned", 3), ("uvls", 1)):
        feeders.shed(one, blocks, cause)
    assert feeders.close_last(1, 2) == ("uvls", "planned")
    assert feeders.closed_blocks().tolist() == [BLOCKS, BLOCKS - 4]
    assert [feeders.alive(1, block) for block in (3, 4)] == [False, True]
    assert feeders.opened_by("planned").tolist() == [0, 2]
    assert feeders.close_last(1, BLOCKS) == ("planned", "planned", "ufls", "ufls")
    assert feeders.close_last(1, 1) == ()
    assert feeders.close_last(0, 1) == ()


def test_restored_load_is_served_again_and_its_relay_armed():
    case = load_case("ieee39")
    grid = watched(start(case, only(ufls_hz=(59.3, 59.1)), as_published=True))
    grid._dynamics.islands.hz[0] = 59.0
    grid.advance(1.0)
    assert (grid.feeders.opened_by("ufls")[case.load_mw > 0.0] >= 1).all()
    load = int(np.argmax(case.load_mw))
    opened, stage = BLOCKS - grid.feeders_closed[load], grid._dynamics.loads.stage[load]
    assert stage == opened
    grid.advance(60.0)
    served = grid.load_served_mw[load]
    assert grid.restore_load(load, 5) == opened
    assert grid.feeders_closed[load] == BLOCKS
    assert grid._dynamics.loads.stage[load] == 0
    assert grid.load_served_mw[load] > served
    assert grid.restore_load(load, 5) == 0
    (event,) = [event for event in grid.advance(64.0) if event.cause == "restored"]
    assert event[1:] == ("switch", case.bus_name[case.load_bus[load]], "restored", float(opened), "feeders")


def test_planned_shedding_counts_as_planned():
    case = load_case("ieee39")
    grid = watched(start(case, NO_RELAYS, as_published=True))
    assert grid.shed_load(4, 3) == 3
    (event,) = grid.advance(4.0)
    assert (event.kind, event.cause) == ("load_shed", "planned")
    assert event.value == pytest.approx(0.15 * case.load_mw[4])
    assert grid.shed_mw_by_cause["planned"] == pytest.approx(0.15 * case.load_mw[4])
    assert grid.shed_load(4, 50) == BLOCKS - 3
    assert grid.shed_load(4, 1) == 0


def test_a_dead_load_is_not_restored_and_can_be_kept_open():
    case = load_case("ieee118")
    grid = watched(start(case, NO_RELAYS))
    load = list(case.load_bus).index(case.bus_index("117"))
    feed = case.branch_index("12-117")
    grid.open_branch(feed, "test")
    grid.advance(4.0)
    assert grid.restore_load(load, 1) == 0
    assert grid.shed_load(load, 12) == 12
    assert grid.shed_mw_by_cause["planned"] == pytest.approx(0.6 * case.load_mw[load])
    assert grid.close_branch(feed) == ""
    assert grid.feeders_closed[load] == BLOCKS - 12
    events = grid.advance(8.0)
    assert ("switch", "117", "kept open", -12.0, "feeders") in [event[1:] for event in events]


def test_switching_before_the_run_is_free():
    case = load_case("ieee39")
    grid = Grid(case, case.unit_scheduled_mw, ProtectionSettings())
    grid.open_branch(0, "out of service")
    assert grid.close_branch(0) == ""
    assert [event.kind for event in grid.advance(4.0)] == ["switch", "switch"]


def test_a_dead_part_that_the_live_one_cannot_bear_trips_again():
    """The lines of 21 dead buses charge 767 Mvar, and at the end of line 4-14 that leaves no operating point:
    the line trips again, and the live part stays."""
    case = load_case("ieee39")
    dispatch_mw = np.array([600.0, 600.0, 0.0, 0.0, 500.0, 600.0, 526.0, 500.0, 800.0, 520.0])
    grid = watched(Grid(case, dispatch_mw, NO_RELAYS))
    grid.set_demand(case.load_mw * 0.75, case.load_mvar * 0.75)
    for name in ("4-14", "6-11", "16-17"):
        grid.open_branch(case.branch_index(name), "test")
    grid.advance(0.0)
    for name in ("G30", "G31", "G32", "G33", "G37", "G38", "G39"):
        grid.trip_unit(case.unit_index(name), "test")
    grid.advance(4.0)
    dead = ~grid.bus_energised
    assert dead.sum() == 21
    for load in np.flatnonzero(dead[case.load_bus]):
        grid.shed_load(int(load), BLOCKS)
    served = grid.load_served_mw.sum()
    tie = case.branch_index("4-14")
    assert grid.close_branch(tie, "operator") == ""
    events = grid.advance(8.0)
    assert [(e.kind, e.cause) for e in events if e.element == "4-14"] == [
        ("switch", "operator"),
        ("line_trip", "energising"),
    ]
    assert not {"voltage_collapse", "generator_trip", "solver"} & {e.kind for e in events}
    assert not grid.branch_closed[tie]
    assert (~grid.bus_energised == dead).all()
    assert grid.load_served_mw.sum() == pytest.approx(served, rel=0.02)
