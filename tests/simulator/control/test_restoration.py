"""Operators bring a grid back in closed loop with its physics."""

import numpy as np
import pytest

from simulator.control.restart_times import COMBINED_CYCLE_S, HOT_START_S, OPEN_CYCLE_S, hot_start_s
from simulator.settings import ControlSettings, TapBudget
from streams.messages import Tap
from tests.simulator.control.closed_loop import STEP_S, Loop

CONTROL = ControlSettings()


@pytest.fixture
def make():
    """Builds loops and closes them."""
    made = []

    def build(*args, **kwargs):
        made.append(Loop(*args, **kwargs))
        made[-1].run(60.0)
        return made[-1]

    yield build
    for loop in made:
        loop.close()


def since(loop, start_s, quantity="branch_closed"):
    return [(t - start_s, element) for t, element, _ in loop.ordered(quantity)]


def test_nothing_is_ordered_while_all_is_in_service(make):
    loop = make()
    loop.run(1200.0)
    assert loop.orders == []


def test_a_line_comes_back_after_the_operators_delay(make):
    loop = make()
    start_s = loop.t_s
    loop.open("4-14")
    loop.run(CONTROL.reclose_s)
    assert not loop.closed("4-14")
    loop.run(2 * STEP_S)
    assert loop.closed("4-14")
    assert since(loop, start_s) == [(CONTROL.reclose_s, "4-14")]


def test_what_was_out_from_the_start_stays_out(make):
    loop = make(out_of_service=("4-14",))
    loop.run(2.0 * CONTROL.reclose_s)
    assert not loop.closed("4-14")
    assert loop.orders == []


def test_a_whole_disturbance_is_undone_in_order(make):
    """A loop, a dead bus, an island and shed load: in this order, one switching every two minutes."""
    loop = make()
    start_s = loop.t_s
    loop.open("3-18", "17-18", "16-19", "4-14")
    loop.grid.shed_load(2, 8)
    loop.run(8.0)
    assert loop.grid.load_shed_mw.sum() > 200.0
    assert (~loop.grid.bus_energised).sum() == 1
    loop.run(3600.0)
    switched = since(loop, start_s)
    assert [element for _, element in switched] == ["4-14", "3-18", "17-18", "16-19"]
    # The load of the dead bus was cut off before the bus was energised, and comes back in blocks.
    assert {e for _, e, v in loop.ordered("feeders_closed") if v == 0.0} == {"18"}
    assert switched[0][0] == CONTROL.reclose_s
    gaps = np.diff([t for t, _ in switched])
    assert (gaps >= CONTROL.switching_s).all()
    assert loop.grid.branch_closed.all()
    assert loop.grid.bus_energised.all()
    assert loop.grid.load_shed_mw.sum() == pytest.approx(0.0)
    assert np.nanmax(np.abs(loop.grid.bus_frequency_hz - 60.0)) < 0.05


def test_a_cascade_is_undone(make):
    """The AC-CFM case at 0.75 of nominal load: 4-14 out, 6-11 trips first; load and units are lost."""
    loop = make(load_scale=0.75, security="n-0")
    start_s = loop.t_s
    loop.open("4-14")
    loop.run(CONTROL.reclose_s)
    trips = [e.element for e in loop.events if e.kind == "line_trip"]
    assert trips[0] == "6-11"
    lost = {e.element for e in loop.events if e.kind == "generator_trip"}
    assert lost
    assert loop.grid.load_shed_mw.sum() > 0.1 * loop.grid.load_demand_mw.sum()
    loop.run(3600.0)
    assert loop.grid.branch_closed.all()
    assert loop.grid.bus_energised.all()
    assert len([t for t, e in since(loop, start_s) if e in trips]) == len(set(trips))
    loop.run(3.0 * 3600.0)
    assert {e for _, e in since(loop, start_s, "unit_on")} == lost
    assert all(t >= HOT_START_S["coal"] for t, _ in since(loop, start_s, "unit_on"))
    assert loop.grid.unit_on.all()
    assert loop.grid.load_shed_mw.sum() == pytest.approx(0.0)
    assert np.abs(loop.grid.bus_frequency_hz - 60.0).max() < 0.1


def test_a_large_dead_part_comes_back_bus_by_bus(make):
    """The west of the grid is dead. Its lines together would charge more than the live units can absorb."""
    loop = make(load_scale=0.75, security="n-0")
    loop.open("4-14", "6-11", "16-17")
    for unit in ("G30", "G31", "G32", "G37", "G38", "G39"):
        loop.grid.trip_unit(loop.case.unit_index(unit), "fault")
    loop.run(60.0)
    dead = (~loop.grid.bus_energised).sum()
    assert dead > 15
    before = len(loop.events)
    alive_s = []
    for _ in range(20):
        loop.run(120.0)
        alive_s.append(int(loop.grid.bus_energised.sum()))
    steps = np.diff(alive_s)
    assert ((steps >= 0) & (steps <= 1)).all()
    assert steps.sum() >= 8
    trouble = ("voltage_collapse", "solver", "line_trip", "generator_trip")
    assert not [e for e in loop.events[before:] if e.kind in trouble]
    # What operators opened for it they close again in its turn, without the wait after a trip.
    opened = {e for _, e, v in loop.ordered("branch_closed") if v == 0.0}
    closed = [e for _, e, v in loop.ordered("branch_closed") if v == 1.0]
    assert len(opened & set(closed)) >= 6
    gaps = np.diff([t for t, _, v in loop.ordered("branch_closed") if v == 1.0])
    assert gaps.min() >= CONTROL.switching_s


def test_load_comes_back_feeder_by_feeder(make):
    loop = make()
    start_s = loop.t_s
    load = int(np.argmax(loop.case.load_mw > 300.0))
    name = loop.case.bus_name[loop.case.load_bus[load]]
    loop.grid.shed_load(load, 5)
    loop.run(CONTROL.reclose_s + 4.0 * CONTROL.pick_up_s + 8.0)
    orders = [(t - start_s, e, v) for t, e, v in loop.ordered("feeders_closed")]
    expected = [(CONTROL.reclose_s + i * CONTROL.pick_up_s, name, 16.0 + i) for i in range(5)]
    assert orders == expected
    assert loop.grid.feeders_closed[load] == 20


@pytest.mark.parametrize("unseen", [True, False])
def test_load_that_is_shed_again_after_each_pick_up_waits_twice_as_long_each_time(make, unseen):
    loop = make()
    load = loop.case.load_bus.tolist().index(loop.case.bus_index("20"))
    start_s = loop.t_s
    loop.grid.shed_load(load, 3)
    restore = loop.grid.restore_load

    def undone(at, blocks):
        closed = restore(at, blocks)
        return closed and loop.grid.shed_load(at, closed)

    if unseen:  # a relay that is faster than the next report
        loop.grid.restore_load = undone
    for _ in range(round(10.0 * CONTROL.reclose_s / STEP_S)):
        loop.step()
        if loop.grid.feeders_closed[load] > 17:
            loop.grid.shed_load(load, 1)
    times = [t_s for t_s, _ in since(loop, start_s, "feeders_closed")]
    waits = np.diff([0.0, *times]) / CONTROL.reclose_s
    np.testing.assert_allclose(waits, [1.0, 1.0, 2.0, 4.0], atol=4 * STEP_S / CONTROL.reclose_s)


def test_no_load_is_picked_up_over_a_line_above_its_rating(make):
    """Without G32 all that is left to give stands behind 2-3, and redispatch has nothing to relieve it."""
    loop = make(load_scale=1.0)
    branch = loop.case.branch_index("2-3")
    loop.run(64.0)
    loop.grid.trip_unit(loop.case.unit_index("G32"), "test")
    loop.run(1200.0)
    shed_mw = sum(e.value for e in loop.events if e.kind == "load_shed")
    assert shed_mw > 300.0
    # Before the line is full some load comes back; then it waits, and the rest is the demand's own growth.
    assert loop.grid.load_shed_mw.sum() > 0.95 * shed_mw
    assert 1.0 < loop.grid.branch_loading_pu[branch] < 1.1


def test_no_load_is_picked_up_at_low_frequency(make):
    """Received frequency 0.2 Hz low, falsified or not, holds every feeder back."""
    links = tuple(f"S{u}>SCADA" for u in range(30, 40))
    budget = TapBudget(links=links, eps_share=1.0, eps_tags={}, allow_drop=False, start_s=0.0, end_s=7200.0)
    loop = make(budgets=(budget,))
    loop.grid.shed_load(2, 5)
    taps = [
        Tap(
            producer="attacker", seq=i, k=loop.k, t_s=loop.t_s, link=f"S{u.bus}>SCADA", operation="set",
            tags=[u.frequency_tag], values=[59.8], start_s=loop.t_s, end_s=7000.0,
        )
        for i, u in enumerate(loop.model.units)
    ]  # fmt: skip
    loop.run(900.0, taps)
    assert loop.ordered("feeders_closed") == []
    assert loop.grid.feeders_closed[2] == 15


def test_a_falsified_status_keeps_a_line_out(make):
    """The line is open and received as closed: nobody closes it, and the load behind it stays dark."""
    budget = TapBudget(
        links=("S3>SCADA", "S17>SCADA"),
        eps_share=1.0,
        eps_tags={},
        allow_drop=False,
        start_s=0.0,
        end_s=7200.0,
    )
    loop = make(budgets=(budget,))
    taps = [
        Tap(
            producer="attacker", seq=i, k=loop.k, t_s=loop.t_s, link=f"S{station}>SCADA", operation="set",
            tags=[f"S{station}/line{line}_closed"], values=[1.0], start_s=loop.t_s, end_s=7000.0,
        )
        for i, (station, line) in enumerate((("3", "3-18"), ("17", "17-18")))
    ]  # fmt: skip
    loop.open("3-18", "17-18")
    loop.run(1200.0, taps)
    assert loop.ordered("branch_closed") == []
    assert not loop.closed("3-18")
    assert loop.grid.load_shed_mw.sum() > 100.0


def test_a_refused_order_is_repeated_until_it_succeeds(make):
    loop = make()
    close, refusals = loop.grid.close_branch, []

    def stubborn(branch, cause="closed"):
        if len(refusals) < 2:
            refusals.append(loop.t_s)
            return "not synchronised"
        return close(branch, cause)

    loop.grid.close_branch = stubborn
    start_s = loop.t_s
    loop.open("4-14")
    loop.run(1200.0)
    assert loop.closed("4-14")
    assert [t for t, _ in since(loop, start_s)] == [300.0, 600.0, 900.0]
    refused = [(e.element, e.cause) for e in loop.events if e.kind == "switch_refused"]
    assert refused == [("4-14", "not synchronised")] * 2


def test_a_line_that_opens_again_waits_twice_as_long(make):
    loop = make()
    loop.open("4-14")
    loop.run(CONTROL.reclose_s + 12.0)
    assert loop.closed("4-14")
    again_s = loop.t_s
    loop.open("4-14")
    loop.run(2.0 * CONTROL.reclose_s + 12.0)
    assert loop.closed("4-14")
    assert since(loop, again_s)[-1][0] == 2.0 * CONTROL.reclose_s


def test_a_line_that_would_be_overloaded_stays_open(make):
    """Operators' rating of the line is lowered to what it cannot meet: the prediction keeps it out."""
    loop = make()
    branch = loop.case.branch_index("16-21")
    loop.open("16-21")
    loop.centre._redispatch.rating_mva[branch] = 1.0
    loop.run(900.0)
    assert loop.ordered("branch_closed") == []
    assert not loop.closed("16-21")


def test_a_tripped_unit_is_synchronised_after_its_hot_start(make):
    loop = make("rts24", load_scale=0.8)
    hydro = [i for i, fuel in enumerate(loop.case.unit_fuel) if fuel == "hydro"]
    unit = next(i for i in hydro if loop.grid.unit_power_mw[i] > 20.0)
    name, before = loop.case.unit_name[unit], loop.grid.unit_power_mw[unit]
    start_s = loop.t_s
    loop.grid._trip_unit(unit, "frequency")
    loop.run(HOT_START_S["hydro"])
    assert not loop.grid.unit_on[unit]
    assert loop.ordered("unit_on") == []
    loop.run(900.0)
    ordered = since(loop, start_s, "unit_on")
    assert [element for _, element in ordered] == [name]
    assert HOT_START_S["hydro"] <= ordered[0][0] <= HOT_START_S["hydro"] + 120.0
    assert loop.grid.unit_on[unit]
    assert loop.grid.unit_power_mw[unit] > 0.3 * before


def test_restoration_can_be_left_out(make):
    loop = make(control=ControlSettings(restoration=False))
    assert all("/" not in entry.tag or entry.tag.startswith("RTU") for entry in loop.model.link_tags)
    loop.open("4-14")
    loop.run(600.0)
    assert not loop.closed("4-14")
    assert loop.orders == []


@pytest.mark.parametrize(
    ("fuel", "p_max_mw", "seconds"),
    [
        ("hydro", 500.0, HOT_START_S["hydro"]),
        ("nuclear", 900.0, 86_400.0),
        ("ng", 80.0, OPEN_CYCLE_S),
        ("ng", 400.0, COMBINED_CYCLE_S),
        ("", 80.0, OPEN_CYCLE_S),
        ("", 400.0, HOT_START_S["coal"]),
    ],
)
def test_hot_start_by_fuel_and_size(model, fuel, p_max_mw, seconds):
    import msgspec

    unit = msgspec.structs.replace(model.units[0], fuel=fuel, p_max_mw=p_max_mw)
    assert hot_start_s(unit) == seconds
