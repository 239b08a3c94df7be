"""Demand: the system's shape, the customers behind it, season and temperature, noise."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from simulator.draws import Draws
from simulator.grid.case import load_case
from simulator.nature.customers import CLASSES, SHARES, Profiles, class_mix
from simulator.nature.demand import (
    COMMON_NOISE_SHARE,
    LOCAL_NOISE_SHARE,
    NOISE_TIME_CONSTANT_S,
    ElectricDemand,
    WaterDemand,
    temperature_response,
    water_season,
)
from simulator.nature.noise import CorrelatedNoise
from simulator.nature.rts_load import share_of_peak
from simulator.nature.weather import Weather
from streams.errors import BadInput

CASE = load_case("ieee118")
NOON = datetime(2025, 7, 15, 12)
BUSES = tuple(CASE.bus_name[b] for b in CASE.load_bus)


def demand(start=NOON, seed=1, weather=None, scale=1.0, classes=None, case=CASE, scan_s=4.0):
    return ElectricDemand(seed, start, case, scale, scan_s, classes or {}, weather)


def test_noise_has_unit_variance_and_its_time_constant():
    noise = CorrelatedNoise(3, "demand", tuple(f"L{i}" for i in range(400)), 4.0, 600.0)
    first, later = noise.at(0).copy(), noise.at(150).copy()
    assert abs(first.std() - 1.0) < 0.1
    assert abs(later.std() - 1.0) < 0.1
    assert np.corrcoef(first, later)[0, 1] == pytest.approx(np.exp(-1.0), abs=0.1)


def test_noise_is_its_recursion_across_blocks_and_however_far_apart_it_is_asked_for():
    draws = Draws(3, "demand", ("a", "b"), block_steps=8)
    walked, jumped = (CorrelatedNoise(3, "demand", ("a", "b"), 4.0, 600.0, 8) for _ in range(2))
    keep = float(np.exp(-4.0 / 600.0))
    expected = draws.at(0).copy()
    for step in range(1, 30):
        expected = keep * expected + float(np.sqrt(1.0 - keep**2)) * draws.at(step)
        np.testing.assert_array_equal(walked.at(step), expected)
    np.testing.assert_array_equal(jumped.at(29), expected)


def test_demand_is_nominal_by_hour_and_noise():
    one, buses = demand(), BUSES
    local = CorrelatedNoise(1, "demand", buses, 4.0, NOISE_TIME_CONSTANT_S)
    common = CorrelatedNoise(1, "demand-common", ("system",), 4.0, NOISE_TIME_CONSTANT_S)
    for step in (0, 7, 1800):
        mw, mvar = one.at(step)
        noise = 1.0 + LOCAL_NOISE_SHARE * local.at(step) + COMMON_NOISE_SHARE * common.at(step)[0]
        factor = demand().expected(4.0 * step) * noise
        np.testing.assert_allclose(mw, CASE.load_mw * factor, rtol=1e-12)
        np.testing.assert_allclose(mvar, CASE.load_mvar * factor, rtol=1e-12)


def test_the_sum_of_all_loads_is_the_published_curve():
    one = demand(start=datetime(2025, 7, 18))
    for hour in range(72):
        total = float(CASE.load_mw @ one.expected(3600.0 * hour)) / CASE.load_mw.sum()
        moment = datetime(2025, 7, 18) + timedelta(hours=hour)
        assert total == pytest.approx(share_of_peak(moment, annual=False), rel=1e-12)


def test_between_hours_demand_is_linear_and_going_back_gives_the_same():
    one = demand(start=datetime(2025, 7, 15, 11, 30))
    low, middle, high = (one.expected(t) for t in (1800.0, 2700.0, 5400.0))
    np.testing.assert_allclose(middle, low + 0.25 * (high - low), rtol=1e-12)
    np.testing.assert_array_equal(one.expected(1800.0), low)


def test_customers_differ_by_bus_around_the_national_shares():
    mix = class_mix("ieee118", BUSES, {})
    np.testing.assert_allclose(mix.sum(axis=1), 1.0)
    np.testing.assert_allclose(mix.mean(axis=0), SHARES, atol=0.04)
    assert (mix.std(axis=0) > 0.08).all()
    fewer = class_mix("ieee118", BUSES[10:20], {})
    np.testing.assert_array_equal(fewer, mix[10:20])


def test_profiles_are_years_of_equal_energy():
    profiles = Profiles()
    # The profiles' year has nine public holidays, which count as Sundays; ours tells them not apart.
    holidays = {(1, 1), (4, 18), (4, 21), (5, 1), (5, 29), (6, 9), (10, 3), (12, 25), (12, 26)}
    year = []
    for hour in range(8760):
        moment = datetime(2025, 1, 1) + timedelta(hours=hour)
        if (moment.month, moment.day) in holidays:
            moment += timedelta(days=6 - moment.weekday())
        year.append(profiles.at(moment))
    np.testing.assert_allclose(np.mean(year, axis=0), 1.0, atol=0.01)
    assert profiles.at(datetime(2025, 1, 14, 19))[0] * 1000.0 / 8.76 == pytest.approx(187.1)


def test_declared_classes_have_their_own_days():
    first, second, third = BUSES[:3]
    classes = dict(zip((first, second, third), CLASSES, strict=True))
    evening = demand(start=datetime(2025, 1, 14, 19), classes=classes).expected(0.0)[:3]
    morning = demand(start=datetime(2025, 1, 14, 11), classes=classes).expected(0.0)[:3]
    sunday = demand(start=datetime(2025, 1, 19, 11), classes=classes).expected(0.0)[:3]
    assert evening[0] > 1.3 * morning[0]
    assert morning[1] > 1.5 * evening[1]
    assert sunday[0] > 2.0 * sunday[1]
    with pytest.raises(BadInput, match=r"nature.load_classes: 'nosuch'"):
        demand(classes={"nosuch": "residential"})


def test_demand_is_the_same_for_the_same_seed_and_keeps_power_factor():
    one, two, other = demand(seed=5), demand(seed=5), demand(seed=6)
    for step in (0, 10, 900):
        mw, mvar = one.at(step)
        np.testing.assert_array_equal(mw, two.at(step)[0])
        assert not np.array_equal(mw, other.at(step)[0])
        np.testing.assert_allclose(mvar * CASE.load_mw, mw * CASE.load_mvar, rtol=1e-12)
        expected = demand(seed=5).expected(4.0 * step) * CASE.load_mw
        np.testing.assert_allclose(mw, expected, rtol=0.08)
        assert not np.array_equal(mw, expected)


def test_a_season_scales_demand_to_the_annual_peak_and_heat_raises_it():
    weather = Weather(1, NOON, 86_400.0, [1])
    change = float(temperature_response(weather.temperature_c(0), weather.normal_c(0))[0])
    assert abs(change) > 1e-3
    mix = class_mix("ieee118", BUSES, {})
    plain, seasonal = demand().expected(0.0), demand(weather=weather).expected(0.0)
    np.testing.assert_allclose(seasonal, plain * 0.801 * (1.0 + (1.0 - mix[:, 2]) * change), rtol=1e-12)


def test_temperature_acts_above_and_below_comfort_only():
    normal = np.array([25.0, 25.0, 15.0, 0.0])
    actual = np.array([30.0, 20.0, 20.0, -10.0])
    np.testing.assert_allclose(temperature_response(actual, normal), [0.10, -0.06, 0.0, 0.10])


def test_normal_weather_changes_nothing():
    same = np.linspace(-20.0, 40.0, 13)
    np.testing.assert_array_equal(temperature_response(same, same), np.zeros(13))


def test_water_demand_is_near_one_and_never_negative():
    water = WaterDemand(2, NOON, 60.0, seasonal=False)
    factors = [water.at(step) for step in range(0, 40_000, 10)]
    assert min(factors) >= 0.0
    assert np.mean(factors) == pytest.approx(1.0, abs=0.01)
    assert np.std(factors) == pytest.approx(0.03, rel=0.15)


def test_the_water_year_peaks_in_july_and_keeps_its_mean():
    days = [water_season(datetime(2025, 1, 1) + timedelta(days=d)) for d in range(364)]
    assert np.mean(days) == pytest.approx(1.0, abs=0.005)
    july = np.mean([water_season(datetime(2025, 7, d)) for d in range(5, 33 - 1)])
    assert july == pytest.approx(1.3, abs=0.03)
    seasonal, plain = WaterDemand(2, NOON, 60.0, True), WaterDemand(2, NOON, 60.0, False)
    assert seasonal.at(30) == pytest.approx(plain.at(30) * water_season(NOON))
