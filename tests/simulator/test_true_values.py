"""True values: every tag shows the quantity that its name says, dead parts and opened switches included."""

import numpy as np

from simulator.settings import NatureSettings
from tests.simulator.small_plant import running


def test_every_tag_is_the_quantity_of_its_element():
    with running() as driver:
        driver.scan()
        driver.isolate("14")
        driver.plant.grid.shed_load(0, 3)
        driver.hours(2.0 / 60.0)
        plant, grid, case = driver.plant, driver.plant.grid, driver.plant._case
        true = dict(zip((tag.name for tag in plant.model.tags), plant.sampling.true.tolist(), strict=True))
        load_of_bus = {int(bus): i for i, bus in enumerate(case.load_bus)}
        frequency_hz = np.where(grid.bus_energised, grid.bus_frequency_hz, 0.0)
        for node in plant.model.buses:
            bus = case.bus_index(node.name)
            assert true.pop(node.voltage_tag) == grid.bus_voltage_pu[bus]
            if node.load_tag:
                assert true.pop(node.load_tag) == grid.load_served_mw[load_of_bus[bus]]
                assert true.pop(node.feeders_tag) == grid.feeders_closed[load_of_bus[bus]]
        for unit in plant.model.units:
            assert true.pop(unit.power_tag) == grid.unit_power_mw[case.unit_index(unit.name)]
            assert true.pop(unit.frequency_tag, None) in (None, frequency_hz[case.bus_index(unit.bus)])
        for i, branch in enumerate(plant.model.branches):
            assert true.pop(branch.flow_tag) == grid.branch_flow_from_mw[i]
            assert true.pop(branch.status_tag) == grid.branch_closed[i]
        # What is left is the water side's, of its last sample at two minutes.
        signals = plant.sampling._truth._water.read().tolist()
        assert sorted(true.values()) == sorted(signals)
        assert not grid.bus_energised[case.bus_index("14")]
        assert grid.feeders_closed[0] == 17


def test_wind_and_sun_show_what_they_could_give():
    nature = NatureSettings(renewable_units={"G2": "wind"})
    with running(nature=nature) as driver:
        for _ in range(3):
            driver.scan()
            (unit,) = (u for u in driver.plant.model.units if u.available_tag)
            assert driver.value(unit.available_tag, "true") == driver.plant._nature.available_mw[0]
