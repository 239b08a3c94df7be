"""Weather, sun and what wind and solar units make of them."""

from datetime import datetime

import numpy as np
import pytest

from simulator.grid.case import load_case
from simulator.nature import climate
from simulator.nature.renewables import Renewables, renewable_units, wind_share
from simulator.nature.storms import NORMAL_H, STORM_H, drawn_storms
from simulator.nature.sun import clear_sky_w_m2, cloud_factor, sin_elevation
from simulator.nature.weather import Weather
from simulator.settings import Storm
from streams.errors import BadInput

YEAR_S = 365 * 86_400.0
START = datetime(2025, 1, 1)


@pytest.fixture(scope="module")
def years():
    """Twenty-five years of weather in two areas, by hour."""
    return [Weather(seed, START, YEAR_S, [1, 2]) for seed in range(25)]


def test_months_have_their_means(years):
    temperature = np.mean([w._temperature[:8760, 0] for w in years], axis=0)
    wind = np.mean([w._wind[:8760, 0] for w in years], axis=0)
    cloud = np.mean([w._cloud[:8760, 0] for w in years], axis=0)
    july, january = slice(181 * 24, 212 * 24), slice(0, 31 * 24)
    # Linear between the middles of the months: a warmest month is a little cooler as a whole.
    assert temperature[july].mean() == pytest.approx(24.5 - (2.0 + 1.0) / 8.0, abs=0.6)
    assert temperature[january].mean() == pytest.approx(-2.0, abs=1.0)
    assert wind[january].mean() == pytest.approx(8.5, abs=0.4)
    assert wind[july].mean() == pytest.approx(6.0, abs=0.4)
    assert cloud[july].mean() == pytest.approx(0.46, abs=0.04)
    assert cloud[january].mean() == pytest.approx(0.66, abs=0.04)


def test_days_are_warm_in_the_afternoon_and_noise_has_its_spread(years):
    deviation = np.array([w._temperature[:8760] - w._normal[:8760] for w in years])
    assert deviation[:, 14 * 24 : 16 * 24].std() == pytest.approx(5.0, rel=0.15)
    assert deviation[:, 195 * 24 : 197 * 24].std() == pytest.approx(3.0, rel=0.15)
    day = [climate.normal_temperature_c(datetime(2025, 7, 15, hour)) for hour in range(24)]
    assert int(np.argmax(day)) == 15
    assert max(day) - min(day) == pytest.approx(10.0, abs=0.1)


def test_areas_share_most_of_their_weather_and_hours_follow_each_other(years):
    z = np.array([(w._temperature[:8760] - w._normal[:8760]) for w in years])
    assert np.corrcoef(z[:, :, 0].ravel(), z[:, :, 1].ravel())[0, 1] == pytest.approx(0.8, abs=0.03)
    lagged = np.corrcoef(z[:, :-72, 0].ravel(), z[:, 72:, 0].ravel())[0, 1]
    assert lagged == pytest.approx(np.exp(-1.0), abs=0.05)


def test_an_area_has_its_weather_whatever_other_areas_there_are():
    alone, together = Weather(3, START, 86_400.0, [2]), Weather(3, START, 86_400.0, [1, 2, 7])
    np.testing.assert_array_equal(alone._temperature[:, 0], together._temperature[:, 1])
    np.testing.assert_array_equal(alone._wind[:, 0], together._wind[:, 1])
    assert [s for s in together.storms if s.area == 2] == alone.storms


def test_storms_come_as_often_and_last_as_long_as_they_should():
    spells = [s for seed in range(100) for s in drawn_storms(seed, START, YEAR_S, [1])]
    inside = [s for s in spells if 0.0 <= s.start_s < YEAR_S]
    per_year = len(inside) / 100
    assert per_year == pytest.approx(8760.0 / NORMAL_H, rel=0.04)
    assert np.mean([s.end_s - s.start_s for s in inside]) / 3600.0 == pytest.approx(STORM_H, rel=0.04)
    july = sum(181 * 86_400.0 <= s.start_s < 212 * 86_400.0 for s in inside) / 100
    assert july == pytest.approx(2.2 * 31 * 24 / NORMAL_H, rel=0.08)


def test_declared_storms_take_the_place_of_drawn_ones():
    weather = Weather(1, START, YEAR_S, [1, 2], (Storm(start_s=600.0, end_s=1200.0, area=2),))
    assert [(s.area, s.start_s, s.end_s) for s in weather.storms] == [(2, 600.0, 1200.0)]
    before, within = weather.sky(599.0), weather.sky(600.0)
    assert within.wind_m_s[1] == pytest.approx(before.wind_m_s[1] + 8.0, abs=0.01)
    assert within.wind_m_s[0] == pytest.approx(before.wind_m_s[0], abs=0.01)
    assert within.cloud[1] == 1.0
    everywhere = Weather(1, START, YEAR_S, [1, 2], (Storm(start_s=0.0, end_s=9.0),))
    assert {s.area for s in everywhere.storms} == {1, 2}
    with pytest.raises(BadInput, match=r"nature.storm\[0\].area: 9"):
        Weather(1, START, YEAR_S, [1, 2], (Storm(start_s=0.0, end_s=9.0, area=9),))


def test_sun_by_hand():
    # Equinox noon: 90 degrees less latitude; midsummer noon: plus the declination.
    assert sin_elevation(datetime(2025, 3, 22, 12), 40.0) == pytest.approx(np.sin(np.radians(50.0)), abs=0.01)
    assert sin_elevation(datetime(2025, 6, 21, 12), 40.0) == pytest.approx(
        np.sin(np.radians(73.45)), abs=0.002
    )
    assert sin_elevation(datetime(2025, 6, 21, 0), 40.0) < 0.0
    assert clear_sky_w_m2(1.0) == pytest.approx(1098.0 * np.exp(-0.059))
    assert clear_sky_w_m2(-0.2) == 0.0
    np.testing.assert_allclose(cloud_factor(np.array([0.0, 1.0])), [1.0, 0.25])


def test_power_curve_by_hand():
    speed = np.array([0.0, 3.0, 7.5, 12.0, 24.9, 25.0])
    expected = [0.0, 0.0, (7.5**3 - 27.0) / (12.0**3 - 27.0), 1.0, 1.0, 0.0]
    np.testing.assert_allclose(wind_share(speed), expected)


def test_units_of_wind_and_sun():
    case = load_case("ieee118")
    names = [name for name, p in zip(case.unit_name, case.unit_p_max_mw, strict=True) if p > 0.0][:2]
    units = renewable_units(case, {names[0]: "wind", names[1]: "solar"})
    weather = Weather(1, START, 30 * 86_400.0, [1])
    plant = Renewables(1, case, units, weather, START, 40.0, 600.0)
    power = np.array([plant.available_mw(step) for step in range(30 * 144)])
    p_max = case.unit_p_max_mw[plant.units]
    assert (power >= 0.0).all()
    assert (power <= p_max).all()
    wind, solar = power.T
    hour = np.arange(len(solar)) // 6 % 24
    assert solar[hour == 0].max() == 0.0
    assert solar[hour == 12].max() > 0.3 * p_max[1]
    assert 0.2 < wind.mean() / p_max[0] < 0.6
    assert np.abs(np.diff(wind)).max() > 0.0
    assert renewable_units(case, {}) == {}


def test_units_that_cannot_be_wind():
    case = load_case("rts24")
    with pytest.raises(BadInput, match=r"nature.renewable_units: .*minimum of 0 MW"):
        renewable_units(case, {case.unit_name[int(np.argmax(case.unit_p_min_mw))]: "wind"})
    with pytest.raises(BadInput, match=r"nature\.renewable_units: 'nosuch'"):
        renewable_units(case, {"nosuch": "wind"})
