import numpy as np
import pytest

from simulator import instruments
from simulator.instruments import CONTACT, CONVERTER_STEPS, POWER, Accuracy, Instruments

NAMES = ("flow", "switch")
LOW, HIGH = np.array([-200.0, 0.0]), np.array([200.0, 1.0])


def make(seed=1, accuracies=(POWER, CONTACT)):
    return Instruments(seed, NAMES, accuracies, LOW, HIGH)


def test_noise_is_what_the_accuracy_says():
    meter = make()
    true = np.array([100.0, 1.0])
    measured = np.array([meter.measure(true, step) for step in range(4000)])
    error = measured[:, 0] - 100.0
    assert np.nanmean(error) == pytest.approx(0.0, abs=0.05)
    assert np.nanstd(error) == pytest.approx(0.007 * 100.0 + 0.05, rel=0.05)
    assert set(measured[:, 1]) == {1.0}


def test_values_are_quantised_and_saturate():
    meter = make(accuracies=(Accuracy(0.0, 0.0), CONTACT))
    step = 400.0 / CONVERTER_STEPS
    value = meter.measure(np.array([12.3456789, 0.0]), 0)[0]
    assert abs(value - 12.3456789) <= step / 2
    assert (value - LOW[0]) / step == pytest.approx(round((value - LOW[0]) / step))
    assert meter.measure(np.array([1e9, 0.0]), 0)[0] == 200.0


def test_dropouts_come_at_their_rate_and_do_not_shift_the_noise(monkeypatch):
    true = np.array([100.0, 1.0])
    meter = make()
    clean = np.array([meter.measure(true, step) for step in range(2000)])
    monkeypatch.setattr(instruments, "DROPOUT_PROBABILITY", 0.1)
    meter = make()
    holed = np.array([meter.measure(true, step) for step in range(2000)])
    missing = np.isnan(holed)
    assert missing.mean() == pytest.approx(0.1, abs=0.02)
    np.testing.assert_array_equal(holed[~missing], clean[~missing])
