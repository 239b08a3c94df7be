"""Bursts, broken pumps and stuck actuators: what they do to the water and what is told of them."""

import math

import numpy as np
import pytest

from simulator.water.network import find_inp
from simulator.water.water import Water
from streams.errors import BadInput
from tests.simulator.water.driving import all_pumps, tolerance_m3


@pytest.mark.parametrize(("network", "node"), [("net1", "22"), ("l-town", "n1"), ("net3", "105")])
def test_a_burst_leaks_with_the_root_of_pressure(network, node):
    water = Water(network)
    water.advance(60.0)
    whole = water.pressure_m(node)
    water.set_leak(node, 20.0)
    events = water.advance(3660.0)
    assert [(e.t_s, e.kind, e.element, e.value, e.unit) for e in events] == [
        (60.0, "burst", node, 20.0, "m3/h/m^0.5")
    ]
    pressure = water.pressure_m(node)
    assert pressure < whole
    assert water.state.leaked_m3h == pytest.approx(20.0 * math.sqrt(pressure), rel=1e-3)
    leaked = water.leaked_m3
    assert leaked == pytest.approx(20.0 * math.sqrt(pressure), rel=0.1)
    water.set_leak(node, 0.0)
    assert [e.kind for e in water.advance(3720.0)] == ["repair"]
    assert water.state.leaked_m3h == pytest.approx(0.0, abs=1e-6)
    water.advance(7200.0)
    assert water.leaked_m3 == pytest.approx(leaked, abs=1e-3)
    assert abs(water.balance_m3().mismatch) < tolerance_m3(water)


def test_a_leak_is_no_delivery():
    water, plain = Water("net1"), Water("net1")
    water.set_leak("22", 5.0)
    water.advance(3600.0)
    plain.advance(3600.0)
    assert water.leaked_m3 > 40.0
    assert water.delivered_m3 == pytest.approx(plain.delivered_m3, rel=1e-3)
    assert water.supplied_m3 > plain.supplied_m3


def test_a_large_burst_takes_customers_pressure():
    water = Water("net3")
    water.advance(60.0)
    assert water.customers_without_pressure == 0
    water.set_leak("105", 3000.0)
    water.set_leak("193", 3000.0)
    water.advance(3600.0)
    assert water.customers_without_pressure >= 8
    assert water.water_not_delivered_m3 > 0.0
    assert abs(water.balance_m3().mismatch) < tolerance_m3(water)


def test_an_empty_pipe_draws_nothing_in_through_its_leak():
    water = Water("net1")
    water.set_leak("31", 50.0)
    all_pumps(water, False)
    water.advance(24 * 3600.0)
    leaked = water.leaked_m3
    water.advance(30 * 3600.0)
    assert water.leaked_m3 == pytest.approx(leaked, abs=0.05)
    assert abs(water.balance_m3().mismatch) < tolerance_m3(water)


def test_a_leak_comes_beside_the_inps_own_emitter(tmp_path):
    inp = tmp_path / "emitter.inp"
    inp.write_text(find_inp("net1").read_text().replace("[EMITTERS]", "[EMITTERS]\n 22  3.0\n"))
    water, own = Water(str(inp)), Water(str(inp))
    own.advance(60.0)
    psi = own.pressure_m("22") * 0.4333 / 0.3048
    assert own.state.leaked_m3h == pytest.approx(3.0 * math.sqrt(psi) * 0.2271247, rel=1e-3)
    water.set_leak("22", 5.0)
    water.advance(60.0)
    root = math.sqrt(water.pressure_m("22"))
    own_root = 3.0 * math.sqrt(0.4333 / 0.3048) * 0.2271247
    assert water.state.leaked_m3h == pytest.approx((own_root + 5.0) * root, rel=1e-3)
    water.set_leak("22", 0.0)
    water.advance(120.0)
    assert water.state.leaked_m3h == pytest.approx(own.state.leaked_m3h, rel=1e-3)


def test_emitters_of_another_law_bear_no_leak(tmp_path):
    text = find_inp("net1").read_text().replace("[EMITTERS]", "[EMITTERS]\n 22  3.0\n")
    inp = tmp_path / "emitter.inp"
    inp.write_text(text.replace("Emitter Exponent   \t0.5", "Emitter Exponent   \t1.0"))
    with pytest.raises(BadInput, match="square root of pressure"):
        Water(str(inp)).set_leak("22", 5.0)


def test_a_broken_pump_stands_whatever_is_ordered():
    water = Water("net1")
    water.advance(60.0)
    flow = water.pump_flow_m3h[0]
    water.set_pump_failed("9", True)
    water.set_pump_failed("9", True)
    water.set_pump(0, True)
    events = water.advance(120.0)
    assert [(e.t_s, e.kind, e.element, e.cause, e.value) for e in events] == [
        (60.0, "pump_failed", "9", "breakdown", flow)
    ]
    assert not water.pump_running[0]
    assert water.pump_power_kw[0] == water.pump_efficiency[0] == 0.0
    water.set_pump_supply(0, False)
    water.set_pump_failed("9", False)
    assert [e.kind for e in water.advance(180.0)] == ["pump_lost", "pump_mended"]
    assert not water.pump_running[0]
    water.set_pump_supply(0, True)
    water.advance(240.0)
    assert water.pump_running[0]


def test_a_stuck_pump_ignores_orders_but_not_its_supply():
    water = Water("net1")
    water.set_stuck("9", True)
    water.set_pump(0, False)
    events = water.advance(60.0)
    assert [(e.kind, e.element, e.value, e.unit) for e in events] == [("stuck", "9", 1.0, "open")]
    assert water.pump_running[0]
    water.set_pump_supply(0, False)
    water.advance(120.0)
    assert not water.pump_running[0]
    water.set_pump_supply(0, True)
    water.set_stuck("9", False)
    water.advance(180.0)
    assert water.pump_running[0]
    water.set_pump(0, False)
    water.advance(240.0)
    assert not water.pump_running[0]


def test_a_stuck_valve_stays_as_it_is():
    water = Water("net3")
    link = water.layout.link_names.index("330")
    water.set_link_open("330", True)
    water.set_stuck("330", True)
    water.set_link_open("330", False)
    water.advance(60.0)
    assert abs(water.state.link_flow_m3h[link]) > 1.0
    water.set_stuck("330", False)
    water.set_link_open("330", False)
    water.advance(120.0)
    assert water.state.link_flow_m3h[link] == 0.0


def test_what_does_not_exist_cannot_fail():
    water = Water("net1")
    with pytest.raises(BadInput, match=r"leak node: '9'.*junction of Net1.inp"):
        water.set_leak("9", 1.0)
    with pytest.raises(BadInput, match=r"pump: '10'.*9"):
        water.set_pump_failed("10", True)
    with pytest.raises(BadInput, match=r"link: 'x'.*Net1.inp"):
        water.set_stuck("x", True)
    for bad in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="leak coefficient"):
            water.set_leak("22", bad)
    assert water.advance(60.0) == []
    assert np.isfinite(water.node_pressure_m).all()
