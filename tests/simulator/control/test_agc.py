import numpy as np
import pytest

from simulator.control.agc import Agc

P_MAX = np.array([300.0, 100.0])
BASE = np.array([150.0, 50.0])


def test_low_frequency_raises_output_by_headroom():
    power = Agc(P_MAX, 400.0, 60.0).correct(BASE, 59.9, 4.0)
    raised = power - BASE
    assert raised.sum() > 0.0
    assert raised[0] == pytest.approx(3.0 * raised[1])


def test_it_restores_frequency_of_a_simple_area():
    """Area with 800 MW/Hz of droop and damping, 20 MW short: the integral must take it over."""
    agc, frequency = Agc(P_MAX, 800.0, 60.0), 60.0
    for _ in range(400):
        power = agc.correct(BASE, frequency, 4.0)
        shortage = 20.0 - (power - BASE).sum()
        frequency = 60.0 - shortage / 800.0
    assert frequency == pytest.approx(60.0, abs=1e-3)


def test_missing_frequency_holds_the_regulation():
    agc = Agc(P_MAX, 400.0, 60.0)
    agc.correct(BASE, 59.9, 4.0)
    held = agc.correct(BASE, float("nan"), 4.0)
    np.testing.assert_array_equal(held, agc.correct(BASE, float("nan"), 4.0))
    assert held.sum() > BASE.sum()


def test_redispatch_takes_over_what_it_covers():
    agc = Agc(P_MAX, 400.0, 60.0)
    for _ in range(20):
        before = agc.correct(BASE, 59.98, 4.0)
    moved = BASE + (before - BASE)
    agc.absorb(float((moved - BASE).sum()))
    after = agc.correct(moved, 60.0, 4.0)
    assert abs(after.sum() - before.sum()) < 0.3 * (before - BASE).sum()


def test_redispatch_does_not_take_over_what_governors_give():
    """Base points that rise to cover what governors hold leave no regulation downwards behind."""
    agc = Agc(P_MAX, 400.0, 60.0)
    agc.correct(BASE, 59.98, 4.0)
    assert agc.integral_mw > 0.0
    agc.absorb(500.0)
    assert agc.integral_mw == 0.0
    agc.absorb(500.0)
    assert agc.integral_mw == 0.0


def test_set_points_stay_within_capacity():
    agc = Agc(P_MAX, 400.0, 60.0)
    for _ in range(500):
        power = agc.correct(np.array([299.0, 99.0]), 59.0, 4.0)
    assert (power <= P_MAX).all()


def test_no_set_point_moves_faster_than_its_unit_ramps():
    agc = Agc(P_MAX, 4000.0, 60.0, ramp_mw_per_s=np.array([0.5, 0.2]))
    last = BASE
    for _ in range(10):
        power = agc.correct(BASE, 59.5, 4.0, last_mw=last)
        assert (np.abs(power - last) <= np.array([2.0, 0.8]) + 1e-9).all()
        last = power


def test_what_units_cannot_follow_is_not_integrated():
    """At capacity for ten minutes of low frequency: with frequency back, set-points leave it
    at once."""
    agc = Agc(P_MAX, 400.0, 60.0)
    full = np.array([299.0, 99.5])
    for _ in range(150):
        agc.correct(full, 59.8, 4.0)
    assert agc.integral_mw <= 2.0
    assert (agc.correct(full, 60.1, 4.0) < full).all()


def test_regulation_downwards_leaves_units_at_their_minimum():
    agc = Agc(P_MAX, 400.0, 60.0, p_min_mw=np.array([150.0, 20.0]))
    for _ in range(100):
        power = agc.correct(BASE, 60.3, 4.0)
    assert power[0] == 150.0
    assert 20.0 <= power[1] < 50.0


def test_capacity_participation_shares_by_capacity():
    power = Agc(P_MAX, 400.0, 60.0, by_headroom=False).correct(np.array([290.0, 10.0]), 59.99, 4.0)
    raised = power - np.array([290.0, 10.0])
    assert raised[0] == pytest.approx(3.0 * raised[1])


def test_a_unit_that_is_off_gets_nothing():
    power = Agc(P_MAX, 400.0, 60.0).correct(np.array([0.0, 50.0]), 59.9, 4.0, 0.0, np.array([0.0, 100.0]))
    assert power[0] == 0.0
    assert power[1] > 50.0
