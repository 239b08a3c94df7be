"""The solver against EPANET's published figures and against its own habits."""

import math

import numpy as np
import pytest
from epanet import toolkit as en

from simulator.water.engine import Engine
from simulator.water.network import find_inp
from simulator.water.tanks import level_m, volume_m3
from tests.simulator.water.driving import controlled, drive

PSI_PER_M = 0.4333 / 0.3048  # EPANET's own factor


def test_net1_hour_by_hour_as_in_epanets_own_tests():
    engine = Engine(find_inp("net1"))
    layout = engine.layout
    node, pipe = layout.node_names.index("11"), layout.link_names.index("10")
    level, psi, gpm = layout.tank_initial_m.copy(), [], []
    for hour in range(4):
        solution = engine.solve(3600.0 * hour, level)
        psi.append((solution.head_m[node] - layout.elevation_m[node]) * PSI_PER_M)
        gpm.append(solution.flow_m3h[pipe] / layout.flow_to_m3h)
        volume = volume_m3(layout.tanks[0], level[0]) + solution.node_net_m3h[layout.tank_nodes[0]]
        level = np.array([level_m(layout.tanks[0], volume)])
    np.testing.assert_allclose(psi, [119.257, 120.450, 121.199, 122.006], atol=1e-3)
    assert gpm[1] == pytest.approx(1848.58, abs=0.01)


def test_net1_pump_over_a_day_as_in_epanets_energy_report():
    water, controller = controlled("net1")
    running = energy_kwh = 0.0

    def look(t_s):
        nonlocal running, energy_kwh
        running += water.pump_running[0] / 60.0
        energy_kwh += water.pump_power_kw[0] / 60.0

    drive(water, controller, 24.0, look)
    # EPANET's report comes from steps of an hour, ours from minutes.
    assert energy_kwh / running == pytest.approx(96.25, abs=0.15)
    assert running / 24.0 == pytest.approx(0.5771, abs=0.003)


def test_net3_tank_over_a_day():
    water, controller = controlled("net3")
    bottom_m = water.layout.elevation_m[water.layout.tank_nodes[0]]
    head_ft = {0: (bottom_m + water.tank_level_m[0]) / 0.3048}

    def look(t_s):
        head_ft[round(t_s / 60.0)] = (bottom_m + water.tank_level_m[0]) / 0.3048

    node = water.layout.node_names.index("15")
    node_ft = {0: water.state.node_head_m[node] / 0.3048}

    def look_twice(t_s):
        look(t_s)
        # A state holds from the minute before.
        node_ft[round(t_s / 60.0) - 1] = water.state.node_head_m[node] / 0.3048

    drive(water, controller, 24.1, look_twice)
    assert [node_ft[hour * 60] for hour in (0, 12, 24)] == pytest.approx([125.81, 149.80, 127.99], abs=0.3)
    assert [head_ft[hour * 60] for hour in (0, 12, 24)] == pytest.approx([145.00, 153.81, 147.69], abs=0.3)


def test_units_of_every_network_are_si():
    layout = Engine(find_inp("micropolis")).layout
    assert layout.tank_area_m2[0] == pytest.approx(np.pi / 4.0 * (50 * 0.3048) ** 2)
    assert layout.tank_level_max_m[0] == pytest.approx(120 * 0.3048)
    assert layout.flow_to_m3h == pytest.approx(0.2271247)
    assert len(layout.demand_nodes) == 685


def test_inp_controls_do_not_act():
    # Net1's control opens the pump below 110 ft, Micropolis's rules open HSP#1 below 111 ft.
    for network in ("net1", "micropolis"):
        engine = Engine(find_inp(network))
        layout = engine.layout
        shut = layout.link_open.copy()
        shut[layout.pumps] = False
        engine.set_open(shut)
        for hour in range(48):
            solution = engine.solve(3600.0 * hour, layout.tank_level_min_m + 0.5)
            assert (np.abs(solution.flow_m3h[layout.pumps]) < 1e-6).all()
            assert (solution.pump_power_kw == 0.0).all()


def test_demand_above_what_pressure_allows_follows_the_orifice_law():
    engine = Engine(find_inp("net1"))
    layout = engine.layout
    engine.set_demand(10.0)
    solution = engine.solve(0.0, layout.tank_initial_m)
    nodes = layout.demand_nodes
    pressure = (solution.head_m - layout.elevation_m)[nodes]
    share = np.sqrt(np.clip(pressure * PSI_PER_M / 20.0, 0.0, 1.0))
    assert (share < 0.99).any()
    np.testing.assert_allclose(
        solution.delivered_m3h[nodes], share * solution.requested_m3h[nodes], rtol=0.01
    )


def test_pressure_driven_demand_as_in_epanets_own_tests():
    """Net1 with ten times its demand, full at 100 psi and none at 20 (EPANET's test_pda)."""
    engine = Engine(find_inp("net1"))
    en.setdemandmodel(engine._project, en.PDA, 20.0, 100.0, 0.5)
    engine.set_demand(10.0)
    solution = engine.solve(0.0, engine.layout.tank_initial_m)
    missing = np.maximum(solution.requested_m3h - solution.delivered_m3h, 0.0)
    short = missing > 0.01
    assert short.sum() == 6
    # EPANET's "demand reduction" is a share of what the nodes that are short ask for.
    assert missing[short].sum() / solution.requested_m3h[short].sum() == pytest.approx(0.3266, abs=1e-4)
    node = engine.layout.node_names.index("21")
    assert missing[node] / engine.layout.flow_to_m3h == pytest.approx(413.67, abs=0.01)


def test_solutions_do_not_depend_on_the_order_of_demand_changes():
    first, second = Engine(find_inp("net1")), Engine(find_inp("net1"))
    layout, factors = first.layout, np.full(len(first.layout.node_names), 1.5)
    first.set_demand(1.5)
    first.set_extra_demand(0, 50.0)
    second.set_extra_demand(0, 50.0)
    second.set_node_factors(factors)
    expected = first.solve(0.0, layout.tank_initial_m).requested_m3h
    np.testing.assert_allclose(second.solve(0.0, layout.tank_initial_m).requested_m3h, expected, rtol=1e-9)
    assert expected.sum() == pytest.approx(50.0 + 1.5 * layout.base_demand_m3h.sum())


def test_a_speed_pattern_does_not_switch_pumps(tmp_path):
    text = find_inp("net1").read_text().replace("HEAD 1\t;", "HEAD 1 PATTERN 1\t;")
    assert "PATTERN 1" in text
    inp = tmp_path / "pattern.inp"
    inp.write_text(text)
    engine = Engine(inp)
    shut = engine.layout.link_open.copy()
    shut[engine.layout.pumps] = False
    engine.set_open(shut)
    assert engine.solve(7200.0, engine.layout.tank_initial_m).flow_m3h[engine.layout.pumps[0]] == 0.0


def test_a_speed_stands_over_stops_and_restarts():
    engine = Engine(find_inp("net1"))
    layout, level = engine.layout, engine.layout.tank_initial_m
    pump = int(layout.pumps[0])
    full = engine.solve(0.0, level).flow_m3h[pump]
    engine.set_setting(pump, 0.9)
    slow = engine.solve(0.0, level).flow_m3h[pump]
    assert 0.0 < slow < 0.9 * full
    shut = layout.link_open.copy()
    shut[pump] = False
    engine.set_open(shut)
    assert engine.solve(0.0, level).flow_m3h[pump] == pytest.approx(0.0, abs=1e-6)
    engine.set_open(layout.link_open)
    assert engine.solve(0.0, level).flow_m3h[pump] == pytest.approx(slow, rel=1e-3)
    engine.restart()
    assert engine.solve(0.0, level).flow_m3h[pump] == pytest.approx(slow, rel=1e-3)


def test_a_valve_without_setting_regulates_no_longer(tmp_path):
    text = find_inp("net1").read_text()
    pipe = next(line for line in text.splitlines() if line.split()[:3] == ["12", "12", "13"])
    valve = "[VALVES]\n 12 12 13 12 PRV 60 0\n"
    inp = tmp_path / "valve.inp"
    inp.write_text(text.replace(pipe, "").replace("[VALVES]\n", valve))
    engine = Engine(inp)
    layout = engine.layout
    link, below = layout.link_names.index("12"), layout.node_names.index("13")

    def psi():
        heads = engine.solve(0.0, layout.tank_initial_m).head_m
        return (heads[below] - layout.elevation_m[below]) * PSI_PER_M

    regulated = psi()
    engine.set_setting(link, math.nan)
    assert psi() > regulated + 1.0
    engine.restart()
    assert psi() > regulated + 1.0
    engine.set_setting(link, 60.0)
    assert psi() == pytest.approx(regulated, abs=0.01)
