"""Quality on networks small enough to work out by hand, and in trouble."""

import math

import numpy as np
import pytest

from simulator.water.constituents import QualityPlan
from simulator.water.engine import NoSolutionError
from simulator.water.water import Water
from streams.errors import BadInput
from tests.simulator.water.driving import all_pumps

# 1,000 m of 300 mm pipe at 0.02 m3/s: 0.2829 m/s, 3,534 s.
PIPE = """
[JUNCTIONS]
 A  0  0
 B  0  20
[RESERVOIRS]
 R  50
[PIPES]
 P0  R  A  1     300  100
 P1  A  B  1000  300  100
[OPTIONS]
 UNITS    LPS
 HEADLOSS H-W
 TOLERANCE 0.0001
[END]
"""
VELOCITY_M_S = 0.02 / (math.pi * 0.15**2)
TRAVEL_S = 1000.0 / VELOCITY_M_S


@pytest.fixture
def pipe(tmp_path):
    path = tmp_path / "pipe.inp"
    path.write_text(PIPE)
    return str(path)


def at(water, node):
    return water.node_quality[water.layout.node_names.index(node)]


def test_chlorine_decays_with_its_time_in_the_pipe(pipe):
    water = Water(pipe, quality=QualityPlan("chlorine", source_mg_l=1.0, bulk_decay_per_day=10.0))
    water.advance(3 * 3600.0)
    assert at(water, "A") == pytest.approx(1.0, abs=1e-3)
    # EPANET's steps are explicit: (1 - k dt)^n instead of exp(-k n dt).
    assert at(water, "B") == pytest.approx(math.exp(-10.0 * TRAVEL_S / 86400.0), rel=0.01)
    assert water.quality_balance == pytest.approx(1.0, abs=1e-9)


def test_walls_eat_chlorine_as_fast_as_it_gets_there(pipe):
    water = Water(pipe, quality=QualityPlan("chlorine", source_mg_l=1.0, wall_decay_m_per_day=1.0))
    water.advance(3 * 3600.0)
    # EPANET 2.2 manual, 3.4: mass transfer by Notter and Sleicher, then both resistances in series.
    diffusivity, viscosity = 1.3e-8 * 0.3048**2, 1.1e-5 * 0.3048**2
    reynolds, schmidt = VELOCITY_M_S * 0.3 / viscosity, viscosity / diffusivity
    transfer = 0.0149 * reynolds**0.88 * schmidt ** (1 / 3) * diffusivity / 0.3
    wall = 1.0 / 86400.0
    rate = 4.0 / 0.3 * wall * transfer / (wall + transfer)
    assert at(water, "B") == pytest.approx(math.exp(-rate * TRAVEL_S), rel=0.01)


def test_a_front_arrives_when_the_water_does(pipe):
    water = Water(pipe, quality=QualityPlan("trace", trace_node="R"))
    # Two steps of a minute are the resolution.
    water.advance(TRAVEL_S - 120.0)
    assert at(water, "B") == 0.0
    water.advance(TRAVEL_S + 120.0)
    assert at(water, "B") == pytest.approx(100.0)


def test_age_is_travel_time(pipe):
    water = Water(pipe, quality=QualityPlan("age"))
    water.advance(5 * 3600.0)
    assert at(water, "B") == pytest.approx(TRAVEL_S / 3600.0, abs=0.02)


def test_injected_is_consumed_where_it_flows(pipe):
    water = Water(pipe, quality=QualityPlan("contaminant"))
    water.advance(600.0)
    water.set_injection("A", 12.0)
    water.advance(1200.0)
    assert at(water, "A") == pytest.approx(12.0 / 60.0 / 0.02)  # g/s over m3/s
    water.set_injection("A", 0.0)
    events = water.advance(1200.0 + TRAVEL_S / 2.0)
    assert [(e.kind, e.element, e.value, e.unit) for e in events] == [("injection", "A", 0.0, "g/min")]
    assert water.contaminant_injected_g == pytest.approx(120.0)
    assert water.contaminant_consumed_g == 0.0
    water.advance(1200.0 + TRAVEL_S + 120.0)
    assert water.contaminant_consumed_g == pytest.approx(120.0, rel=1e-9)
    assert at(water, "B") == pytest.approx(0.0, abs=1e-9)


def test_changes_of_flow_within_a_second_move_the_right_volume(pipe):
    water = Water(pipe, quality=QualityPlan("contaminant"))
    water.set_injection("A", 6.0)
    for k in range(400):
        water.set_demand_factor(0.5 + (k % 3))
        water.set_leak("B", 0.1 * (k % 2))
        water.advance(water.t_s + 17.3)
    water.set_injection("A", 0.0)
    water.set_demand_factor(1.0)
    injected_min = 400 * 17.3 / 60.0
    assert water.contaminant_injected_g == pytest.approx(6.0 * injected_min, rel=1e-3)
    assert water.quality_balance == pytest.approx(1.0, abs=1e-9)


def test_tanks_of_quality_keep_step_with_ours():
    water = Water("net1", quality=QualityPlan("chlorine"))
    transport, moved_m3 = water._quality._transport, 0.0

    def counted(seconds):
        nonlocal moved_m3
        moved_m3 += water.tank_inflow_m3h[0] * seconds / 3600.0
        transport(seconds)

    water._quality._transport = counted
    before = water.tank_volume_m3[0]
    for k in range(2000):
        water.set_pump(0, k // 5 % 2 == 0)
        water.set_pump_supply(0, k % 7 != 0, at_s=water.t_s + 1.3)
        water.advance(water.t_s + 31.7)
    assert 1.0 < water.tank_level_m[0] < water.layout.tank_level_max_m[0]
    # Half a second of 600 m3/h at each of some 1,000 switchings, and hardly anything of it is left.
    assert moved_m3 == pytest.approx(water.tank_volume_m3[0] - before, abs=1e-3 * before)
    assert water.quality_balance == pytest.approx(1.0, abs=1e-3)


def test_a_dry_city_carries_nothing_and_loses_no_mass():
    water = Water("net1", quality=QualityPlan("contaminant"))
    water.set_injection("11", 5.0)
    water.advance(3600.0)
    all_pumps(water, False)
    water.advance(24 * 3600.0)
    consumed, injected = water.contaminant_consumed_g, water.contaminant_injected_g
    assert water.state.delivered_m3h < 0.01
    water.advance(30 * 3600.0)
    # The solver leaves litres an hour in a network that is dry.
    assert water.contaminant_consumed_g == pytest.approx(consumed, rel=1e-3)
    assert water.contaminant_injected_g == pytest.approx(injected, rel=1e-3)
    assert water.quality_balance == pytest.approx(1.0, abs=1e-6)


def test_quality_waits_while_the_solver_has_no_solution(pipe, monkeypatch):
    water = Water(pipe, quality=QualityPlan("contaminant"))
    water.set_injection("A", 12.0)
    water.advance(600.0)
    before, solve = water.contaminant_injected_g, water._engine.solve

    def fails(inp_time_s, tank_level_m):
        raise NoSolutionError("Error 110")

    monkeypatch.setattr(water._engine, "solve", fails)
    water.advance(1200.0)
    assert water.contaminant_injected_g == before
    monkeypatch.setattr(water._engine, "solve", solve)
    water.advance(1800.0)
    assert water.contaminant_injected_g == pytest.approx(2.0 * before)


def test_hydraulics_do_not_depend_on_what_the_water_carries():
    plain, traced = Water("net3"), Water("net3", quality=QualityPlan("trace", trace_node="River"))
    for water in (plain, traced):
        water.advance(6 * 3600.0)
    # Quality asks for a finer solution.
    np.testing.assert_allclose(traced.tank_level_m, plain.tank_level_m, rtol=1e-5)
    np.testing.assert_allclose(traced.node_pressure_m, plain.node_pressure_m, atol=0.01)
    assert np.isnan(plain.node_quality).all()
    assert plain.contaminant_consumed_g is None
    assert traced.contaminant_consumed_g is None
    assert plain.quality_balance is None


def test_plans_that_do_not_fit_are_refused():
    with pytest.raises(BadInput, match=r"trace_node: 'nowhere'.*Net1.inp"):
        Water("net1", quality=QualityPlan("trace", trace_node="nowhere"))
    with pytest.raises(BadInput, match=r"chlorine_source_mg_l.*MICROPOLIS_v1.inp gives no concentrations"):
        Water("micropolis", quality=QualityPlan("chlorine"))
    water = Water("net1")
    with pytest.raises(BadInput, match="contaminant"):
        water.set_injection("11", 1.0)
    with pytest.raises(BadInput, match="contaminant"):
        Water("net1", quality=QualityPlan("age")).set_injection("11", 1.0)
    water = Water("net1", quality=QualityPlan("contaminant"))
    with pytest.raises(BadInput, match=r"injection node: '2'.*junction"):
        water.set_injection("2", 1.0)
    for bad in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="injection"):
            water.set_injection("11", bad)
