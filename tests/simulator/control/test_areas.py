import numpy as np
import pytest

from simulator.control.agc import area_control_error
from simulator.control.areas import Areas
from simulator.control.received import ReceivedState
from simulator.settings import ControlSettings
from tests.simulator.control.closed_loop import Loop


def test_ace_follows_the_standard():
    """BAL-001: NI_A 120, NI_S 100, B -50 MW/0.1 Hz, frequency 0.02 Hz low: 20 - 10 (-50) (-0.02) = 10 MW."""
    assert area_control_error(120.0, 100.0, 500.0, -0.02) == pytest.approx(10.0)


def test_one_area_is_the_whole_grid(model):
    areas = Areas(model, ReceivedState(model), ControlSettings())
    areas.regroup(np.zeros(5, dtype=int), np.ones(7, dtype=bool))
    assert len(areas._zones) == 1
    assert not areas._zones[0].ties.size


def test_islands_regulate_apart_and_carry_their_share_over(model):
    areas = Areas(model, ReceivedState(model), ControlSettings())
    areas.regroup(np.zeros(5, dtype=int), np.ones(7, dtype=bool))
    areas._zones[0].agc.integral_mw = 55.0
    areas.regroup(np.array([0, 0, 0, 0, 4]), np.ones(7, dtype=bool))
    capacity = np.array([u.p_max_mw for u in model.units])
    expected = 55.0 * np.array([capacity[:2].sum(), capacity[2]]) / capacity.sum()
    assert [z.agc.integral_mw for z in areas._zones] == pytest.approx(expected.tolist())


@pytest.fixture(scope="module")
def three_areas():
    loop = Loop("ieee39", load_scale=0.8)
    loop.run(700.0)
    yield loop
    loop.close()


def interchange(loop, area):
    """True net export of an area, MW, metered where the control centre meters it."""
    bus_area = np.array([bus.area for bus in loop.model.buses])
    case, flow = loop.case, loop.grid.branch_flow_from_mw
    out = (bus_area[case.branch_from] == area) & (bus_area[case.branch_to] != area)
    back = (bus_area[case.branch_from] != area) & (bus_area[case.branch_to] == area)
    return float(flow[out].sum() - flow[back].sum())


def test_case39_has_three_areas(three_areas):
    assert len(three_areas.centre._areas._zones) == 3


def test_the_area_that_has_the_disturbance_makes_up_for_it(three_areas):
    """A step of load in one area: its own units take it, interchange and frequency return."""
    loop = three_areas
    unit_area = np.array([loop.case.bus_area[b] for b in loop.case.unit_bus])
    load = int(np.flatnonzero(loop.case.bus_area[loop.case.load_bus] == 1)[0])
    units, exports = loop.grid.unit_power_mw.copy(), [interchange(loop, area) for area in (1, 2, 3)]
    blocks = round(60.0 / loop.case.load_mw[load] * 20.0)
    shed = loop.grid.shed_load(load, max(blocks, 1)) * loop.grid.load_demand_mw[load] / 20.0
    loop.run(190.0)  # the next redispatch, at 900 s, shares it anew
    change = np.array([(loop.grid.unit_power_mw - units)[unit_area == area].sum() for area in (1, 2, 3)])
    assert loop.grid.bus_frequency_hz.max() == pytest.approx(60.0, abs=0.02)
    assert change[0] < -0.6 * shed
    moved = [interchange(loop, area) - before for area, before in zip((1, 2, 3), exports, strict=True)]
    assert abs(moved[0]) < 0.5 * shed
