"""No solution, voltage collapse and blackout: always recorded, never the end of the run."""

import numpy as np
import pytest

from simulator.grid.case import load_case
from simulator.grid.feeders import BLOCKS
from simulator.grid.solver import IslandSolver
from tests.simulator.grid.driving import NO_RELAYS, check_state, only, solve_flow, start, watched


def overstressed(name, factor, protection=NO_RELAYS):
    """A grid whose demand grew beyond what the network can carry, and what happened before frequency fell."""
    case = load_case(name)
    grid = watched(start(case, protection, as_published=True))
    grid.set_demand(case.load_mw * factor, case.load_mvar * factor)
    return grid, grid.advance(0.05)


@pytest.mark.parametrize(
    ("name", "factor"), [("ieee39", 2.5), ("rts24", 3.0), ("ieee118", 3.5), ("ieee300", 2.0)]
)
def test_non_convergence_is_recorded_and_relieved(name, factor):
    grid, events = overstressed(name, factor)
    kinds = [event.kind for event in events]
    assert "solver" in kinds
    shed = [event for event in events if event.kind == "load_shed"]
    assert {event.cause for event in shed} <= {"uvls", "voltage_collapse", "island"}
    assert sum(event.value for event in shed) == pytest.approx(grid.load_shed_mw.sum())
    collapses = sum(event.value for event in events if event.kind == "voltage_collapse")
    assert collapses == pytest.approx(grid.shed_mw_by_cause["voltage_collapse"])
    assert kinds.index("solver") < kinds.index("load_shed")
    assert all(np.isfinite(event.value) for event in events)
    check_state(grid)
    before = grid.load_shed_mw.sum()
    grid.advance(8.0)
    assert grid.load_shed_mw.sum() >= before


def test_relief_stays_local():
    """One load that grows beyond its feed takes its own surroundings down, not the grid."""
    case = load_case("ieee118")
    grid = watched(start(case, NO_RELAYS, as_published=True))
    load_mw, load_mvar = case.load_mw.copy(), case.load_mvar.copy()
    load = list(case.load_bus).index(case.bus_index("117"))
    load_mw[load], load_mvar[load] = 900.0, 400.0
    grid.set_demand(load_mw, load_mvar)
    events = grid.advance(4.0)
    assert "solver" in [event.kind for event in events]
    assert grid.feeders.closed_blocks()[load] < BLOCKS
    others = np.delete(grid.load_shed_mw, load).sum()
    assert others < 0.05 * case.load_mw.sum()


def never(self, *_):
    return "none"


def test_an_island_that_nothing_relieves_is_blacked_out_and_the_run_goes_on(monkeypatch):
    case = load_case("ieee39")
    grid = start(case, as_published=True)
    with monkeypatch.context() as broken:
        broken.setattr(IslandSolver, "solve", never)
        events = grid.advance(4.0)
    kinds = {event.kind for event in events}
    assert {"solver", "voltage_collapse", "load_shed", "generator_trip", "island"} <= kinds
    assert_black(grid, case)


def test_relief_that_never_lasts_ends_in_a_blackout(monkeypatch):
    """A solution that ``relieve`` finds and the next power flow does not: the loop must end, and say so."""
    case = load_case("ieee39")
    grid = start(case, as_published=True)
    monkeypatch.setattr("simulator.grid.solving.relieve", lambda *_: [])
    with monkeypatch.context() as broken:
        broken.setattr(IslandSolver, "solve", never)
        events = grid.advance(4.0)
    assert [event.cause for event in events if event.kind == "voltage_collapse"] == ["blackout"]
    assert_black(grid, case)


def assert_black(grid, case):
    assert not grid.bus_energised.any()
    assert not grid.unit_on.any()
    for _ in range(3):
        grid.set_demand(case.load_mw * 1.1, case.load_mvar)
        grid.set_setpoints(case.unit_scheduled_mw)
        assert grid.advance(grid.t_s + 4.0) == []
        assert np.isnan(grid.bus_frequency_hz).all()
        assert grid.load_served_mw.sum() == 0.0
        assert grid.losses_mw == 0.0
        assert not grid.branch_loading_pu.any()
        assert grid.load_shed_mw.sum() == pytest.approx(1.1 * case.load_mw.sum())
        check_state(grid)
    grid.open_branch(0, "test")
    grid.advance(grid.t_s + 4.0)
    grid.close_branch(0)
    grid.advance(grid.t_s + 4.0)
    assert np.isnan(grid.bus_frequency_hz).all()


def test_a_total_blackout_by_under_frequency():
    case = load_case("rts24")
    protection = only(unit_low_hz=((57.0, 0.0),))
    grid = watched(start(case, protection, as_published=True))
    grid.set_demand(case.load_mw * 1.9, case.load_mvar)
    events = []
    for _ in range(30):
        events += grid.advance(grid.t_s + 4.0)
    assert sorted(e.element for e in events if e.kind == "generator_trip") == sorted(case.unit_name)
    grid.close_branch(0)
    assert_black(grid, case)


class ShortCircuit:
    """A model whose every solution has one bus at 0 V, as lightsim2grid's may."""

    def __init__(self, model, bus):
        self._model, self._bus = model, bus

    def __getattr__(self, name):
        return getattr(self._model, name)

    def ac_pf(self, *arguments):
        voltage = self._model.ac_pf(*arguments).copy()
        if len(voltage):
            voltage[self._bus] = 0.0
        return voltage


def test_a_voltage_of_zero_is_no_solution():
    """A bus without injection also satisfies the power equations at 0 V, where it is a short circuit."""
    case = load_case("ieee118")
    grid = start(case, NO_RELAYS, as_published=True)
    solver = grid._flow.islands[0]
    before = grid._flow.voltage.copy()
    solver._model = ShortCircuit(solver._model, case.bus_index("43"))
    assert solve_flow(grid._flow, case, case.unit_scheduled_mw) == ["none"]
    assert (grid._flow.voltage == before).all()


def test_an_error_inside_the_solver_is_an_event_and_the_run_goes_on():
    case = load_case("ieee39")
    grid = start(case, NO_RELAYS, as_published=True)
    grid._flow.islands[0]._model = Broken(grid._flow.islands[0]._model)
    kinds = {event.kind for event in grid.advance(4.0)}
    assert {"solver", "voltage_collapse"} <= kinds
    assert_black(grid, case)


class Broken:
    """A model whose solver fails."""

    def __init__(self, model):
        self._model = model

    def __getattr__(self, name):
        return getattr(self._model, name)

    def ac_pf(self, *arguments):
        raise RuntimeError("singular")

    dc_pf = ac_pf
