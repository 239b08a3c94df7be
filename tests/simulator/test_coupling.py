import pytest

from simulator.coupling import (
    COOLING_NEEDS,
    available_mw,
    cooled_share,
    cooling_draw_m3h,
    electric_draw_mw,
    pressure_fraction,
    pump_supplied,
)
from streams.errors import BadInput


@pytest.mark.parametrize(
    ("voltage", "energised", "feeder", "expected"),
    [
        (1.0, True, True, True),
        (0.85, True, True, True),
        (1.10, True, True, True),
        (0.849, True, True, False),
        (1.101, True, True, False),
        (1.0, False, True, False),
        (1.0, True, False, False),
        (float("nan"), True, True, False),
    ],
)
def test_pump_supply(voltage, energised, feeder, expected):
    assert pump_supplied(voltage, energised, feeder) is expected


def test_electric_draw_multiplies_and_cooling_draw_divides():
    assert electric_draw_mw([100.0, 50.0], 20) == pytest.approx(3.0)
    assert cooling_draw_m3h(300.0, "gas_tower", 1) == pytest.approx(71 * 3.6, rel=0.01)
    assert cooling_draw_m3h(300.0, "gas_tower", 10) == pytest.approx(
        cooling_draw_m3h(300.0, "gas_tower", 1) / 10
    )
    assert cooling_draw_m3h(-5.0, "gas_tower", 1) == 0.0


@pytest.mark.parametrize("replication", [0, -3])
def test_replication_counts_districts(replication):
    with pytest.raises(BadInput, match="replication"):
        electric_draw_mw([1.0], replication)
    with pytest.raises(BadInput, match="replication"):
        cooling_draw_m3h(1.0, "gas_tower", replication)


def test_a_tower_bears_the_loss_of_its_blowdown():
    assert cooled_share(205.0 / 225.0, "gas_tower") == pytest.approx(1.0)
    assert cooled_share(0.5 * 205.0 / 225.0, "gas_tower") == pytest.approx(0.5)
    assert cooled_share(0.5, "coal_once_through") == pytest.approx(0.5)


@pytest.mark.parametrize("cooling", COOLING_NEEDS)
def test_capacity_falls_with_water_and_never_leaves_its_range(cooling):
    steps = [available_mw(300.0, share / 100.0, cooling) for share in range(-5, 111)]
    assert steps == sorted(steps)
    assert steps[0] == available_mw(300.0, 0.0, cooling) == 0.0
    assert steps[-1] == 300.0
    assert available_mw(300.0, 0.9995, cooling) == 300.0


def test_pressure_stands_for_delivery():
    assert pressure_fraction(14.06) == pressure_fraction(30.0) == 1.0
    assert pressure_fraction(14.06 / 4.0) == pytest.approx(0.5)
    assert pressure_fraction(0.0) == pressure_fraction(-3.0) == 0.0
