"""The coupling at work in a plant: supplies, control power and cooling, seen from the seam."""

import numpy as np
import pytest

from simulator.control.received import ReceivedState
from simulator.coupling.cooling import TRIP_ONCE_THROUGH_S
from simulator.settings import CommunicationSettings, CoolingSettings, SupplySettings, WaterSettings
from tests.simulator.balances import Balances
from tests.simulator.small_plant import SCAN_S, order, running, unit_orders
from tests.simulator.small_town import write_town


@pytest.fixture
def town(tmp_path):
    return write_town(tmp_path)


@pytest.fixture
def plant(town):
    """A driver of the town on bus 14, with the declared changes; balances are checked in every scan."""
    made = []

    def make(**changes):
        own = {"water": WaterSettings(network=town, replication=50)}
        manager = running(**(own | changes))
        driver = manager.__enter__()
        made.append(manager)
        driver.checks.append(Balances(driver.plant))
        return driver

    yield make
    for manager in made:
        manager.__exit__(None, None, None)


def feeder(driver, blocks):
    """Shed so many feeders of bus 14's load, or restore them for 0."""
    load = np.array([driver.plant.grid._load_of_bus["14"]])
    if blocks:
        driver.plant.grid.feeders.shed(load, blocks, "planned")
    else:
        driver.plant.grid.feeders.restore(load, "planned")


def voltage(driver, volts_pu):
    """Let the coupling see this voltage at every bus, as a stand-in for a sagging grid."""
    grid = driver.plant.grid
    sagging = property(lambda self: np.full(14, volts_pu), lambda self, value: None)
    grid.__class__ = type("Sagging", (type(grid),), {"lowest_voltage_pu": sagging})


def test_a_supply_is_as_alive_as_its_own_feeder(plant):
    driver = plant(supplies=(SupplySettings(bus="14", feeder=2, restart_s=8.0),))
    driver.scan()
    feeder(driver, 2)
    driver.hours(0.02)
    assert not driver.kinds("pump_lost")
    feeder(driver, 1)
    driver.hours(0.02)
    (lost,) = driver.kinds("pump_lost")
    assert (lost.element, lost.cause) == ("PU", "feeder shed")
    back_s = (driver.k + 1) * SCAN_S
    feeder(driver, 0)
    driver.hours(0.02)
    (back,) = driver.kinds("pump_back")
    assert (back.t_s, back.cause) == (back_s + 8.0, "mains")


def test_pumps_load_their_bus_with_every_district(plant):
    fed, apart = plant(supplies=(SupplySettings(bus="14"),)), plant()
    for driver in (fed, apart):
        driver.hours(0.1)
        driver.scan()  # a hydraulic step's power is the grid's from the next scan on
    kw = float(fed.plant.water.pump_power_kw.sum())
    assert kw > 5.0
    load = fed.plant.grid._load_of_bus["14"]
    assert fed.plant.grid.feeders.draw_mw()[load] == pytest.approx(50 * kw / 1000.0)
    served = [driver.plant.grid.load_served_mw[load] for driver in (fed, apart)]
    # The two grids run at frequencies a hair apart.
    assert served[0] - served[1] == pytest.approx(50 * kw / 1000.0, rel=1e-2)
    assert not apart.plant.grid.feeders.draw_mw().any()


@pytest.mark.parametrize(("volts_pu", "lost"), [(0.72, False), (0.68, True)])
def test_a_sagging_voltage_takes_the_pumps_out(plant, volts_pu, lost):
    driver = plant(supplies=(SupplySettings(bus="14"),))
    driver.scan()
    driver.checks.clear()
    voltage(driver, volts_pu)
    driver.scan()
    assert [event.cause for event in driver.kinds("pump_lost")] == ["under-voltage"] * lost


def test_a_backup_keeps_the_tower_full_that_else_runs_dry(plant):
    bare = plant(supplies=(SupplySettings(bus="14"),))
    backed = plant(supplies=(SupplySettings(bus="14", backup_kw=40.0),))
    for driver in (bare, backed):
        driver.scan()
        feeder(driver, 20)
        driver.hours(3.0)
    assert bare.kinds("tank_empty")
    assert bare.plant.outcomes.water_not_delivered_m3 > 10.0
    assert not backed.kinds("tank_empty")
    assert backed.plant.outcomes.water_not_delivered_m3 == 0.0
    assert [event.t_s for event in backed.kinds("backup_on")] == [20.0]  # lost at 8 s, ready ten later


def test_a_station_without_control_power_is_blind_and_deaf(plant):
    tag = "S2/G2_mw"
    driver = plant(communication=(CommunicationSettings(station="S2", battery_h=0.005, bus="14"),))
    driver.scan()
    driver.isolate("14")
    driver.hours(0.004)
    assert np.isfinite(driver.value(tag))
    driver.hours(0.002)
    (lost,) = driver.kinds("station_lost")
    assert (lost.element, lost.value, lost.unit) == ("S2", 0.005, "h of battery")
    assert np.isnan(driver.value(tag))
    assert np.isnan(driver.value(tag, "measured"))
    assert np.isfinite(driver.value(tag, "true"))
    assert np.isfinite(driver.value("S1/G1_mw"))
    units = driver.plant.grid._dynamics.units
    position, before = driver.plant._unit_position["G2"], units.setpoint.copy()
    driver.scan(unit_orders(driver.plant, {"G2": 60.0}))
    assert units.setpoint[position] == before[position]
    assert np.isnan(driver.report.link_values[driver.plant._command_row["SCADA>S2", "G2"]])
    for i in np.flatnonzero(~driver.plant.grid.branch_closed):
        driver.plant.grid.close_branch(int(i))
    driver.scan()
    assert [event.element for event in driver.kinds("station_back")] == ["S2"]
    assert np.isfinite(driver.value(tag))
    driver.scan(unit_orders(driver.plant, {"G2": 60.0}))
    assert units.setpoint[position] == 60.0


def test_a_missing_station_leaves_the_last_value_with_the_centre():
    """What the control centre does with NaN: it keeps what it heard last."""
    with running() as driver:
        model = driver.plant.model
        state, slot = ReceivedState(model), [tag.name for tag in model.tags].index("S4/load_mw")
        for value in (40.0, np.nan):
            values = np.zeros(len(model.tags))
            values[slot] = value
            state.update(values)
        assert state.values[slot] == 40.0


def test_a_link_dies_with_the_station_it_passes_through(plant):
    entries = (
        CommunicationSettings(station="S2", battery_h=0.0, bus="14"),
        CommunicationSettings(station="S3", battery_h=8.0, via="S2"),
    )
    driver = plant(communication=entries)
    driver.scan()
    driver.isolate("14")
    driver.scan()
    assert np.isnan(driver.value("S3/load_mw"))
    assert np.isfinite(driver.value("S3/load_mw", "measured"))
    assert [event.element for event in driver.kinds("station_lost")] == ["S2"]


def test_a_controller_without_power_stops_its_pumps_and_decides_nothing(plant):
    driver = plant(
        supplies=(SupplySettings(bus="9"),),
        communication=(CommunicationSettings(station="PLC", battery_h=0.0, bus="14"),),
    )
    driver.hours(0.05)
    driver.isolate("14")
    driver.hours(0.05)
    (lost,) = driver.kinds("pump_lost")
    assert lost.cause == "control power"
    assert not driver.plant.water.pump_running.any()
    assert np.isnan(driver.value("PLC/PU_running"))
    assert np.isnan(driver.report.link_values).all()
    driver.scan(order("SCADA>PLC", "PU", "pump_on", 1.0))
    driver.hours(0.05)
    assert not driver.plant.water.pump_running.any()
    for i in np.flatnonzero(~driver.plant.grid.branch_closed):
        driver.plant.grid.close_branch(int(i))
    driver.hours(0.05)
    assert driver.kinds("pump_back")
    assert driver.plant.water.pump_running.any()


def test_water_stations_go_with_the_supply_that_feeds_them(plant):
    driver = plant(
        supplies=(SupplySettings(bus="14"),),
        communication=(CommunicationSettings(station="RTU-T", battery_h=0.0),),
    )
    driver.hours(0.05)
    feeder(driver, 20)
    driver.hours(0.05)
    assert [event.element for event in driver.kinds("station_lost")] == ["RTU-T"]
    assert np.isnan(driver.value("RTU-T/level_m"))
    assert np.isfinite(driver.value("FM-T/inflow_m3h"))


def test_a_backup_powers_the_stations_of_its_supply(plant):
    driver = plant(
        supplies=(SupplySettings(bus="14", backup_kw=40.0),),
        communication=(CommunicationSettings(station="RTU-T", battery_h=0.01),),  # 36 s, the start takes 10
    )
    driver.hours(0.05)
    feeder(driver, 20)
    driver.hours(0.1)
    assert not driver.kinds("station_lost")


def test_a_unit_that_loses_its_water_is_derated_and_then_trips(plant):
    """The tower is empty at the start of the outage's third hour; a condenser lasts two minutes more."""
    driver = plant(
        supplies=(SupplySettings(bus="14"),),
        coolings=(
            CoolingSettings(unit="G2", node="J2", technology="coal_once_through", replication=100_000),
        ),
    )
    driver.scan()
    feeder(driver, 20)
    driver.hours(2.5)
    (empty,) = driver.kinds("tank_empty")
    (derated,) = driver.kinds("plant_derated")
    (trip,) = driver.kinds("generator_trip")
    assert (trip.element, trip.cause) == ("G2", "cooling")
    assert empty.t_s < derated.t_s <= empty.t_s + 60.0 + SCAN_S
    assert derated.value == pytest.approx(140.0, rel=1e-3)
    assert trip.t_s - derated.t_s == pytest.approx(TRIP_ONCE_THROUGH_S)
    assert not driver.plant.grid.unit_on[driver.plant._unit_position["G2"]]


def test_two_units_at_one_connection_ask_for_the_sum(plant):
    driver = plant(
        coolings=(
            CoolingSettings(unit="G1", node="J2", replication=100),
            CoolingSettings(unit="G2", node="J2", technology="coal_tower", replication=100),
        )
    )
    driver.hours(0.05)
    power = dict(zip(driver.plant._case.unit_name, driver.plant.grid.unit_power_mw, strict=True))
    asked = (power["G1"] * 225.0 + power["G2"] * 1005.0) * 0.003785411784 / 100.0
    assert driver.plant.water.extra_asked_m3h("J2") == pytest.approx(asked, rel=0.02)


def test_every_coupling_is_told(plant):
    driver = plant(
        supplies=(SupplySettings(bus="14", backup_kw=40.0, fuel_h=12.0),),
        coolings=(CoolingSettings(unit="G2", node="J2", technology="nuclear_tower"),),
        communication=(CommunicationSettings(station="S3", battery_h=1.0, bus="4", via="S2"),),
    )
    told = "\n".join(driver.plant.assumptions)
    for words in (
        "Feeder 2 of bus 14 feeds the pumps PU of 50 districts",
        "generator of 40 kW in each district, ready after 10 s, with fuel for 12 h",
        "Unit G2 draws cooling water from node J2, nuclear tower, 1101 gal/MWh divided by 50 districts",
        "Batteries carry 1 station for 1 h",
        "Station S3 draws its control power from bus 4 and talks to the control centre over S2.",
    ):
        assert words in told
