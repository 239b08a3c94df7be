"""Relay times against closed forms, a slow integrating oracle and the plain-Python relays."""

import math

import numpy as np
import pytest

from simulator.grid.protection import CURVES, ProtectionSettings
from simulator.grid.relays import OverloadRelays, VoltageRelays, none_stirs
from tests.reference import grid_relays as oracle

NO_FAST = {"fast_pickup": 1e6}


def constant_trip_s(relays, loading, step_s):
    """When the relays trip at a constant loading, followed in steps."""
    t_s = 0.0
    while True:
        span = min(step_s, relays.measure(np.array([loading])))
        t_s += span
        if relays.advance(span):
            return t_s


def varying_trip_s(relays, loading, step_s, end_s=1e4):
    """When the relays trip if they measure ``loading(t)`` every step."""
    t_s = 0.0
    while t_s < end_s:
        span = min(step_s, relays.measure(np.array([loading(t_s + 0.5 * step_s)])))
        t_s += span
        if relays.advance(span):
            return t_s
    return math.inf


def test_curves_are_the_standards():
    assert CURVES == oracle.CURVES
    assert oracle.curve_s("ieee_extremely_inverse", 2.0) == pytest.approx(9.522, abs=1e-3)
    assert oracle.curve_s("ieee_very_inverse", 2.0) == pytest.approx(7.028, abs=1e-3)
    assert oracle.curve_s("ieee_moderately_inverse", 2.0) == pytest.approx(3.803, abs=1e-2)
    assert oracle.curve_s("iec_standard_inverse", 2.0) == pytest.approx(10.03, abs=1e-2)


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("multiple", [1.05, 1.3, 2.0, 5.0])
@pytest.mark.parametrize("step_s", [0.7, 1e9])
def test_constant_current(curve, multiple, step_s):
    settings = ProtectionSettings(overload_curve=curve, overload_multiplier=0.3, **NO_FAST)
    relays = OverloadRelays(1, settings)
    expected = oracle.curve_s(curve, multiple, 0.3)
    assert constant_trip_s(relays, multiple * 1.25, step_s) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("curve", ["iec_extremely_inverse", "iec_standard_inverse", "ieee_very_inverse"])
@pytest.mark.parametrize("swing", [0.3, 0.9])
def test_varying_current_integrates_and_resets(curve, swing):
    settings = ProtectionSettings(overload_curve=curve, overload_multiplier=0.5, **NO_FAST)

    def multiple(t_s):
        return 1.35 + swing * math.sin(2.0 * math.pi * t_s / 13.0)

    expected = oracle.trip_time_s(curve, multiple, 0.5, 29.1)
    found = varying_trip_s(OverloadRelays(1, settings), lambda t: 1.25 * multiple(t), 0.05)
    assert found == pytest.approx(expected, rel=0.01)


def test_reset_takes_as_long_as_the_standard_says():
    relays = OverloadRelays(1, ProtectionSettings(**NO_FAST))
    relays.progress[0] = 1.0 - 1e-6
    relays.measure(np.array([0.0]))
    relays.advance(29.0)
    assert relays.progress[0] > 0.0
    relays.advance(0.2)
    assert relays.progress[0] == 0.0
    relays.progress[0] = 0.5
    relays.measure(np.array([0.625]))  # half of pickup: slower by 1 - 0.25
    relays.advance(29.1 / 4.0)
    assert relays.progress[0] == pytest.approx(0.5 - 0.75 / 4.0)


def test_reset_at_once_where_the_reset_time_is_zero():
    relays = OverloadRelays(1, ProtectionSettings(overload_reset_s=0.0, **NO_FAST))
    relays.progress[0] = 0.9
    relays.measure(np.array([1.0]))
    relays.advance(0.0)
    assert relays.progress[0] == 0.9
    relays.advance(1e-3)
    assert relays.progress[0] == 0.0


def test_fast_element_needs_one_and_a_half_for_fifteen_seconds():
    settings = ProtectionSettings(overload_multiplier=1e6)
    relays = OverloadRelays(3, settings)
    assert relays.measure(np.array([1.49, 1.51, 5.0])) == pytest.approx(15.0)
    assert not relays.advance(14.9)
    relays.measure(np.array([1.49, 1.4, 5.0]))
    assert relays.advance(0.1)
    assert relays.trips.tolist() == [False, False, True]
    assert relays.measure(np.array([1.49, 1.51, 0.0])) == pytest.approx(15.0), (
        "a drop-out starts the time anew"
    )


def test_just_above_pickup_takes_for_ever():
    for curve in CURVES:
        relays = OverloadRelays(1, ProtectionSettings(overload_curve=curve, overload_pickup=1.0, **NO_FAST))
        assert relays.measure(np.array([1.0 + 2.3e-16])) > 1e3
        assert not relays.advance(1.0)


def test_gain_is_what_the_relay_measures():
    relays = OverloadRelays(2, ProtectionSettings(**NO_FAST))
    relays.gain[:] = 1.0, 2.5
    assert relays.measure(np.array([1.0, 1.0])) == pytest.approx(oracle.curve_s("iec_extremely_inverse", 2.0))


@pytest.mark.parametrize("seed", range(8))
def test_overload_kernels_equal_the_oracle(seed):
    rng = np.random.default_rng(seed)
    curve = list(CURVES)[seed % len(CURVES)]
    settings = ProtectionSettings(overload_curve=curve, overload_multiplier=0.4)
    relays = OverloadRelays(40, settings)
    slow = [oracle.Overload(curve, 0.4, 1.25, 29.1, 1.5, 15.0, 0.0, 0.0) for _ in range(40)]
    for _ in range(60):
        loading = rng.choice([0.0, 0.9, 1.25, 1.3, 1.5, 1.55, 2.4], 40) * rng.choice([1.0, 1.01], 40)
        times = [one.time_to_trip(x) for one, x in zip(slow, loading, strict=True)]
        assert relays.measure(loading) == pytest.approx(min(times), rel=1e-9, abs=1e-9)
        span = min(times) if rng.random() < 0.5 and math.isfinite(min(times)) else rng.uniform(0.0, 4.0)
        acts = [one.advance(x, span) for one, x in zip(slow, loading, strict=True)]
        assert relays.advance(span) == any(acts)
        assert relays.trips.tolist() == acts
        np.testing.assert_allclose(relays.progress, [one.progress for one in slow], atol=1e-12)
        for i in np.flatnonzero(relays.trips):
            relays.reset(int(i))
            slow[i].progress = slow[i].fast_s = 0.0


@pytest.mark.parametrize("seed", range(4))
def test_voltage_relays_equal_the_oracle(seed):
    rng = np.random.default_rng(seed)
    low = ((0.45, 0.15), (0.65, 0.3), (0.75, 2.0), (0.9, 3.0))
    high = ((1.2, 0.0), (1.175, 0.2), (1.15, 0.5), (1.1, 1.0))
    base = rng.choice([1.0, 1.05], 30)
    relays = VoltageRelays(np.arange(30), low, high, base)
    stages = [oracle.voltage_stages(low, high, float(b)) for b in base]
    timers = [[0.0] * 8 for _ in range(30)]
    for _ in range(80):
        seen = rng.choice([0.3, 0.45, 0.6, 0.85, 0.9, 1.0, 1.0, 1.12, 1.16, 1.18, 1.3], 30)
        relays.in_service[:] = rng.random(30) < 0.9
        given = np.where(relays.in_service, seen, np.nan)
        plain = [(float(x), t, s) for x, t, s in zip(given, timers, stages, strict=True)]
        expected = min(oracle.voltage_time_to_act(*one) for one in plain)
        assert relays.measure(seen) == pytest.approx(expected)
        span = expected if rng.random() < 0.5 and math.isfinite(expected) else rng.uniform(0.0, 0.4)
        results = [oracle.voltage_advance(*one, span) for one in plain]
        assert relays.advance(span) == any(acts for _, acts in results)
        assert relays.acts.tolist() == [acts for _, acts in results]
        relays.restart(relays.acts)
        timers = [[0.0] * 8 if acts else after for after, acts in results]


@pytest.mark.parametrize("gain", [1.0, 0.97, 1.03])
def test_resting_relays_pick_up_exactly_at_their_limits(gain):
    """The short way of relays at rest sees what the stages see, to the last bit of the voltage or current."""
    low, high, base = ((0.75, 2.0), (0.9, 3.0)), ((1.2, 0.0), (1.1, 1.0)), 1.05
    stages = oracle.voltage_stages(low, high, base)
    picked_up = 0
    for limit in (0.9, 1.1 * base):
        edge = limit / gain
        for steps in range(-4, 5):
            seen = edge * (1.0 + steps * 2.0**-52)
            relays = VoltageRelays(np.zeros(1, dtype=np.int64), low, high, np.array([base]))
            relays.gain[0] = gain
            expected = oracle.voltage_time_to_act(seen * gain, [0.0] * 4, stages)
            resting = VoltageRelays(np.zeros(1, dtype=np.int64), ((0.1, 1.0),))
            overload = OverloadRelays(1, ProtectionSettings(overload_pickup=limit, fast_pickup=2.0))
            overload.gain[0] = gain
            true, fine = np.array([seen]), np.ones(1)
            for pair in ((relays, resting), (resting, relays)):
                assert none_stirs(overload, *pair, np.zeros(1), true) == math.isinf(expected)
            assert none_stirs(overload, resting, resting, true, fine) == (seen * gain <= limit)
            assert relays.measure(true) == expected
            assert none_stirs(overload, relays, resting, np.zeros(1), true) == math.isinf(expected)
            picked_up += math.isfinite(expected)
            overload.measure(np.array([seen]))
            overload.advance(1e9)
            assert (overload.progress[0] > 0.0) == (seen * gain > limit)
    assert 0 < picked_up < 18


def test_varying_current_worked_by_hand():
    """C37.112: the integral of dt / t(I) reaches 1. IEEE very inverse, multiplier 1: 7.028 s at 2, 1.307 s
    at 5 times pickup. After 3 s at 2 times, 3 / 7.028 = 42.7 % is done; the rest takes 0.573 x 1.308 s."""
    settings = ProtectionSettings(overload_curve="ieee_very_inverse", overload_pickup=1.0, **NO_FAST)
    relays = OverloadRelays(1, settings)
    relays.measure(np.array([2.0]))
    assert not relays.advance(3.0)
    expected_s = (1.0 - 3.0 / 7.0277) * (19.61 / 24.0 + 0.491)
    assert relays.measure(np.array([5.0])) == pytest.approx(expected_s, rel=1e-4)
    # A pause at half the pickup turns the disk back: 0.75 / 29.1 of the travel a second.
    relays.measure(np.array([0.5]))
    relays.advance(5.0)
    left = 1.0 - 3.0 / 7.0277 + 5.0 * 0.75 / 29.1
    assert relays.measure(np.array([2.0])) == pytest.approx(left * 7.0277, rel=1e-4)


PUBLISHED_S = [
    ("iec_standard_inverse", 2.0, 10.03),
    ("iec_standard_inverse", 10.0, 2.97),
    ("iec_very_inverse", 2.0, 13.5),
    ("iec_very_inverse", 10.0, 1.5),
    ("iec_extremely_inverse", 2.0, 26.67),
    ("iec_extremely_inverse", 10.0, 0.808),
    ("iec_long_time_inverse", 2.0, 120.0),
    ("iec_long_time_inverse", 10.0, 13.33),
    ("ieee_moderately_inverse", 2.0, 3.803),
    ("ieee_very_inverse", 2.0, 7.028),
    ("ieee_extremely_inverse", 2.0, 9.522),
]


@pytest.mark.parametrize(("curve", "multiple", "expected_s"), PUBLISHED_S)
def test_published_times(curve, multiple, expected_s):
    settings = ProtectionSettings(overload_curve=curve, overload_pickup=1.25, **NO_FAST)
    found = constant_trip_s(OverloadRelays(1, settings), multiple * 1.25, 0.7)
    assert found == pytest.approx(expected_s, rel=0.002)
