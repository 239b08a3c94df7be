"""All set-points at once arrive as they would one by one."""

import numpy as np
import pytest

from simulator.budgets import link_budgets
from simulator.settings import TapBudget
from simulator.unit_orders import UnitOrders
from streams.errors import BadInput
from streams.links import LinkTable
from streams.messages import Tap
from tests.simulator.small_plant import running, unit_orders


@pytest.fixture(scope="module")
def driver():
    with running() as driver:
        yield driver


def table(model, links):
    budget = TapBudget(links=links, eps_share=0.5, eps_tags={}, allow_drop=True, start_s=0.0, end_s=1e6)
    return LinkTable(model, link_budgets(model, (budget,) if links else ()))


def taps(model):
    """Of two units: what is ordered of one is shifted and then held, what of the other is lost."""
    for number, (unit, operation, start_s) in enumerate(
        [(0, "offset", 8.0), (0, "hold", 20.0), (1, "drop", 12.0)]
    ):
        yield Tap(
            "attacker", number, 0, 0.0, link=model.units[unit].command_link, operation=operation,
            tags=[model.units[unit].name], values=[-5.0], start_s=start_s, end_s=start_s + 8.0,
        )  # fmt: skip


@pytest.mark.parametrize("down", [frozenset(), frozenset({"SCADA>S2"})])
def test_at_once_as_one_by_one(driver, down):
    model = driver.plant.model
    links = tuple(dict.fromkeys(unit.command_link for unit in model.units))[:2]
    at_once, one_by_one = table(model, links), table(model, links)
    for tap in taps(model):
        for own in (at_once, one_by_one):
            assert own.accept(tap) is None
            own.set_down(down)
    position = {unit.name: 2 * i for i, unit in enumerate(model.units)}
    position["condenser"] = 1
    orders, rng = UnitOrders(model, at_once, position), np.random.default_rng(1)
    row = {(entry.link, entry.tag): i for i, entry in enumerate(model.link_tags)}
    sent, values = (np.full(len(row), np.nan) for _ in range(2))
    expected = sent.copy(), values.copy()
    for k in range(10):
        power = rng.uniform(10.0, 90.0, len(model.units))
        power[rng.random(len(power)) < 0.2 * (k % 2)] = np.nan
        at_grid = orders.deliver(power, 4.0 * k, sent, values)
        assert np.isnan(at_grid[1])
        arrived = at_grid[[position[unit.name] for unit in model.units]]
        for unit, given, got in zip(model.units, power.tolist(), arrived.tolist(), strict=True):
            if np.isnan(given):
                assert np.isnan(got)
                continue
            alone = one_by_one.apply_command(unit.command_link, unit.name, given, 4.0 * k)
            np.testing.assert_equal(got, alone)
            here = row[unit.command_link, unit.name]
            expected[0][here], expected[1][here] = given, alone
        np.testing.assert_array_equal(sent, expected[0])
        np.testing.assert_array_equal(values, expected[1])
        assert at_once.take_transitions() == one_by_one.take_transitions()
    assert np.isnan(values).sum() < len(values)


def test_a_unit_without_an_order_keeps_its_set_point(driver):
    units = driver.plant.grid._dynamics.units
    before = units.setpoint.copy()
    driver.scan(unit_orders(driver.plant, {"G2": 60.0}))
    changed = np.flatnonzero(units.setpoint != before)
    assert changed.tolist() == [driver.plant._unit_position["G2"]]


def test_as_many_as_units_or_none(driver):
    command = unit_orders(driver.plant, {})
    del command.power_mw[0]
    with pytest.raises(BadInput, match="power_mw of a command"):
        driver.plant.advance([command], driver.k * 4.0)
