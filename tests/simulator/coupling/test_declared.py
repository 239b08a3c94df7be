"""What a scenario may declare of the coupling, and how each mistake is named."""

import pytest

from simulator.coupling.declared import declared_coolings, declared_stations, declared_supplies
from simulator.grid.case import load_case
from simulator.plant import Plant
from simulator.settings import CommunicationSettings, CoolingSettings, SupplySettings, WaterSettings
from simulator.water.water import Water
from streams.errors import BadInput
from tests.simulator.small_plant import settings

PUMPS = ("10", "335")


def supplies(*entries, **water):
    given = settings(water=WaterSettings(network="net3", **water), supplies=entries)
    return declared_supplies(given, load_case("ieee14"), PUMPS)


@pytest.fixture(scope="module")
def net3():
    water = Water("net3")
    yield water
    water.close()


@pytest.fixture(scope="module")
def model():
    plant = Plant(settings(water=WaterSettings(network="net3", bus="4")))
    plant.close()
    return plant.model


def coolings(net3, *entries, **water):
    given = settings(water=WaterSettings(network="net3", **water), coolings=entries)
    return declared_coolings(given, load_case("ieee14"), net3)


def stations(model, *entries, of=()):
    given = settings(water=WaterSettings(network="net3"), communication=entries)
    return declared_stations(given, load_case("ieee14"), model, of)


def test_the_water_section_s_bus_is_the_supply_of_all_pumps_that_none_names():
    (only,) = supplies(bus="4", feeder=3)
    assert (only.pumps, only.settings.feeder, only.name) == (PUMPS, 3, "bus 4 feeder 3")
    first, rest = supplies(SupplySettings(bus="9", pumps=("335",)), bus="4")
    assert (first.pumps, rest.pumps, rest.settings.bus) == (("335",), ("10",), "4")
    assert [one.pumps for one in supplies(SupplySettings(bus="9"), bus="4")] == [PUMPS]
    assert supplies() == []


@pytest.mark.parametrize(
    ("entries", "named"),
    [
        ([SupplySettings(bus="nosuch")], "supply.bus: 'nosuch'"),
        ([SupplySettings(bus="1")], "supply.bus: '1'"),  # it has no load
        ([SupplySettings(bus="4", feeder=20)], "supply.feeder: 20"),
        ([SupplySettings(bus="4", feeder=-1)], "supply.feeder: -1"),
        ([SupplySettings(bus="4", pumps=("PU9",))], "supply.pumps: 'PU9'"),
        ([SupplySettings(bus="4", pumps=("10",)), SupplySettings(bus="5", pumps=("10",))], "'10'"),
        ([SupplySettings(bus="4"), SupplySettings(bus="5")], "supply.pumps: 'all'"),
        ([SupplySettings(bus="4", dropout_pu=0.9)], "supply.dropout_pu: 0.9"),
        ([SupplySettings(bus="4", restart_s=-1.0)], "supply.restart_s: -1"),
        ([SupplySettings(bus="4", stagger_s=float("inf"))], "supply.stagger_s: inf"),
        ([SupplySettings(bus="4", backup_kw=-5.0)], "supply.backup_kw: -5"),
        ([SupplySettings(bus="4", backup_start_s=float("nan"))], "supply.backup_start_s: nan"),
        ([SupplySettings(bus="4", fuel_h=-2.0)], "supply.fuel_h: -2"),
    ],
)
def test_a_supply_that_cannot_be_is_named(entries, named):
    with pytest.raises(BadInput, match=named):
        supplies(*entries)


def test_cooled_units_share_the_replication_of_the_water_section(net3):
    given = coolings(
        net3,
        CoolingSettings(unit="G2", node="15", technology="coal_tower"),
        CoolingSettings(unit="G1", node="15", replication=7),
        replication=40,
    )
    assert [(one.unit, one.replication) for one in given] == [("G2", 40), ("G1", 7)]
    (own,) = coolings(net3, cooled_unit="G2", cooling_node="15", replication=3)
    assert (own.unit, own.technology, own.replication) == ("G2", "gas_tower", 3)


@pytest.mark.parametrize(
    ("entries", "water", "named"),
    [
        ([CoolingSettings(unit="G99", node="15")], {}, "cooling.unit: 'G99'"),
        ([CoolingSettings(unit="G3", node="15")], {}, "condenser"),
        ([CoolingSettings(unit="G2", node="nosuch")], {}, "cooling.node: 'nosuch'"),
        ([CoolingSettings(unit="G2", node="Lake")], {}, "cooling.node: 'Lake'"),  # a reservoir
        ([CoolingSettings(unit="G2", node="15", replication=-1)], {}, "cooling.replication: -1"),
        ([CoolingSettings(unit="G2", node="15", technology="magic")], {}, "cooling.technology: 'magic'"),
        ([CoolingSettings(unit="G2", node="15")] * 2, {}, "each unit once"),
        ([], {"cooled_unit": "G99", "cooling_node": "15"}, "water.cooled_unit: 'G99'"),
        ([], {"cooled_unit": "G2", "cooling_node": "nosuch"}, "water.cooling_node: 'nosuch'"),
    ],
)
def test_a_cooling_that_cannot_be_is_named(net3, entries, water, named):
    with pytest.raises(BadInput, match=named):
        coolings(net3, *entries, **water)


def test_water_power_needs_no_cooling_water(net3):
    own = CoolingSettings(unit="G22.1", node="15")
    with pytest.raises(BadInput, match="hydro needs no cooling water"):
        declared_coolings(settings(coolings=(own,)), load_case("rts24"), net3)


def test_stations_hang_where_they_stand_unless_declared_otherwise(model):
    of = supplies(SupplySettings(bus="9", pumps=("335",), stations=("RTU-1",)), bus="4")
    found = {
        one.name: one
        for one in stations(
            model,
            CommunicationSettings(station="S*", battery_h=2.0),
            CommunicationSettings(station="S4", battery_h=0.0, via="S5"),
            CommunicationSettings(station="PDC", battery_h=1.0, bus="1"),
            of=of,
        )
    }
    assert {one.settings.battery_h for name, one in found.items() if name[0] == "S"} == {0.0, 2.0}
    assert (found["S4"].settings.via, found["S4"].bus, found["S4"].supply) == ("S5", 3, -1)
    assert (found["PDC"].bus, found["PDC"].supply) == (0, -1)
    # The first supply names RTU-1; the others follow the second, which takes all other pumps.
    assert [found[name].supply for name in ("RTU-1", "RTU-2", "FM-1", "PLC")] == [0, 1, 1, 1]
    assert found["RTU-2"].settings.battery_h == 4.0


def test_batteries_default_to_eight_hours_in_substations_and_none_hangs_in_the_air(model):
    found = {one.name: one for one in stations(model)}
    assert found["S1"].settings.battery_h == 8.0
    assert found["RTU-1"].settings.battery_h == 4.0
    assert (found["PDC"].bus, found["PDC"].supply) == (-1, -1)
    assert (found["PLC"].bus, found["PLC"].supply) == (-1, -1)


@pytest.mark.parametrize(
    ("entries", "named"),
    [
        ([CommunicationSettings(station="X*", battery_h=1.0)], r"communication.station: 'X\*'"),
        ([CommunicationSettings(station="S1", battery_h=-1.0)], "communication.battery_h: -1"),
        ([CommunicationSettings(station="S1", battery_h=1.0, recharge_h=0.0)], "communication.recharge_h"),
        ([CommunicationSettings(station="S1", battery_h=1.0, bus="99")], "communication.bus: '99'"),
        ([CommunicationSettings(station="S1", battery_h=1.0, via="S99")], "communication.via: 'S99'"),
        ([CommunicationSettings(station="S1", battery_h=1.0, via="S1")], "communication.via: 'S1'"),
        (
            [
                CommunicationSettings(station="S1", battery_h=1.0, via="S2"),
                CommunicationSettings(station="S2", battery_h=1.0, via="S1"),
            ],
            "ends at the control centre",
        ),
    ],
)
def test_a_station_that_cannot_be_is_named(model, entries, named):
    with pytest.raises(BadInput, match=named):
        stations(model, *entries)


def test_a_water_station_is_named_once_and_exists(model):
    with pytest.raises(BadInput, match="a water station"):
        stations(model, of=supplies(SupplySettings(bus="4", stations=("S1",))))
    twice = supplies(
        SupplySettings(bus="4", pumps=("10",), stations=("PLC",)),
        SupplySettings(bus="9", pumps=("335",), stations=("PLC",)),
    )
    with pytest.raises(BadInput, match="each station on one supply"):
        stations(model, of=twice)
