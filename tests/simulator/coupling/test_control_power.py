"""Batteries by hand."""

import numpy as np
import pytest

from simulator.coupling.control_power import Batteries

HOUR_S = 3600.0


def flags(*values):
    return np.array(values)


def test_each_station_works_as_long_as_its_battery():
    batteries = Batteries(np.array([8.0, 4.0, 0.0]), np.array([12.0, 12.0, 12.0]))
    assert batteries.advance(4.0, flags(False, False, False))
    assert batteries.alive.tolist() == [True, True, False]
    assert batteries.advance(4.0 * HOUR_S, flags(False, False, False))
    assert batteries.alive.tolist() == [True, False, False]
    assert batteries.advance(4.0 * HOUR_S, flags(False, False, False))
    assert not batteries.alive.any()
    assert not batteries.advance(4.0, flags(False, False, False))


def test_one_that_is_charged_works_at_once_and_recharges_at_its_rate():
    batteries = Batteries(np.array([8.0, 8.0]), np.array([16.0, 4.0]))
    batteries.advance(8.0 * HOUR_S, flags(False, False))
    assert batteries.advance(HOUR_S, flags(True, True))
    assert batteries.alive.all()
    assert batteries.charge_h.tolist() == pytest.approx([0.5, 2.0])
    # What was charged is what is left for the next time.
    batteries.advance(0.6 * HOUR_S, flags(False, False))
    assert batteries.alive.tolist() == [False, True]


def test_nothing_moves_in_calm():
    batteries = Batteries(np.array([8.0]), np.array([12.0]))
    before = batteries.charge_h
    assert not batteries.advance(100.0 * HOUR_S, flags(True))
    assert batteries.charge_h is before
