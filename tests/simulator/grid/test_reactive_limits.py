"""Units within their reactive limits: every state is checked from first principles."""

from itertools import pairwise

import numpy as np
import pytest

from simulator.grid.case import load_case
from simulator.grid.model import UnitModes
from simulator.grid.powerflow import PowerFlow
from simulator.grid.protection import DynamicsSettings
from simulator.grid.reactive_limits import MAX_RETURNS, SETTLED, Machines, may_stay, next_step
from tests.reference import grid_powerflow as oracle
from tests.simulator.grid.driving import NO_RELAYS, apparent_loading, solve_flow, start

# Loads and units are float32 in the model: 3e-5 MVA at 1,000 MVA, a few of them at a bus.
MISMATCH_MVA = 1e-3
# Width of the band in which a unit at a limit does not yet take up control again, and rounding.
LIMIT_MVAR, LIMIT_PU = 2e-3, 1.1e-4


def limited(case, slack_bus=-1):
    return PowerFlow(case, case.unit_inertia_s * case.unit_p_max_mw, slack_bus, q_limits=True)


def solve_scaled(flow, case, scale):
    load_mw, load_mvar = (
        (case.load_mw * scale).astype(np.float32),
        (case.load_mvar * scale).astype(np.float32),
    )
    (first,) = flow.solve(load_mw, load_mvar, case.unit_scheduled_mw * scale)
    assert first != "none"
    return load_mw, load_mvar


def check(flow, case, load_mw, load_mvar):
    faults = oracle.limit_faults(case, flow.voltage, flow.unit_on, flow.unit_mvar, LIMIT_MVAR, LIMIT_PU)
    assert faults == []
    left = oracle.mismatches_mva(
        case, flow.voltage, flow.closed, load_mw, load_mvar, flow.unit_mw, flow.unit_mvar
    )
    assert np.abs(left).max() < MISMATCH_MVA


@pytest.mark.parametrize(
    ("name", "n_limited"), [("ieee14", 1), ("ieee39", 1), ("rts24", 5), ("ieee118", 9), ("ieee300", 21)]
)
def test_published_schedule_within_limits(name, n_limited):
    case = load_case(name)
    flow = limited(case)
    check(flow, case, *solve_scaled(flow, case, 1.0))
    assert np.count_nonzero(flow.unit_mode) == n_limited


@pytest.mark.parametrize("name", ["ieee39", "ieee118"])
def test_units_leave_their_limits_again(name):
    """Load falls and rises, each power flow starting from the last: units go to limits and come back."""
    case = load_case(name)
    flow, modes = limited(case), []
    for scale in (1.0, 0.9, 0.7, 0.6, 0.5, 0.6, 0.8, 1.0, 1.05, 1.0):
        check(flow, case, *solve_scaled(flow, case, scale))
        modes.append(flow.unit_mode.copy())
    assert any((now != 0).sum() > (then != 0).sum() for then, now in pairwise(modes))
    assert any((now != 0).sum() < (then != 0).sum() for then, now in pairwise(modes))


def test_where_lines_charge_more_than_units_may_absorb_some_go_beyond():
    """At 0.4 of its load case 39 has no operating point within the lower limits: voltages stay sane, and some
    units absorb more than they may."""
    case = load_case("ieee39")
    flow = limited(case)
    for scale in (1.0, 0.7, 0.5, 0.4):
        solve_scaled(flow, case, scale)
    beyond = flow.unit_mvar < np.minimum(case.unit_q_min_mvar, 0.0) - 1.0
    assert 1 <= beyond.sum() < len(case.unit_name)
    assert (flow.unit_mode[beyond] == 0).all()
    held = flow.magnitude[case.unit_bus] - case.unit_voltage_pu
    np.testing.assert_allclose(held[beyond], 0.0, atol=1e-6)
    assert (np.abs(held) < 0.1).all()
    check(flow, case, *solve_scaled(flow, case, 0.6))


def test_a_unit_at_its_limit_still_shares_the_imbalance():
    case = load_case("ieee118")
    flow = limited(case)
    solve_scaled(flow, case, 1.0)
    share = case.unit_inertia_s * case.unit_p_max_mw
    at_limit = (flow.unit_mode != 0) & (share > 0.0)
    assert at_limit.any()
    taken = (flow.unit_mw - case.unit_scheduled_mw) / share.clip(1e-9)
    np.testing.assert_allclose(taken[share > 0.0], taken[share > 0.0][0], rtol=1e-3)


def test_steady_limits_cost_no_further_power_flow():
    case = load_case("ieee118")
    flow = limited(case)
    solve_scaled(flow, case, 1.0)
    assert (flow.unit_mode != 0).any()
    model, calls = Counting(flow.islands[0]._model), []
    flow.islands[0]._model = model
    for scale in (1.0, 1.0005, 1.001):
        solve_scaled(flow, case, scale)
        calls.append(model.solves)
    assert calls == [1, 2, 3]


class Counting:
    """Counts the power flows of a model."""

    def __init__(self, model):
        self._model, self.solves = model, 0

    def __getattr__(self, name):
        return getattr(self._model, name)

    def ac_pf(self, *arguments):
        self.solves += 1
        return self._model.ac_pf(*arguments)


def test_a_unit_that_trips_and_starts_again_holds_its_voltage():
    case = load_case("ieee118")
    flow = limited(case)
    solve_scaled(flow, case, 1.0)
    unit = int(np.flatnonzero(flow.unit_mode)[0])
    flow.drop_unit(unit)
    flow.update_topology()
    loads = solve_scaled(flow, case, 1.0)
    check(flow, case, *loads)
    assert flow.unit_mw[unit] == flow.unit_mvar[unit] == 0.0
    flow.start_unit(unit)
    flow.update_topology()
    check(flow, case, *solve_scaled(flow, case, 1.0))
    assert flow.unit_mode[unit] != 0


def test_without_limits_the_set_points_hold():
    case = load_case("ieee118")
    grid = start(case, NO_RELAYS, DynamicsSettings(q_limits=False), as_published=True)
    voltage = grid.bus_voltage_pu[case.unit_bus]
    # Set-points are float32 in the model.
    np.testing.assert_allclose(voltage, case.unit_voltage_pu, atol=1e-6)
    assert (grid.unit_reactive_mvar > case.unit_q_max_mvar + 1.0).any()
    assert not grid.unit_reactive_limit.any()


def test_a_chosen_slack_takes_the_whole_imbalance():
    """The reference table's problem, in the running grid; the part without that unit shares its own."""
    case = load_case("ieee39")
    settings = DynamicsSettings(slack_bus="31", q_limits=False)
    flow = PowerFlow(case, case.unit_inertia_s * case.unit_p_max_mw, case.bus_index("31"))
    solve_flow(flow, case, case.unit_scheduled_mw)
    unit = case.unit_index("G31")
    others = np.arange(len(case.unit_name)) != unit
    assert flow.unit_mw[unit] == pytest.approx(677.871, rel=1e-4)
    np.testing.assert_allclose(flow.unit_mw[others], case.unit_scheduled_mw[others], atol=1e-4)
    grid = start(case, NO_RELAYS, settings, as_published=True)
    grid.open_branch(case.branch_index("16-19"), "test")
    grid._trip_unit(unit, "test")
    grid.advance(4.0)
    assert len(grid._flow.islands) == 2
    assert np.abs(grid.balance().mismatch_mw).max() < 1e-3
    assert apparent_loading(grid._flow, case).max() > 0.0


@pytest.mark.parametrize("seed", range(8))
def test_the_rule_equals_the_oracle(seed):
    """Random states of 118's units; none of them astray, which the power flow's own tests cover."""
    rng = np.random.default_rng(seed)
    case = load_case("ieee118")
    modes = UnitModes.of(case, limited=True)
    g = len(case.unit_name)
    units = np.flatnonzero(rng.random(g) < 0.8)
    seen, stayed = set(), 0
    for _ in range(60):
        mode = rng.choice([-1, 0, 0, 1], g)
        returns = rng.choice([0, 0, 1, MAX_RETURNS], g) if rng.random() < 0.5 else np.zeros(g, dtype=np.int64)
        within = rng.uniform(modes.low_mvar, modes.high_mvar)
        wide = rng.random() < 0.3
        mvar = np.where(rng.random(g) < 0.1 * wide, within + rng.choice([-900.0, 900.0], g), within)
        off_pu = 0.05 * (rng.random() < 0.7)
        voltage = np.ones(len(case.bus_name), dtype=np.complex128)
        voltage[case.unit_bus] = case.unit_voltage_pu + rng.uniform(-off_pu, off_pu, g) * rng.choice(
            [0.0, 1.0], g
        )
        machines = Machines(
            units,
            case.unit_bus,
            case.unit_voltage_pu,
            modes.low_mvar,
            modes.high_mvar,
            mode,
            mode.copy(),
            np.zeros(g, dtype=np.bool_),
            returns,
        )
        step, first = next_step(machines, voltage, mvar)
        expected = oracle.next_modes(case, units, mode, voltage, mvar, returns, MAX_RETURNS)
        assert {int(i): int(machines.wanted[i]) for i in units if machines.wanted[i] != mode[i]} == expected
        assert (step == SETTLED) == (not expected)
        assert first in expected or not expected
        stay = [
            may_stay(
                mode[i],
                voltage[case.unit_bus[i]],
                mvar[i],
                case.unit_voltage_pu[i],
                modes.low_mvar[i],
                modes.high_mvar[i],
            )
            for i in units
        ]
        assert step == SETTLED or not all(stay)
        stayed += all(stay)
        seen.add(step)
    assert len(seen) == 3
    assert stayed
