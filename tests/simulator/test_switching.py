import math

import numpy as np
import pytest

from simulator.coupling.coolings import Coolings
from simulator.faults import Faults
from simulator.grid.case import initial_dispatch, load_case
from simulator.grid.grid import Grid
from simulator.settings import ControlSettings, CoolingSettings, TapBudget
from simulator.switching import Switching
from simulator.water.water import Water
from streams.messages import Command, Setpoint, Tap
from tests.simulator.control.closed_loop import Loop

COOLED = (CoolingSettings(unit="G32", node="22", replication=1),)


@pytest.fixture
def grid():
    case = load_case("ieee39")
    load = 0.7 * case.load_mw
    grid = Grid(case, initial_dispatch(case, load))
    grid.set_demand(load, 0.7 * case.load_mvar)
    grid.advance(0.0)
    water = Water("net1")
    yield grid, case, Switching(case, grid, Faults((), case, water, ()), Coolings(COOLED, case, grid, water))
    water.close()


def order(element, quantity, value):
    return Setpoint("SCADA>S1", element, quantity, value)


def test_a_branch_opens_and_closes(grid):
    plant, case, switching = grid
    branch = case.branch_index("4-14")
    assert switching.carry_out(order("4-14", "branch_closed", 0.0), 0.0) == ""
    assert not plant.branch_closed[branch]
    assert switching.carry_out(order("4-14", "branch_closed", 1.0), 1.0) == ""
    assert plant.branch_closed[branch]


def test_a_unit_without_cooling_water_does_not_start(grid, monkeypatch):
    plant, case, switching = grid
    unit = case.unit_index("G32")
    plant.trip_unit(unit, "cooling")
    fraction = {"of": 0.2}
    monkeypatch.setattr(Coolings, "_delivered_fraction", lambda self, node: fraction["of"])
    switching._coolings.derate(0.0, [])
    assert switching.carry_out(order("G32", "unit_on", 1.0), 1.0) == "cooling water lacks"
    assert not plant.unit_on[unit]
    fraction["of"] = 0.5  # sustains half its capacity, more than the least it can run at
    switching._coolings.derate(4.0, [])
    assert switching.carry_out(order("G32", "unit_on", 1.0), 1.0) == ""
    assert plant.unit_on[unit]


def test_feeders_follow_the_number_wanted(grid):
    plant, case, switching = grid
    load = [case.bus_name[b] for b in case.load_bus].index("20")
    for wanted in (13.0, 18.0, 20.0, 5.0):
        assert switching.carry_out(order("20", "feeders_closed", wanted), wanted) == ""
        assert plant.feeders_closed[load] == wanted


def test_load_cut_off_while_dead_stays_off_when_the_bus_comes_back(grid):
    plant, case, switching = grid
    load = [case.bus_name[b] for b in case.load_bus].index("18")
    for name in ("3-18", "17-18"):
        switching.carry_out(order(name, "branch_closed", 0.0), 0.0)
    plant.advance(4.0)
    assert plant.feeders_closed[load] == 0
    switching.carry_out(order("18", "feeders_closed", 0.0), 0.0)
    switching.carry_out(order("3-18", "branch_closed", 1.0), 1.0)
    plant.advance(8.0)
    assert plant.bus_energised.all()
    assert plant.feeders_closed[load] == 0


def test_what_cannot_be_done_is_answered_with_the_reason(grid):
    plant, case, switching = grid
    assert switching.carry_out(order("nosuch", "branch_closed", 1.0), 1.0) == "no such element"
    for name in ("3-18", "17-18"):
        switching.carry_out(order(name, "branch_closed", 0.0), 0.0)
    unit = case.unit_index("G30")
    plant._trip_unit(unit, "frequency")
    switching.carry_out(order("2-30", "branch_closed", 0.0), 0.0)
    plant.advance(4.0)
    assert switching.carry_out(order("G30", "unit_on", 1.0), 1.0) != ""


def test_an_order_lost_on_the_way_does_nothing(grid):
    plant, _, switching = grid
    assert switching.carry_out(order("4-14", "branch_closed", 0.0), math.nan) == ""
    assert plant.branch_closed.all()


def test_a_switching_order_can_be_tapped():
    """An attacker on SCADA>S4 turns "close" into "open"."""
    budget = TapBudget(
        links=("SCADA>S4",), eps_share=1.0, eps_tags={}, allow_drop=False, start_s=0.0, end_s=900.0
    )
    loop = Loop(budgets=(budget,))
    tap = Tap(
        producer="attacker", seq=0, k=0, t_s=0.0, link="SCADA>S4", operation="set",
        tags=["4-14/branch_closed"], values=[0.0], start_s=0.0, end_s=900.0,
    )  # fmt: skip
    close = Setpoint("SCADA>S4", "4-14", "branch_closed", 1.0)
    plant = loop.role.plant
    plant.advance([tap, Command("control", 0, 0, 0.0, power_mw=[], setpoints=[close])], 4.0)
    assert not loop.closed("4-14")
    loop.close()


def test_links_and_tags_for_every_order():
    loop = Loop()
    tags = {(entry.link, entry.tag) for entry in loop.model.link_tags}
    for branch in loop.model.branches:
        assert (f"SCADA>S{branch.from_bus}", f"{branch.name}/branch_closed") in tags
    for bus in loop.model.buses:
        assert bool(bus.feeders_tag) == ((f"SCADA>{bus.station}", f"{bus.name}/feeders_closed") in tags)
    feeders = [tag for tag in loop.model.tags if tag.unit == "feeders"]
    assert len(feeders) == len(loop.case.load_bus)
    assert all((tag.low, tag.high) == (0.0, 20.0) for tag in feeders)
    loop.grid.shed_load(3, 7)
    loop.run(8.0)
    position = [tag.name for tag in loop.model.tags].index(
        f"S{loop.case.bus_name[loop.case.load_bus[3]]}/feeders_closed"
    )
    assert loop.role.plant.sampling.true[position] == 13.0
    assert np.isfinite(loop.role.plant.sampling.received[position])
    loop.close()


def test_without_restoration_no_order_has_a_tag():
    loop = Loop(control=ControlSettings(restoration=False))
    assert not any(
        entry.tag.endswith(("branch_closed", "feeders_closed", "unit_on")) for entry in loop.model.link_tags
    )
    loop.close()
