"""Pump power by hand and over a day."""

import numpy as np
import pytest

from simulator.water.water import Water
from tests.simulator.water.driving import controlled, drive

# EPANET: 62.4 lb/ft3, 550 ft lb/s to a horsepower, 0.7457 kW to that.
RHO_G_N_M3 = 62.4 * 4.4482216 / 0.3048**3


@pytest.mark.parametrize("network", ["net1", "net3", "micropolis"])
def test_power_is_rho_g_q_h_over_efficiency(network):
    water = Water(network)
    for pump in range(len(water.layout.pumps)):
        water.set_pump(pump, True)
    water.advance(60.0)
    layout, head = water.layout, water.state.node_head_m
    lift = head[layout.link_to[layout.pumps]] - head[layout.link_from[layout.pumps]]
    running = water.pump_running & (water.pump_flow_m3h > 1.0)
    assert running.any()
    hydraulic_kw = RHO_G_N_M3 * water.pump_flow_m3h / 3600.0 * lift / 1000.0
    np.testing.assert_allclose(
        water.pump_power_kw[running], (hydraulic_kw / water.pump_efficiency)[running], rtol=1e-3
    )


def test_efficiency_follows_the_inps_curve_and_its_default():
    assert Water("net1").pump_efficiency[0] == pytest.approx(0.75)
    water = Water("micropolis")
    water.advance(60.0)
    curved = [water.layout.pump_names.index(f"HSP#{i}") for i in (1, 2, 3)]
    efficiency = water.pump_efficiency[curved][water.pump_running[curved]]
    assert ((efficiency > 0.3) & (efficiency < 0.9)).all()
    assert (np.abs(efficiency - 0.75) > 1e-3).any()


def test_energy_of_net1_over_a_day_is_epanets_report():
    water, controller = controlled("net1")
    on_h = 0.0

    def look(t_s):
        nonlocal on_h
        on_h += water.pump_running[0] / 60.0

    drive(water, controller, 24.0, look)
    # EPANET reports 57.71 % and 96.25 kW from steps of an hour, we step by the minute.
    assert on_h / 24.0 == pytest.approx(0.5771, abs=0.003)
    assert water.pump_energy_kwh[0] / on_h == pytest.approx(96.25, abs=0.15)


def test_energy_is_power_times_time():
    water = Water("net1")
    water.advance(600.0)
    ten_minutes_kwh = water.pump_energy_kwh[0]
    assert ten_minutes_kwh == pytest.approx(water.pump_power_kw[0] / 6.0, rel=1e-3)
    water.advance(660.0)
    eleven_kwh = water.pump_energy_kwh[0]
    assert eleven_kwh - ten_minutes_kwh == pytest.approx(water.pump_power_kw[0] / 60.0)
    water.set_pump(0, False)
    water.advance(1200.0)
    assert water.pump_energy_kwh[0] == eleven_kwh
