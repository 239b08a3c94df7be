"""Where no operating point lies within reactive limits, fields are forced as long as machines stand it."""

import numpy as np
import pytest

from simulator.grid.case import load_case
from simulator.grid.grid import Grid
from simulator.grid.protection import FIELD_COOLED_S, FORCING_PU, FORCING_S, ProtectionSettings
from tests.simulator.grid.driving import NO_RELAYS, only, watched

# A cheapest dispatch at 0.8 of nominal load: the west, with G30 and G39 at rest, lives on the east's power.
CHEAPEST_MW = np.array([0.0, 640.0, 700.0, 640.0, 507.0, 685.0, 579.0, 561.0, 690.0, 0.0])


def two_corridors_out(protection, scale=1.2, dispatch_mw=None):
    """Case 39 without 4-14 and, 4 s later, 6-11: the west hangs on line 16-17."""
    case = load_case("ieee39")
    dispatch_mw = case.unit_scheduled_mw * scale if dispatch_mw is None else dispatch_mw
    grid = watched(Grid(case, dispatch_mw, protection))
    grid.set_demand(case.load_mw * scale, case.load_mvar * scale)
    grid.open_branch(case.branch_index("4-14"), "test")
    events = grid.advance(4.0)
    assert not [e for e in events if e.kind == "field_forced"]
    grid.open_branch(case.branch_index("6-11"), "test")
    return case, grid


def test_fields_are_forced_for_thirty_seconds_and_no_longer():
    case, grid = two_corridors_out(NO_RELAYS)
    events = grid.advance(4.0 + FORCING_S - 0.01)
    forced = [e for e in events if e.kind == "field_forced"]
    assert forced[0].t_s == 4.0
    assert {e.kind for e in events} == {"switch", "field_forced"}
    over = {case.unit_name[i] for i in np.flatnonzero(grid.unit_reactive_mvar > case.unit_q_max_mvar + 1.0)}
    assert over <= {e.element for e in forced}
    assert (grid.unit_reactive_mvar <= FORCING_PU * case.unit_q_max_mvar + 1e-3).all()
    assert grid.load_shed_mw.sum() == 0.0
    events = grid.advance(4.0 + FORCING_S + 1.0)
    assert next(e for e in events if e.kind == "solver").t_s == pytest.approx(4.0 + FORCING_S, abs=1.0)
    assert grid.load_shed_mw.sum() > 0.0
    running = grid.unit_on
    assert (grid.unit_reactive_mvar <= case.unit_q_max_mvar + 1.0)[running].all()


def test_relays_come_before_the_limits():
    """16-17 trips on overload while the fields are forced; what is left is within the limits."""
    case, grid = two_corridors_out(ProtectionSettings(), 0.8, CHEAPEST_MW)
    events = grid.advance(60.0)
    kinds = [e.kind for e in events]
    assert kinds.index("field_forced") < kinds.index("line_trip")
    assert "voltage_collapse" not in kinds
    assert (grid.unit_reactive_mvar <= case.unit_q_max_mvar + 1.0).all()
    assert 0.0 < grid.load_shed_mw.sum() < 0.3 * grid.load_demand_mw.sum()


def test_a_hot_field_is_not_forced_again():
    case, grid = two_corridors_out(only(check_angle_deg=90.0, check_voltage_pu=1.0))
    grid.advance(4.0 + 10.0)
    tie = case.branch_index("6-11")
    assert grid.close_branch(tie) == ""
    grid.advance(4.0 + FORCING_S + 60.0)
    assert grid.load_shed_mw.sum() == 0.0
    grid.open_branch(tie, "test")
    events = grid.advance(grid.t_s + 1.0)
    assert "solver" in [e.kind for e in events], f"cooled only after {FIELD_COOLED_S:g} s"
