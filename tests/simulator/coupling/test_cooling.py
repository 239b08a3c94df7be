"""Cooling water: what a unit draws, what it can give without, when it trips."""

from typing import get_args

import pytest

from simulator.coupling.cooling import (
    COOLING_NEEDS,
    TRIP_ONCE_THROUGH_S,
    TRIP_TOWER_S,
    CooledUnit,
    cooled_share,
    cooling_draw_m3h,
    pressure_fraction,
)
from simulator.settings import Technology
from streams.errors import BadInput

GALLON_M3 = 0.003785411784


def test_every_technology_has_its_need():
    assert set(COOLING_NEEDS) == set(get_args(Technology))


@pytest.mark.parametrize(
    ("technology", "gal_per_mwh"),
    [
        ("gas_tower", 225.0),
        ("gas_once_through", 11_380.0),
        ("coal_tower", 1_005.0),
        ("coal_once_through", 36_350.0),
        ("nuclear_tower", 1_101.0),
        ("nuclear_once_through", 44_350.0),
    ],
)
def test_withdrawal_is_macknicks_median(technology, gal_per_mwh):
    assert cooling_draw_m3h(100.0, technology, 1) == pytest.approx(100.0 * gal_per_mwh * GALLON_M3)


def test_a_gas_tower_of_300_mw_draws_71_litres_a_second():
    """The reference figure; replication divides it and a unit that consumes power draws none."""
    assert cooling_draw_m3h(300.0, "gas_tower", 1) == pytest.approx(71 * 3.6, rel=0.01)
    assert cooling_draw_m3h(300.0, "gas_tower", 10) == pytest.approx(
        cooling_draw_m3h(300.0, "gas_tower", 1) / 10
    )
    assert cooling_draw_m3h(-5.0, "gas_tower", 1) == 0.0


@pytest.mark.parametrize("replication", [0, -3])
def test_replication_counts_districts(replication):
    with pytest.raises(BadInput, match="replication"):
        cooling_draw_m3h(1.0, "gas_tower", replication)


def test_a_tower_bears_the_loss_of_its_blowdown():
    assert cooled_share(205.0 / 225.0, "gas_tower") == pytest.approx(1.0)
    assert cooled_share(0.5 * 205.0 / 225.0, "gas_tower") == pytest.approx(0.5)
    assert cooled_share(0.5 * 687.0 / 1005.0, "coal_tower") == pytest.approx(0.5)
    assert cooled_share(0.5, "coal_once_through") == pytest.approx(0.5)


@pytest.mark.parametrize("technology", COOLING_NEEDS)
def test_capacity_falls_with_water_and_never_leaves_its_range(technology):
    unit, steps = CooledUnit(technology, 300.0), []
    for percent in range(-5, 111):
        unit.take(0.0, percent / 100.0)
        steps.append(unit.available_mw)
    assert steps == sorted(steps)
    assert (steps[0], steps[5], steps[-1]) == (0.0, 0.0, 300.0)
    unit.take(0.0, 0.9995)
    assert unit.available_mw == 300.0


def test_pressure_stands_for_delivery():
    assert pressure_fraction(14.06) == pressure_fraction(30.0) == 1.0
    assert pressure_fraction(14.06 / 4.0) == pytest.approx(0.5)
    assert pressure_fraction(0.0) == pressure_fraction(-3.0) == 0.0


@pytest.mark.parametrize(
    ("technology", "patience_s"), [("coal_once_through", TRIP_ONCE_THROUGH_S), ("gas_tower", TRIP_TOWER_S)]
)
def test_a_unit_trips_when_its_water_is_short_for_long_enough(technology, patience_s):
    unit = CooledUnit(technology, 300.0)
    assert not unit.take(100.0, 0.1)
    assert not unit.take(100.0 + patience_s - 1.0, 0.1)
    assert unit.take(100.0 + patience_s, 0.1)


def test_water_that_comes_back_in_time_starts_the_clock_anew():
    unit = CooledUnit("coal_once_through", 300.0)
    assert not unit.take(0.0, 0.0)
    assert not unit.take(119.0, 0.4)  # 40 % of capacity is what a unit can hold
    assert not unit.take(120.0, 0.0)
    assert not unit.take(239.0, 0.39)
    assert unit.take(240.0, 0.39)
