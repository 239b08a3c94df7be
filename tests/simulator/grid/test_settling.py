"""Governors after a loss of load, worked by hand, and what they mean where no operating point exists."""

import numpy as np
import pytest

from simulator.grid.settling import Governors, settle
from tests.simulator.grid.driving import NO_RELAYS
from tests.simulator.grid.test_field_forcing import two_corridors_out

UNITS = Governors(
    power_mw=np.array([500.0, 300.0, 100.0, 80.0]),
    low_mw=np.array([0.0, 250.0, 0.0, 0.0]),
    droop_mw_per_hz=np.array([300.0, 200.0, 0.0, 100.0]),
    damping_per_hz=1.0 / 60.0,
)
# A dispatch of case 39 at 0.9 of nominal load, cheapest first: much power flows from east to west.
EAST_TO_WEST_MW = np.array([303.0, 643.0, 721.0, 650.0, 507.0, 684.0, 577.0, 562.0, 861.0, 175.0])
HERE = np.array([True, True, True, False])


def test_units_give_up_power_by_droop_and_load_grows():
    """102 MW = (300 + 200 + 600 / 60) df: df = 0.2 Hz; the third has no governor, the last is elsewhere."""
    power, rise_hz = settle(UNITS, HERE, 102.0, 600.0)
    assert rise_hz == pytest.approx(0.2)
    np.testing.assert_allclose(power, [440.0, 260.0, 100.0, 80.0])


def test_a_unit_stays_at_its_minimum():
    """The second gives its 50 MW, the first and the load the other 155 MW at 155 / 310 Hz."""
    power, rise_hz = settle(UNITS, HERE, 205.0, 600.0)
    assert rise_hz == pytest.approx(0.5)
    np.testing.assert_allclose(power, [350.0, 250.0, 100.0, 80.0])


def test_what_no_unit_can_give_up_is_left():
    power, _ = settle(UNITS, HERE, 5000.0, 600.0)
    np.testing.assert_allclose(power, [0.0, 250.0, 100.0, 80.0])


def test_nothing_lost_changes_nothing():
    power, rise_hz = settle(UNITS, HERE, 0.0, 600.0)
    assert rise_hz == 0.0
    assert (power == UNITS.power_mw).all()


def test_what_is_shed_relieves_the_corridor():
    """Left to the rotors, shed load would go to G39, whose inertia is that of a neighbouring system, over the
    same corridor: no shedding would help, and the whole grid would be given up."""
    case, grid = two_corridors_out(NO_RELAYS, 0.9, EAST_TO_WEST_MW)
    grid.advance(33.0)
    before_hz = grid.bus_frequency_hz.max()
    events = grid.advance(36.0)
    shed = [e for e in events if e.kind == "load_shed"]
    assert {e.cause for e in shed} == {"uvls"}
    assert grid.bus_energised.all()
    assert 0.0 < grid.load_shed_mw.sum() < 0.1 * grid.load_demand_mw.sum()
    assert grid.bus_frequency_hz.max() > before_hz
    assert (grid.unit_reactive_mvar <= case.unit_q_max_mvar + 1.0).all()
