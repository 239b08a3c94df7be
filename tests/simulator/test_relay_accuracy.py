"""Relays act on what their own instruments show: fixed errors within the class of the device."""

import numpy as np
import pytest

from simulator.grid.case import load_case
from simulator.relay_accuracy import CURRENT_ERROR, FREQUENCY_ERROR_HZ, VOLTAGE_ERROR, fit_relays
from tests.simulator.grid.driving import only, start


@pytest.fixture
def fitted():
    case = load_case("ieee39")
    grid = start(case, as_published=True)
    fit_relays(grid, case)
    return grid, case


def test_errors_are_spread_over_the_class_and_stay_in_it(fitted):
    grid, case = fitted
    gains = {
        CURRENT_ERROR: (grid._overload.gain,),
        VOLTAGE_ERROR: (grid._uvls.gain, grid._unit_voltage.gain),
        FREQUENCY_ERROR_HZ / 60.0: (grid._dynamics.loads.gain, grid._dynamics.relays.gain),
    }
    for half_width, fields in gains.items():
        for gain in fields:
            assert np.abs(gain - 1.0).max() <= half_width
            assert np.ptp(gain) > half_width
            assert np.unique(gain).size == gain.size
    assert grid._overload.gain.size == len(case.branch_name)


def test_every_plant_of_a_network_has_the_same_relays(fitted):
    grid, case = fitted
    other = start(case, as_published=True)
    fit_relays(other, case)
    assert (other._overload.gain == grid._overload.gain).all()


def test_a_relay_that_reads_high_trips_first():
    """Two parallel circuits of one loading: which trips first is its instrument's doing."""
    case = load_case("ieee118")
    grid = start(case, only(overload_pickup=0.1, overload_multiplier=0.001, fast_pickup=1e6))
    pair = [case.branch_index("42-49#1"), case.branch_index("42-49#2")]
    ones = np.ones(len(case.branch_name))
    gain = np.full(len(ones), 1e-3)
    gain[pair] = 1.0, 1.01
    loads, units = np.ones(len(case.load_bus)), np.ones(len(case.unit_name))
    grid.fit_relays(gain, loads, units, loads, units)
    trips = [event for event in grid.advance(120.0) if event.kind == "line_trip"]
    assert trips[0].element == "42-49#2"
