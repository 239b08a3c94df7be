import numpy as np

from detectors.features import Calibration
from detectors.perturbation import Perturbation
from detectors.water_features import WaterFeatures

from .synthetic import plant


def balanced_window(features: WaterFeatures) -> np.ndarray:
    """Levels that follow their inflow exactly (trapezoid), shape (samples, columns)."""
    ix = features.index
    n = len(ix.tanks)
    inflow = np.random.default_rng(0).uniform(-200, 200, (ix.samples, n))
    rise = (inflow[1:] + inflow[:-1]) / 2 * ix.period_s / 3600 / ix.area_m2
    level = 3.0 + np.vstack([np.zeros(n), np.cumsum(rise, axis=0)])
    return np.hstack([level, inflow])


def test_rows_vanish_where_volume_is_conserved() -> None:
    features = WaterFeatures(plant())
    window = balanced_window(features)
    assert np.abs(features.raw @ window.reshape(-1)).max() < 1e-12


def test_a_held_level_leaves_the_balance_by_the_water_that_flowed() -> None:
    features = WaterFeatures(plant())
    ix = features.index
    n = len(ix.tanks)
    window = balanced_window(features)
    window[:, n:] = 30.0
    window[:, :n] = 2.0
    hours = np.array(ix.lags) * ix.period_s / 3600
    shown = (features.raw @ window.reshape(-1)).reshape(n, -1)
    assert np.allclose(shown, -30.0 * hours / ix.area_m2[:, None])


def test_reach_is_two_eps_per_row_and_none_from_the_protected_inflow() -> None:
    features = WaterFeatures(plant())
    ix = features.index
    eps = Perturbation(0.01).half_widths(ix.names, ix.low, ix.high, ix.protected)
    reach = np.abs(features.raw) @ np.tile(eps, ix.samples)
    span = (ix.high - ix.low)[: len(ix.tanks)]
    assert np.allclose(reach.reshape(len(ix.tanks), -1), 2 * 0.01 * span[:, None])


def test_area_error_is_calibrated_away() -> None:
    features = WaterFeatures(plant())
    ix, rng = features.index, np.random.default_rng(1)
    n = len(ix.tanks)
    windows = []
    for _ in range(60):
        inflow = rng.uniform(-200, 200) + rng.uniform(-50, 50, (ix.samples, n))
        rise = (inflow[1:] + inflow[:-1]) / 2 * ix.period_s / 3600 / (1.05 * ix.area_m2)
        level = 3.0 + np.vstack([np.zeros(n), np.cumsum(rise, axis=0)])
        windows.append(np.hstack([level, inflow]).reshape(-1))
    data = np.array(windows)
    calibration: Calibration = features.calibrate(data)
    left = features.rows(calibration).features(data) * calibration.sigma
    assert np.abs(left).max() < 1e-6
