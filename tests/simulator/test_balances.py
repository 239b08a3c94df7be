"""Energy and mass hold in every scan, whatever is commanded, falsified, opened or lost."""

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from simulator.grid.feeders import BLOCKS
from simulator.settings import (
    CommunicationSettings,
    CoolingSettings,
    GridSettings,
    SupplySettings,
    TapBudget,
    WaterSettings,
)
from streams.messages import Tap
from tests.simulator.balances import Balances
from tests.simulator.small_plant import SCAN_S, order, running, unit_orders

LEVELS = {"net1": ("RTU-2>PLC", "RTU-2/level_m"), "net3": ("RTU-1>PLC", "RTU-1/level_m")}
SYSTEMS = {
    "ieee14 and net1": {
        "water": WaterSettings(network="net1", replication=60),
        "supplies": (SupplySettings(bus="4", feeder=6, backup_kw=60.0, fuel_h=0.02, restart_s=4.0),),
        "coolings": (CoolingSettings(unit="G2", node="32", technology="coal_tower"),),
    },
    "ieee39 and net3": {
        "grid": GridSettings(network="ieee39", security="n-0", protected_flows=4),
        "water": WaterSettings(network="net3", bus="4", feeder=9, replication=100),
        "supplies": (SupplySettings(bus="8", feeder=3, pumps=("335",), backup_kw=400.0, stagger_s=12.0),),
        "coolings": (
            CoolingSettings(unit="G32", node="15", technology="nuclear_once_through", replication=5000),
        ),
    },
}

ACTIONS = st.one_of(
    st.tuples(st.just("setpoint"), st.integers(0, 99), st.floats(-0.5, 1.5)),
    st.tuples(st.just("pump"), st.integers(0, 9), st.sampled_from(["pump_on", "pump_off", "pump_auto"])),
    st.tuples(st.just("tap"), st.floats(-1.0, 1.0), st.integers(1, 20)),
    st.tuples(st.just("open"), st.integers(0, 999), st.just(0)),
    st.tuples(st.just("close"), st.integers(0, 999), st.just(0)),
    st.tuples(st.just("shed"), st.integers(0, 99), st.integers(1, 12)),
    st.tuples(st.just("restore"), st.integers(0, 99), st.just(0)),
    st.tuples(st.just("supply"), st.booleans(), st.just(0)),
)
SCRIPTS = st.lists(st.tuples(ACTIONS, st.integers(1, 12)), min_size=12, max_size=24)


@pytest.mark.parametrize("system", SYSTEMS)
def test_nothing_is_lost_whatever_happens(system):
    """Scripts of random actions, some thousand scans each; the last checks that much did happen."""
    seen = {"scans": 0, "kinds": set()}
    everything = hypothesis_settings(
        max_examples=40,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.generate,),  # shrinking a script takes minutes; the first failing one says enough
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    everything(given(SCRIPTS)(lambda script: drive(system, script, seen)))()
    assert seen["scans"] >= 3000
    happened = {"pump_lost", "pump_back", "backup_on", "backup_off", "station_lost", "station_back"}
    assert happened | {"switch", "load_shed", "generator_trip", "tap_in"} <= seen["kinds"]


def drive(system, script, seen, look=lambda driver: None):
    changes = SYSTEMS[system]
    link, tag = LEVELS[changes["water"].network]
    budget = TapBudget(
        links=(link,), eps_share=1.0, eps_tags={}, allow_drop=True, start_s=0.0, end_s=86_400.0
    )
    batteries = (CommunicationSettings(station="*", battery_h=0.01, recharge_h=0.1),)
    with running(**changes, budgets=(budget,), communication=batteries) as driver:
        balances = Balances(driver.plant)
        driver.checks.append(balances)
        for action, scans in script:
            driver.scan(*act(driver, link, tag, action))
            for _ in range(scans - 1):
                driver.scan()
            look(driver)
        seen["scans"] += balances.scans
        seen["kinds"] |= {event.kind for event in driver.events}
        assert all(np.isfinite(event.value) for event in driver.events)


def act(driver, link, tag, action):
    """Carry one action out; returns the messages for the next scan."""
    what, which, how = action
    plant, model = driver.plant, driver.plant.model
    grid, loads = plant.grid, len(plant.grid.load_demand_mw)
    if what == "setpoint":
        unit = model.units[which % len(model.units)]
        return [unit_orders(plant, {unit.name: how * unit.p_max_mw})]
    if what == "pump":
        pump = model.pumps[which % len(model.pumps)]
        quantity = "pump_auto" if how == "pump_auto" else "pump_on"
        return [order(pump.command_link, pump.name, quantity, float(how == "pump_on"))]
    if what == "tap":
        now_s = driver.k * SCAN_S
        end_s = now_s + how * 60.0
        tap = Tap(
            producer="attacker",
            seq=0,
            k=driver.k,
            t_s=now_s,
            link=link,
            operation="offset",
            tags=[tag],
            values=[30.0 * which],
            start_s=now_s,
            end_s=end_s,
        )
        return [tap]
    if what == "open":
        grid.open_branch(which % len(model.branches), "test")
    elif what == "close":
        opened = np.flatnonzero(~grid.branch_closed)
        if opened.size:
            grid.close_branch(int(opened[which % opened.size]))
    elif what == "shed":
        grid.feeders.shed(np.array([which % loads]), how, "planned")
    elif what == "restore":
        restore(grid, [which % loads])
    else:
        own = [supply.load for supply in plant.coupling.supplies.declared]
        if which:
            grid.feeders.shed(np.array(own), 20, "planned")
        else:
            restore(grid, own)
    return []


def restore(grid, loads):
    """All feeders, the last opened first; none at a dead bus."""
    for load in loads:
        grid.restore_load(load, BLOCKS)


def test_the_checker_sees_what_is_lost():
    """Each balance, broken on purpose."""
    with running(water=WaterSettings(network="net1", bus="4", replication=60)) as driver:
        balances = Balances(driver.plant)
        driver.checks.append(balances)
        for _ in range(40):
            driver.scan()
        plant = driver.plant
        assert balances.grid_kwh > 0.0
        plant.grid._flow.unit_mw[0] += 1.0
        with pytest.raises(AssertionError):
            balances(plant)
        driver.scan()
        balances._start_volume_m3 += 1.0  # as if a cubic metre had gone from a tank unseen
        with pytest.raises(AssertionError):
            balances(plant)
        balances._start_volume_m3 -= 1.0
        driver.scan()
        plant.grid.feeders.set_draw(0, 0, 1.0)
        with pytest.raises(AssertionError):
            balances(plant)
        plant.grid.feeders.set_draw(0, 0, 0.0)
        plant.grid.load_demand_mw[0] += 1.0
        with pytest.raises(AssertionError):
            balances(plant)


def test_what_pumps_use_comes_from_the_grid_or_from_the_backup():
    """Over two hours with an hour of darkness, every kWh has a source, but for the scan of the loss itself:
    pumps run on to its end."""
    supply = SupplySettings(bus="4", backup_kw=200.0, fuel_h=0.5)
    with running(water=WaterSettings(network="net1", replication=60), supplies=(supply,)) as driver:
        balances = Balances(driver.plant)
        driver.checks.append(balances)
        load = np.array([driver.plant.coupling.supplies.declared[0].load])
        driver.hours(0.5)
        one_scan_kwh = float(driver.plant.water.pump_power_kw.sum()) * SCAN_S / 3600.0
        driver.plant.grid.feeders.shed(load, 20, "planned")
        driver.hours(1.0)
        driver.plant.grid.feeders.restore(load, "planned")
        driver.hours(0.5)
        assert balances.grid_kwh > 10.0
        assert balances.backup_kwh > 10.0
        sources_kwh = balances.grid_kwh + balances.backup_kwh
        assert balances.pump_kwh == pytest.approx(sources_kwh + one_scan_kwh, rel=1e-9)


def test_the_same_script_gives_the_same_truth_to_the_bit():
    """Supplies, backup, batteries and trips follow from what happened alone."""
    script = [
        (("supply", True, 0), 12),
        (("tap", 0.5, 10), 12),
        (("open", 7, 0), 12),
        (("supply", False, 0), 12),
        (("setpoint", 1, 0.7), 12),
        (("pump", 0, "pump_off"), 12),
    ]

    def truths():
        made = []
        seen = {"scans": 0, "kinds": set()}
        drive("ieee39 and net3", script, seen, lambda driver: made.append(driver.report.true.tobytes()))
        return made, seen["kinds"]

    assert truths() == truths()
