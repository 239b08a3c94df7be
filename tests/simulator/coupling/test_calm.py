"""In calm the coupling does nothing; what it then leaves out must not be missed."""

import numpy as np
import pytest

from simulator.settings import CoolingSettings, SupplySettings, WaterSettings
from tests.simulator.small_plant import running
from tests.simulator.small_town import write_town


def story(town, forget):
    """Eight minutes of shedding and separation; forget: all that the coupling remembers of calm."""
    own = {
        "water": WaterSettings(network=town, replication=50),
        "supplies": (SupplySettings(bus="14", feeder=2, restart_s=8.0, backup_kw=30.0),),
        "coolings": (CoolingSettings(unit="G1", node="J1", technology="gas_once_through"),),
    }
    with running(**own) as driver:
        grid, coupling, seen = driver.plant.grid, driver.plant.coupling, []
        load = np.array([grid._load_of_bus["14"]])
        for scan in range(120):
            if forget:
                coupling.supplies._drawn_kw = coupling.coolings._seen = None
                coupling._stations._batteries.full = False
            if scan == 20:
                grid.feeders.shed(load, 4, "planned")
            if scan == 50:
                grid.feeders.restore(load, "planned")
            if scan == 70:
                driver.isolate("14")
            report = driver.scan()
            seen.append((report.true.tobytes(), report.measured.tobytes(), report.events))
        return seen


@pytest.fixture
def town(tmp_path):
    return write_town(tmp_path)


def test_what_is_left_out_in_calm_is_not_missed(town):
    calm, thorough = story(town, forget=False), story(town, forget=True)
    assert calm == thorough
    kinds = {event.kind for *_, events in calm for event in events}
    assert {"pump_lost", "pump_back", "backup_on"} <= kinds


def test_islands_that_change_give_another_array_of_energised_buses():
    with running() as driver:
        driver.scan()
        before = driver.plant.grid.bus_energised
        driver.scan()
        assert driver.plant.grid.bus_energised is before
        driver.isolate("14")
        driver.scan()
        after = driver.plant.grid.bus_energised
        assert after is not before
        assert before.all()
        assert not after.all()
