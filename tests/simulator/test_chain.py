"""Power takes water, water takes power: the chain of events of Texas 2021 and of Cleveland 2003.

A unit is lost, relays shed feeders, one of them feeds the pumps of a thousand towns; an hour later their
towers are empty, a nuclear unit that cools itself there trips, and more is shed. A generator behind the
pumps breaks the chain at its second link. The other way round it begins with water: a false order to pumps
costs the grid a unit, and the pumps their electricity, so that taking the order back no longer helps.
"""

import pytest

from simulator.settings import CoolingSettings, GridSettings, SupplySettings, WaterSettings
from tests.simulator.balances import Balances
from tests.simulator.small_plant import order, running
from tests.simulator.small_town import write_town

FIRST_LOSS_S = 360.0
PUMP_KW = 30.0


def region(folder, backup_kw):
    """RTS-24 with a thousand towns on bus 10 and a nuclear unit that cools itself with their water."""
    return running(
        grid=GridSettings(network="rts24", security="n-0", protected_flows=4),
        water=WaterSettings(network=write_town(folder), replication=1000),
        supplies=(SupplySettings(bus="10", feeder=0, backup_kw=backup_kw),),
        coolings=(CoolingSettings(unit="G18", node="J2", technology="nuclear_once_through"),),
    )


def power_fails_first(driver):
    """A unit trips; two hours in all."""
    driver.hours(0.1)
    driver.plant.grid.trip_unit(driver.plant._unit_position["G23.3"], "test")
    driver.hours(1.9)


def water_fails_first(driver):
    """A false order stops the pumps; when the towers have been empty for a while it is taken back."""
    driver.hours(0.1)
    driver.scan(order("SCADA>PLC", "PU", "pump_on", 0.0))
    driver.hours(0.8)
    driver.scan(order("SCADA>PLC", "PU", "pump_auto", 0.0))
    driver.hours(0.5)


class Story:
    """What happened, with a backup of so many kW behind the pumps of each town."""

    def __init__(self, folder, backup_kw, plot):
        with region(folder, backup_kw) as driver:
            driver.checks.append(Balances(driver.plant))
            plot(driver)
            self.events, self.figures = driver.events, driver.plant.outcomes.figures()
            self.pumping = bool(driver.plant.water.pump_running.any())

    def first_s(self, kind, element="", after_s=0.0):
        return next(e.t_s for e in self.events if e.kind == kind and element in e.element and e.t_s > after_s)

    def all(self, kind):
        return [event for event in self.events if event.kind == kind]


@pytest.fixture(scope="module")
def stories(tmp_path_factory):
    return {kw: Story(tmp_path_factory.mktemp("town"), kw, power_fails_first) for kw in (0.0, PUMP_KW)}


def test_without_backup_one_failure_leads_to_the_next(stories):
    story = stories[0.0]
    shed_s = story.first_s("load_shed")
    pumps_s = story.first_s("pump_lost")
    empty_s = story.first_s("tank_empty")
    derated_s = story.first_s("plant_derated")
    trip_s = story.first_s("generator_trip", "G18")
    again_s = story.first_s("load_shed", after_s=trip_s)
    assert FIRST_LOSS_S < shed_s <= pumps_s < empty_s < derated_s < trip_s < again_s
    assert [event.cause for event in story.all("pump_lost")] == ["feeder shed"]
    assert next(e.cause for e in story.all("generator_trip") if e.element == "G18") == "cooling"
    # The tower holds 75.7 m3 above its lowest level; town and unit draw some 100 m3/h from it.
    assert 0.4 * 3600.0 < empty_s - pumps_s < 1.2 * 3600.0
    assert story.figures["plant_derated_mwh"] > 100.0
    assert story.figures["water_not_delivered_m3"] > 1000.0


def test_with_backup_the_chain_ends_where_it_began(stories):
    story, bare = stories[PUMP_KW], stories[0.0]
    assert story.first_s("load_shed") == bare.first_s("load_shed")
    assert story.first_s("pump_back") - story.first_s("pump_lost") <= 16.0
    for kind in ("tank_empty", "plant_derated"):
        assert not story.all(kind)
    assert [event.element for event in story.all("generator_trip")] == ["G23.3"]
    assert story.figures["water_not_delivered_m3"] == story.figures["plant_derated_mwh"] == 0.0
    # How far the bare region falls after its second unit is the grid's affair: by far further than this.
    assert story.figures["energy_not_served_mwh"] < 0.5 * bare.figures["energy_not_served_mwh"]
    assert story.figures["peak_load_shed_mw"] < 0.25 * bare.figures["peak_load_shed_mw"]
    last_shed_s = max(event.t_s for event in story.all("load_shed"))
    assert last_shed_s < FIRST_LOSS_S + 60.0


def test_the_other_way_round_a_false_order_to_pumps_costs_the_grid_a_unit(tmp_path):
    story = Story(tmp_path, 0.0, water_fails_first)
    empty_s = story.first_s("tank_empty")
    trip_s = story.first_s("generator_trip", "G18")
    shed_s = story.first_s("load_shed")
    pumps_s = story.first_s("pump_lost")
    assert empty_s < story.first_s("plant_derated") < shed_s
    assert empty_s < trip_s
    assert shed_s <= pumps_s
    assert story.figures["energy_not_served_mwh"] > 50.0
    assert not story.pumping


def test_with_backup_the_pumps_obey_again(tmp_path):
    story = Story(tmp_path, PUMP_KW, water_fails_first)
    assert story.all("backup_on")
    assert story.pumping
