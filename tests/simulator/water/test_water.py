import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.water.engine import NoSolutionError
from simulator.water.water import Water
from streams.errors import BadInput
from tests.simulator.water.driving import all_pumps, controlled, drive, imbalance_m3, tolerance_m3

NETWORKS = ("micropolis", "net1", "net3")


@pytest.mark.parametrize("network", NETWORKS)
def test_without_pumps_customers_get_what_storage_loses(network):
    water = Water(network)
    before = water.tank_volume_m3
    all_pumps(water, False)
    if network == "net3":
        # The gravity bypass around pump 335 would go on feeding the city from the river.
        water.set_link_open("330", False)
    events = water.advance(40 * 3600.0)
    lost = (before - water.tank_volume_m3).sum()
    assert lost > 1000.0
    assert abs(water.supplied_m3) < 0.1
    assert water.delivered_m3 == pytest.approx(lost, abs=0.1)
    assert sorted(e.element for e in events if e.kind == "tank_empty") == sorted(water.layout.tank_names)
    assert water.state.delivered_m3h < 0.01
    assert water.customers_without_pressure == len(water.layout.demand_nodes)


def test_net3_lives_by_gravity_while_its_bypass_is_open():
    water = Water("net3")
    before = water.tank_volume_m3
    all_pumps(water, False)
    water.set_link_open("330", True)
    water.advance(24 * 3600.0)
    lost = (before - water.tank_volume_m3).sum()
    assert water.supplied_m3 > 1000.0
    assert water.delivered_m3 == pytest.approx(lost + water.supplied_m3, rel=1e-5)


def test_an_empty_tank_fills_again_when_pumps_come_back():
    water = Water("micropolis")
    all_pumps(water, False)
    water.advance(9 * 3600.0)
    assert water.tank_inflow_m3h[0] == 0.0
    all_pumps(water, True)
    for hsp in (4, 5, 6):
        water.set_pump(hsp, True)
    water.advance(24 * 3600.0)
    assert water.tank_level_m[0] > water.layout.tank_level_min_m[0] + 0.5


def test_a_city_whose_pumps_are_ordered_off_runs_dry_without_solver_trouble():
    water = Water("micropolis")
    for hsp in (4, 5, 6):
        water.set_pump(hsp, False)
    events = water.advance(9 * 3600.0)
    assert [(e.kind, e.element) for e in events] == [("tank_empty", "Tank")]
    assert water.pump_running.tolist() == [True, True, True, True, False, False, False, True]
    assert water.state.delivered_m3h < 0.01


def test_a_full_tank_spills_and_says_so_once():
    water = Water("net1")
    before = water.tank_volume_m3.sum()
    events = water.advance(24 * 3600.0)
    assert [(e.kind, e.element) for e in events] == [("tank_full", "2")]
    assert events[0].value == pytest.approx(150 * 0.3048)
    assert water.tank_overflow_m3 > 100.0
    assert abs(imbalance_m3(water, before)) < 1e-3


def test_a_minute_of_inflow_is_a_minute_of_level():
    water, controller = controlled("micropolis")
    area = water.layout.tank_area_m2
    last = water.tank_level_m
    residual = []

    def look(t_s):
        nonlocal last
        if t_s > 0.0:
            change_m3 = area * (water.tank_level_m - last)
            residual.append(change_m3 - water.tank_inflow_m3h / 60.0)
        last = water.tank_level_m

    drive(water, controller, 12.0, look)
    assert np.abs(residual).max() < 1e-6


def test_supply_lost_between_two_steps_acts_at_its_own_time():
    water = Water("net1")
    water.advance(100.0)
    water.set_pump_supply(0, False, at_s=130.5)
    water.set_pump_supply(0, False, at_s=131.0)
    events = water.advance(180.0)
    assert [(e.t_s, e.kind, e.element, e.cause, e.unit) for e in events] == [
        (130.5, "pump_lost", "9", "supply", "m3/h")
    ]
    assert events[0].value > 400.0
    assert not water.pump_running[0]
    assert water.pump_flow_m3h[0] == water.pump_power_kw[0] == 0.0
    whole_minute = Water("net1")
    whole_minute.advance(180.0)
    share = water.supplied_m3 / whole_minute.supplied_m3
    assert share == pytest.approx(130.5 / 180.0, rel=1e-3)
    water.set_pump_supply(0, True)
    assert [e.kind for e in water.advance(200.0)] == ["pump_back"]
    assert water.pump_running[0]


def test_an_ordered_pump_waits_for_supply():
    water = Water("net1")
    water.set_pump(0, False)
    water.set_pump_supply(0, False)
    water.set_pump(0, True)
    water.advance(60.0)
    assert not water.pump_running[0]


def test_extra_demand_is_delivered_and_kept_apart_from_customers():
    water, plain = Water("net1"), Water("net1")
    water.set_demand_factor(1.2)
    plain.set_demand_factor(1.2)
    water.set_extra_demand("32", 80.0)
    water.advance(3600.0)
    plain.advance(3600.0)
    assert water.extra_delivered_m3h("32") == pytest.approx(80.0, rel=1e-3)
    assert water.delivered_m3 - plain.delivered_m3 == pytest.approx(80.0, rel=1e-3)
    assert water.pressure_m("32") < plain.pressure_m("32")
    all_pumps(water, False)
    water.advance(12 * 3600.0)
    assert water.extra_delivered_m3h("32") < 1e-3
    assert water.pressure_m("32") == pytest.approx(0.0, abs=1e-3)


def test_undelivered_counts_customers_only():
    water = Water("net1")
    all_pumps(water, False)
    water.advance(6 * 3600.0)
    water.set_extra_demand("32", 500.0)
    missing = water.water_not_delivered_m3
    water.advance(7 * 3600.0)
    customers = 1.6 * water.layout.base_demand_m3h.sum()
    assert water.node_demand_m3h.sum() == pytest.approx(customers + 500.0)
    assert water.water_not_delivered_m3 - missing == pytest.approx(customers, rel=1e-3)
    assert water.low_pressure_node_hours > 8.0


def test_node_factors_scale_one_node():
    water = Water("net1")
    node = water.layout.node_names.index("11")
    factors = np.ones(len(water.layout.node_names))
    factors[node] = 3.0
    before = water.node_demand_m3h.copy()
    water.set_demand_factor(factors)
    water.advance(60.0)
    change = water.node_demand_m3h / np.where(before == 0.0, 1.0, before)
    assert change[node] == pytest.approx(3.0)
    assert change[water.layout.node_names.index("12")] == pytest.approx(1.0)
    water.set_demand_factor(2.0)
    water.advance(120.0)
    np.testing.assert_allclose(water.node_demand_m3h, 2.0 * before, rtol=1e-9)


def test_demand_follows_the_clock_past_midnight_and_past_the_inps_duration():
    water = Water("net1", start_clock_s=6 * 3600.0)
    base = water.layout.base_demand_m3h.sum()
    assert water.node_demand_m3h.sum() == pytest.approx(1.6 * base)
    for end_h, factor in ((17.9, 0.8), (18.1, 1.0), (20.1, 1.2), (14 * 24 + 18.1, 1.0)):
        water.advance(end_h * 3600.0)
        assert water.node_demand_m3h.sum() == pytest.approx(factor * base)


@pytest.mark.parametrize("network", ["net1", "micropolis"])
def test_the_same_inputs_give_the_same_truth_bit_for_bit(network):
    def run():
        water, controller = controlled(network)
        events = drive(water, controller, 3.0, lambda t_s: all_pumps(water, not 3600.0 <= t_s < 5400.0))
        figures = (water.supplied_m3, water.delivered_m3, water.water_not_delivered_m3)
        return events, figures, water.tank_level_m.tobytes(), water.node_pressure_m.tobytes()

    assert run() == run()


def test_levels_at_a_scan_do_not_depend_on_how_often_one_looks():
    seldom, often = Water("net3"), Water("net3")
    seldom.advance(3600.0)
    for scan in range(1, 901):
        often.advance(4.0 * scan)
    np.testing.assert_allclose(often.tank_level_m, seldom.tank_level_m, rtol=1e-8)


def test_a_step_without_solution_is_an_event_with_consequences(monkeypatch):
    water = Water("net1")
    water.advance(60.0)
    level, solve = water.tank_level_m, water._engine.solve

    def fails(inp_time_s, tank_level_m):
        raise NoSolutionError("Error 110: cannot solve network hydraulic equations")

    monkeypatch.setattr(water._engine, "solve", fails)
    events = water.advance(300.0)
    assert [e.kind for e in events] == ["solver"]
    assert "Error 110" in events[0].cause
    assert (water.tank_level_m == level).all()
    assert water.node_delivered_m3h.sum() == 0.0
    assert water.water_not_delivered_m3 == pytest.approx(water.node_demand_m3h.sum() * 240.0 / 3600.0)
    assert water.customers_without_pressure == 8
    monkeypatch.setattr(water._engine, "solve", solve)
    assert water.advance(360.0) == []
    assert water.customers_without_pressure == 0


def test_inputs_out_of_range_are_refused():
    water = Water("net1")
    with pytest.raises(BadInput, match=r"cooling_node: '2'.*junction"):
        water.set_extra_demand("2", 10.0)
    with pytest.raises(BadInput, match="cooling_node"):
        water.set_extra_demand("nowhere", 10.0)
    for bad in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="extra demand"):
            water.set_extra_demand("32", bad)
        with pytest.raises(ValueError, match="demand factor"):
            water.set_demand_factor(bad)
    with pytest.raises(KeyError):
        water.set_link_open("nowhere", True)


SWITCHES = st.lists(
    st.tuples(
        st.floats(1.0, 3000.0),
        st.integers(0, 7),
        st.booleans(),
        st.booleans(),
        st.sampled_from([0.0, 0.3, 1.0, 3.0]),
    ),
    min_size=1,
    max_size=25,
)


@pytest.mark.parametrize("network", NETWORKS)
@settings(max_examples=12, deadline=None, derandomize=True)
@given(switches=SWITCHES)
def test_water_is_conserved_whatever_pumps_do(network, switches):
    water = Water(network)
    layout = water.layout
    before = water.tank_volume_m3.sum()
    for pause_s, pump, on, alive, factor in switches:
        index = pump % len(layout.pumps)
        water.set_pump(index, on)
        water.set_pump_supply(index, alive)
        water.set_demand_factor(factor)
        water.advance(water.t_s + pause_s)
        assert (water.tank_level_m >= layout.tank_level_min_m - 1e-9).all()
        assert (water.tank_level_m <= layout.tank_level_max_m + 1e-9).all()
    assert abs(imbalance_m3(water, before)) < tolerance_m3(water)
    assert water.water_not_delivered_m3 >= 0.0
    water.close()
