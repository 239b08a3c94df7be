import numpy as np
import pytest

from simulator.water.storage import EMPTY_MARGIN_M, Storage
from simulator.water.tanks import TankShape, equivalent_area_m2, level_m, volume_m3

CYLINDER = TankShape(1.0, 5.0, np.array([1.0, 5.0]), np.array([100.0, 500.0]))
CONE = TankShape(0.0, 4.0, np.array([0.0, 2.0, 4.0]), np.array([0.0, 20.0, 120.0]))


def test_level_and_volume_are_inverse_by_hand():
    assert volume_m3(CYLINDER, 3.0) == 300.0
    assert level_m(CYLINDER, 300.0) == 3.0
    assert volume_m3(CONE, 3.0) == 70.0
    assert level_m(CONE, 10.0) == 1.0
    assert equivalent_area_m2(CYLINDER) == 100.0
    assert equivalent_area_m2(CONE) == 50.0


def test_limits_are_reached_at_their_own_time():
    storage = Storage([CYLINDER, CYLINDER], np.array([2.0, 4.0]))
    inflow = np.array([-50.0, 200.0])
    assert storage.horizon_s(inflow) == pytest.approx(1800.0)
    assert storage.move(inflow, 1800.0) == ([], [1])
    assert storage.level_m.tolist() == [1.75, 5.0]
    assert storage.horizon_s(inflow) == pytest.approx((75.0 - 100.0 * EMPTY_MARGIN_M) / 50.0 * 3600.0)
    assert storage.move(inflow, 1800.0) == ([], [])
    assert storage.overflow_m3.tolist() == [0.0, 100.0]
    assert storage.move(inflow, storage.horizon_s(inflow)) == ([0], [])
    assert storage.dry.tolist() == [True, False]
    assert storage.level_m[0] == pytest.approx(1.0 + EMPTY_MARGIN_M)


def test_a_limit_is_reported_again_only_after_leaving_it():
    storage = Storage([CYLINDER], np.array([5.0]))
    assert storage.move(np.array([10.0]), 60.0) == ([], [])
    storage.move(np.array([-1.0]), 60.0)
    assert storage.move(np.array([60.0]), 60.0) == ([], [])
    storage.move(np.array([-60.0]), 3600.0)
    assert storage.move(np.array([60.0]), 3600.0) == ([], [0])


def test_a_dry_tank_has_no_horizon():
    storage = Storage([CYLINDER], np.array([1.0]))
    assert storage.dry.tolist() == [True]
    assert storage.horizon_s(np.array([-10.0])) == np.inf
