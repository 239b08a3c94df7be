from datetime import datetime

import numpy as np
import pytest

from simulator.nature import (
    CorrelatedNoise,
    ElectricDemand,
    WaterDemand,
    daily_shape,
)

WINTER_NOON = datetime(2026, 1, 12, 12, 0)


def test_shape_is_the_reliability_test_systems_table():
    assert daily_shape(WINTER_NOON, 0.0) == pytest.approx(0.95)
    assert daily_shape(WINTER_NOON, 5 * 3600.0) == pytest.approx(1.0)
    assert daily_shape(WINTER_NOON, 12 * 3600.0) == pytest.approx(0.67)
    assert daily_shape(datetime(2026, 7, 1, 4, 30), 0.0) == pytest.approx((0.56 + 0.58) / 2)
    assert daily_shape(datetime(2026, 7, 1, 7, 30), 0.0) == pytest.approx((0.76 + 0.87) / 2)


def test_noise_has_unit_variance_and_its_time_constant():
    noise = CorrelatedNoise(3, "demand", tuple(f"L{i}" for i in range(400)), 4.0)
    first = noise.at(0).copy()
    later = noise.at(150).copy()
    assert abs(first.std() - 1.0) < 0.1
    assert abs(later.std() - 1.0) < 0.1
    assert np.corrcoef(first, later)[0, 1] == pytest.approx(np.exp(-1.0), abs=0.1)


def test_demand_is_the_same_for_the_same_seed_and_keeps_power_factor():
    nominal = np.array([100.0, 50.0])
    args = (WINTER_NOON, ("a", "b"), nominal, nominal * 0.3, 0.9, 4.0)
    one, two = ElectricDemand(5, *args), ElectricDemand(5, *args)
    for step in (0, 10, 900):
        mw, mvar = one.at(step)
        np.testing.assert_array_equal(mw, two.at(step)[0])
        np.testing.assert_allclose(mvar, mw * 0.3)
        np.testing.assert_allclose(mw, 0.9 * nominal * daily_shape(WINTER_NOON, step * 4.0), rtol=0.08)


def test_water_demand_is_near_one_and_never_negative():
    factors = [WaterDemand(2, 60.0).at(step) for step in range(200)]
    assert min(factors) >= 0.0
    assert np.mean(factors) == pytest.approx(1.0, abs=0.05)
