"""Instruments: what belongs to the device, what drifts, what is noise; gaps, old samples and faults."""

import numpy as np
import pytest

from simulator import instrument_gaps
from simulator.instrument_gaps import Gaps
from simulator.instrument_kernels import read_out
from simulator.instruments import CONTACT, CONVERTER_STEPS, LEVEL, POWER, Accuracy, Instruments
from simulator.station_clocks import NTP_ERROR_S, sample_age_s
from streams.plant_model import Tag

NAMES = ("flow", "switch")
LOW, HIGH = np.array([-200.0, 0.0]), np.array([200.0, 1.0])
TRUE = np.array([100.0, 1.0])
SIGMA = 0.007 * 100.0 + 0.05


def make(seed=1, accuracies=(POWER, CONTACT), samples=20_000, late_s=None):
    return Instruments(seed, NAMES, accuracies, LOW, HIGH, 4.0, samples, late_s)


def many(count, accuracy=POWER, seed=1, true=100.0, steps=(0,), reach=200.0):
    """(steps, count) readings of as many devices that all see ``true``."""
    names = tuple(f"meter{i}" for i in range(count))
    low, high = np.full(count, -reach), np.full(count, reach)
    meter = Instruments(seed, names, (accuracy,) * count, low, high, 4.0, 10)
    return np.array([meter.measure(np.full(count, true), step) for step in steps])


def test_the_whole_error_has_the_variance_of_the_class():
    error = many(4000)[0] - 100.0
    # Scale error and bias of the device are drawn apart; drift and noise go with one sigma of the whole.
    expected = np.sqrt(0.5 * (0.7**2 + 0.05**2) + 0.5 * SIGMA**2)
    assert np.sqrt(np.mean(error**2)) == pytest.approx(expected, rel=0.03)
    assert expected < SIGMA
    small = many(4000, true=0.0)[0]
    assert np.sqrt(np.mean(small**2)) == pytest.approx(0.05, rel=0.03)
    assert many(4000, LEVEL, true=3.0, reach=5.0)[0].std() == pytest.approx(0.003, rel=0.03)


def test_half_of_the_variance_belongs_to_the_device_and_is_bounded_by_its_class():
    names = tuple(f"meter{i}" for i in range(2000))
    meter = Instruments(1, names, (POWER,) * 2000, np.full(2000, -200.0), np.full(2000, 200.0), 4.0, 10)
    device = 100.0 * (meter._device_gain - 1.0)
    assert device.std() == pytest.approx(np.sqrt(0.5) * 0.7, rel=0.03)
    # Three devices of class 0.5 in root sum of squares; uniform within it (kurtosis 1.8).
    assert 0.85 < np.abs(device).max() < 0.5 * np.sqrt(3.0)
    assert np.mean(device**4) / np.mean(device**2) ** 2 == pytest.approx(1.8, abs=0.05)
    shown = np.mean([many(2000, seed=seed, steps=range(100)) for seed in range(4)], axis=(0, 1)) - 100.0
    assert np.corrcoef(device, shown)[0, 1] > 0.95


def test_noise_is_white_and_about_the_devices_own_error():
    meter = make()
    measured = np.array([meter.measure(TRUE, step) for step in range(900)])  # one hour
    error = measured[:, 0] - 100.0
    assert error.std() == pytest.approx(np.sqrt(0.45) * SIGMA, rel=0.08)
    assert np.corrcoef(error[1:], error[:-1])[0, 1] == pytest.approx(0.0, abs=0.1)
    assert set(measured[:, 1]) == {1.0}


def test_drift_is_slow_and_small():
    days = range(0, 30 * 21_600, 5400)
    spread = many(400, steps=days)
    hourly = spread - spread.mean(axis=0)
    # 30 days hold about 30 independent drifts; their part of the variance comes on top of the white one.
    ratio = hourly.var() / (0.45 * (0.7 + 0.05) ** 2)
    assert ratio == pytest.approx(1.0 + 0.05 / 0.45, abs=0.03)


def test_values_are_quantised_and_saturate():
    meter = make(accuracies=(Accuracy(0.0, 0.0), CONTACT))
    step = 400.0 / CONVERTER_STEPS
    value = meter.measure(np.array([12.3456789, 0.0]), 0)[0]
    assert abs(value - 12.3456789) <= step / 2
    assert (value - LOW[0]) / step == pytest.approx(round((value - LOW[0]) / step))
    assert meter.measure(np.array([1e9, 0.0]), 1)[0] == 200.0


def test_a_sample_is_as_old_as_the_stations_clock_is_late():
    exact = (Accuracy(0.0, 0.0), CONTACT)
    meter = make(accuracies=exact, late_s=np.array([1.0, 1.0]))
    assert meter.measure(np.array([100.0, 1.0]), 0)[0] == pytest.approx(100.0, abs=0.01)
    moved = meter.measure(np.array([60.0, 0.0]), 1)
    assert moved[0] == pytest.approx(70.0, abs=0.01)  # a quarter of the scan ago
    assert moved[1] == 0.0
    np.testing.assert_array_equal(meter.measure(np.array([60.0, 0.0]), 1), moved)
    assert meter.measure(np.array([60.0, 0.0]), 2)[0] == pytest.approx(60.0, abs=0.01)


def test_clocks_belong_to_stations():
    def tag(station, name, protected=False):
        return Tag(f"{station}/{name}", station, f"{station}>SCADA", "MW", 0.0, 1.0, protected, 4.0)

    tags = [tag(f"S{i}", name) for i in range(200) for name in ("a", "b")] + [tag("PDC", "c", True)]
    age = sample_age_s(tags)
    assert age[-1] == 0.0
    np.testing.assert_array_equal(age[0:400:2], age[1:400:2])
    assert len(set(age)) == 201
    assert age[:400].min() >= 0.0
    assert age[:400].max() <= NTP_ERROR_S
    assert age[:400].mean() == pytest.approx(NTP_ERROR_S / 2, rel=0.15)
    np.testing.assert_array_equal(sample_age_s(tags[:10]), age[:10])


def test_gaps_come_at_their_rate_in_bursts(monkeypatch):
    monkeypatch.setattr(instrument_gaps, "LOST_SHARE", 0.01)
    gaps = Gaps(1, tuple(f"t{i}" for i in range(100)), 5000)
    missing = np.zeros((5000, 100), dtype=bool)
    for step in range(5000):
        found = gaps.at(step)
        if found is not None:
            missing[step] = found
    assert missing.mean() == pytest.approx(0.01, rel=0.1)
    starts = missing[1:] & ~missing[:-1]
    assert missing.sum() / starts.sum() == pytest.approx(3.0, rel=0.1)


def test_gaps_do_not_shift_the_noise(monkeypatch):
    meter = make()
    clean = np.array([meter.measure(TRUE, step) for step in range(2000)])
    assert not np.isnan(clean).any()
    monkeypatch.setattr(instrument_gaps, "LOST_SHARE", 0.1)
    meter = make(samples=2000)
    holed = np.array([meter.measure(TRUE, step) for step in range(2000)])
    missing = np.isnan(holed)
    assert 0.05 < missing.mean() < 0.2
    np.testing.assert_array_equal(holed[~missing], clean[~missing])


def test_devices_are_the_same_in_every_run_and_in_every_plant():
    mean = [np.mean([many(50, seed=s, steps=range(200))], axis=(0, 1)) for s in (1, 2)]
    assert np.corrcoef(mean[0], mean[1])[0, 1] > 0.9
    assert not np.array_equal(many(50, seed=1), many(50, seed=2))
    np.testing.assert_array_equal(many(50)[0], many(80)[0][:50])


def test_faults_of_an_instrument():
    exact = (Accuracy(0.0, 0.0), CONTACT)
    meter = make(accuracies=exact)

    def shown(true, step):
        return meter.measure(np.array([true, 1.0]), step)[0]

    assert shown(10.0, 0) == pytest.approx(10.0, abs=0.01)
    meter.set_fault(0, "stuck", [(0.0, 0.0)])
    assert shown(50.0, 1) == pytest.approx(10.0, abs=0.01)
    meter.set_fault(0, "stuck", [])
    assert shown(50.0, 2) == pytest.approx(50.0, abs=0.01)
    meter.set_fault(0, "bias", [(8.0, 5.0), (8.0, -2.0)])
    assert shown(50.0, 3) == pytest.approx(53.0, abs=0.01)
    meter.set_fault(0, "bias", [])
    meter.set_fault(0, "scale", [(8.0, 1.5)])
    assert shown(50.0, 4) == pytest.approx(75.0, abs=0.01)
    assert shown(190.0, 5) == 200.0
    meter.set_fault(0, "scale", [])
    meter.set_fault(0, "drift", [(20.0, 36.0)])  # 0.01 a second
    assert shown(50.0, 15) == pytest.approx(50.4, abs=0.01)
    meter.set_fault(0, "drift", [])
    meter.set_fault(0, "dropout", [(60.0, 0.0)])
    assert np.isnan(shown(50.0, 16))
    meter.set_fault(0, "dropout", [])
    assert shown(50.0, 17) == pytest.approx(50.0, abs=0.01)
    assert meter.measure(np.array([50.0, 0.0]), 18)[1] == 0.0


def test_the_kernel_is_its_formula():
    luck = np.random.Generator(np.random.Philox(key=1))
    true, before = luck.normal(0.0, 100.0, (2, 50))
    slots = np.flatnonzero(luck.random(50) < 0.9)
    count = len(slots)
    noise, offset = luck.normal(0.0, 100.0, (2, count))
    late, share, absolute = luck.uniform(0.0, 0.2, (3, count))
    gain, step = luck.uniform(0.9, 1.1, count), luck.uniform(0.001, 0.5, count)
    low, high = np.full(count, -150.0), np.full(count, 150.0)
    out = true.copy()
    device = np.array([late, gain, offset, share, absolute, low, high, step])
    read_out(true, before, slots, device, noise, out)
    for i, slot in enumerate(slots):
        seen = (1.0 - late[i]) * true[slot] + late[i] * before[slot]
        value = gain[i] * seen + offset[i] + (share[i] * abs(seen) + absolute[i]) * noise[i]
        steps = round((value - low[i]) / step[i])
        expected = min(max(low[i] + steps * step[i], low[i]), high[i])
        assert out[slot] == pytest.approx(expected, rel=1e-9, abs=1e-9)
    untouched = np.setdiff1d(np.arange(50), slots)
    assert untouched.size
    np.testing.assert_array_equal(out[untouched], true[untouched])
    assert (out[slots] == high).any()
