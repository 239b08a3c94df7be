"""Frequency against an independent integration, the published closed form and the plain-Python sub-steps."""

from dataclasses import replace

import numpy as np
import pytest

from simulator.grid.case import load_case
from simulator.grid.dynamics import FrequencyDynamics, unit_limits_hz
from simulator.grid.grid import Grid
from simulator.grid.protection import DynamicsSettings, ProtectionSettings
from tests.reference import grid_dynamics as oracle
from tests.simulator.grid.driving import NO_RELAYS, start

LOSSES_MW = 40.0


def one_island(case, settings, load_mw, protection=NO_RELAYS):
    """All units and loads in one island, in steady state at the case's nominal load."""
    dynamics = FrequencyDynamics(case, protection, settings)
    n = len(case.bus_name)
    whole = np.zeros(n, dtype=np.int64)
    low, high = case.unit_p_min_mw, case.unit_p_max_mw
    share = (case.load_mw.sum() + LOSSES_MW - low.sum()) / (high - low).sum()
    power = low + share * (high - low)
    dynamics.settle(power)
    dynamics.regroup(whole, np.ones(len(low), dtype=np.bool_), np.full(n, case.nominal_hz))
    put_load(dynamics, case, load_mw, np.array([LOSSES_MW]))
    return dynamics, power


def put_load(dynamics, case, load_mw, losses_mw):
    """Connected demand (d,) at nominal frequency, and losses per island."""
    for k in range(len(losses_mw)):
        dynamics.islands.load_mw[k] = load_mw[dynamics.loads.island == k].sum()
    dynamics.take_losses(losses_mw)


@pytest.mark.parametrize("name", ["ieee39", "rts24", "ieee118"])
@pytest.mark.parametrize("step", [-0.2, -0.03, 0.03, 0.08])
def test_load_step_against_an_adaptive_integration(name, step):
    case, settings = load_case(name), DynamicsSettings(load_damping_pu=1.5)
    load_mw = case.load_mw * (1.0 + step)
    dynamics, power = one_island(case, settings, load_mw)
    model = (60.0, 1.5, settings.valve_s, settings.reheat_s, settings.high_pressure_share)
    t_s = np.arange(0.0, 60.5, 0.5)
    units = dynamics.units
    expected = oracle.frequency_hz(
        t_s,
        power,
        units.low,
        units.high,
        units.droop_mw_per_hz,
        float(dynamics.participation.sum()),
        float(load_mw.sum()),
        LOSSES_MW,
        model,
    )
    found = [60.0]
    for _ in t_s[1:]:
        dynamics.run(0.5)
        found.append(float(dynamics.islands.hz[0]))
    deepest = np.abs(expected - 60.0).max()
    assert deepest > 0.05
    np.testing.assert_allclose(found, expected, atol=0.01 * deepest)


# Inertia s, droop pu, load damping pu, reheat s, high-pressure share: the paper's example and its neighbours.
SYSTEMS = [
    (4.0, 0.05, 1.0, 8.0, 0.3),
    (4.0, 0.05, 0.0, 8.0, 0.3),
    (5.0, 0.05, 0.5, 8.0, 0.25),
    (6.0, 0.04, 1.0, 10.0, 0.25),
    (4.0, 0.08, 2.0, 6.0, 0.35),
    (3.0, 0.06, 1.0, 7.0, 0.2),
]


@pytest.mark.parametrize(("inertia_s", "droop_pu", "damping_pu", "reheat_s", "share"), SYSTEMS)
@pytest.mark.parametrize("step_pu", [-0.02, 0.03])
def test_load_step_against_the_closed_form_of_the_reheat_system(
    inertia_s, droop_pu, damping_pu, reheat_s, share, step_pu
):
    """Anderson and Mirheydar 1990, with the sub-step that runs use: extreme, its time and the end within 1 %.

    Their model has no valve lag and no limits: the lag is made negligible, the step too small for limits.
    """
    published = load_case("ieee39")
    g = len(published.unit_name)
    case = replace(published, unit_inertia_s=np.full(g, inertia_s), unit_droop_pu=np.full(g, droop_pu))
    base_mw = case.unit_p_max_mw.sum()
    settings = DynamicsSettings(
        valve_s=1e-4, load_damping_pu=damping_pu, reheat_s=reheat_s, high_pressure_share=share
    )
    load_mw = case.load_mw.copy()
    load_mw[0] -= step_pu * base_mw
    dynamics, _ = one_island(case, settings, load_mw)
    system = (droop_pu, inertia_s, reheat_s, share, damping_pu * load_mw.sum() / base_mw)
    t_s = np.arange(1, 2401) * settings.step_s
    expected = 60.0 * oracle.reheat_step_pu(t_s, step_pu, *system)
    found = []
    for _ in t_s:
        dynamics.run(settings.step_s)
        found.append(float(dynamics.islands.hz[0]) - 60.0)
    extreme, instant = int(np.argmax(np.abs(expected))), int(np.argmax(np.abs(found)))
    assert found[instant] == pytest.approx(expected[extreme], rel=0.01)
    assert t_s[instant] == pytest.approx(
        oracle.reheat_extreme_s(*system), rel=0.01, abs=1.5 * settings.step_s
    )
    assert found[-1] == pytest.approx(expected[-1], rel=0.01)
    assert found[-1] == pytest.approx(60.0 * oracle.steady_pu(step_pu, droop_pu, system[-1]), rel=0.02)
    np.testing.assert_allclose(found, expected, atol=0.01 * np.abs(expected).max())
    if step_pu < 0.0:
        assert dynamics.lowest_hz == 60.0 + min(found)


def test_two_islands_each_follow_their_own_closed_form():
    """The same network in two parts, disturbed differently: neither feels the other."""
    case = load_case("ieee39")
    g, n = len(case.unit_name), len(case.bus_name)
    case = replace(case, unit_inertia_s=np.full(g, 4.0))
    settings = DynamicsSettings(valve_s=1e-4, load_damping_pu=0.0)
    dynamics, power = one_island(case, settings, case.load_mw)
    part = np.zeros(n, dtype=np.int64)
    part[case.unit_bus[5:]] = 1
    dynamics.regroup(part, np.ones(g, dtype=np.bool_), np.full(n, 60.0))
    for k, step_mw in enumerate((60.0, -45.0)):
        own = dynamics.units.island == k
        dynamics.islands.load_mw[k], dynamics.islands.losses_mw[k] = power[own].sum() + step_mw, 0.0
    found = []
    for _ in range(120):
        dynamics.run(0.25)
        found.append(dynamics.islands.hz[:2] - 60.0)
    for k, step_mw in enumerate((60.0, -45.0)):
        base_mw = case.unit_p_max_mw[dynamics.units.island == k].sum()
        t_s = 0.25 * np.arange(1, 121)
        expected = 60.0 * oracle.reheat_step_pu(t_s, -step_mw / base_mw, 0.05, 4.0, 8.0, 0.3, 0.0)
        np.testing.assert_allclose(np.array(found)[:, k], expected, atol=0.01 * np.abs(expected).max())


def test_the_nadir_between_two_power_flows_counts():
    """The lowest frequency lies within a scan, not at its end."""
    case = load_case("ieee39")
    grid = start(case, NO_RELAYS)
    grid.set_demand(case.load_mw * 1.05, case.load_mvar)
    ends = []
    for scan in range(6):
        grid.advance(20.0 * (scan + 1))
        ends.append(grid.bus_frequency_hz[0])
    assert grid.lowest_frequency_hz < min(ends) - 0.05
    finer = start(case, NO_RELAYS)
    finer.set_demand(case.load_mw * 1.05, case.load_mvar)
    seen = []
    for scan in range(1200):
        finer.advance(0.1 * (scan + 1))
        seen.append(finer.bus_frequency_hz[0])
    assert grid.lowest_frequency_hz == pytest.approx(min(seen), abs=0.02)


def test_governors_rest_within_their_deadband():
    case = load_case("ieee39")
    settings = DynamicsSettings(load_damping_pu=1.0, deadband_hz=0.036)
    load_mw = case.load_mw * 1.0004
    dynamics, power = one_island(case, settings, load_mw)
    dynamics.run(600.0)
    deviation_hz = dynamics.islands.hz[0] - 60.0
    # Damping alone holds a small imbalance: L D df / f0 = dP.
    assert deviation_hz == pytest.approx(-60.0 * 0.0004 / 1.0004, rel=0.01)
    np.testing.assert_allclose(dynamics.units.power, power)
    dynamics, power = one_island(case, settings, case.load_mw * 1.02)
    dynamics.run(600.0)
    deviation_hz = dynamics.islands.hz[0] - 60.0
    droop_mw_per_hz = dynamics.units.droop_mw_per_hz.sum()
    given_mw = dynamics.units.power.sum() - power.sum()
    assert given_mw == pytest.approx(-droop_mw_per_hz * (deviation_hz + 0.036), rel=1e-6)


def test_grid_settles_where_droop_and_damping_say():
    case = load_case("ieee39")
    grid = start(case, NO_RELAYS, DynamicsSettings(load_damping_pu=1.0))
    before_mw = grid.unit_power_mw.sum()
    grid.set_demand(case.load_mw * 1.02, case.load_mvar * 1.02)
    for scan in range(75):
        grid.advance(4.0 * (scan + 1))
    deviation_hz = grid.bus_frequency_hz[0] - 60.0
    droop_mw_per_hz = (case.unit_p_max_mw / (case.unit_droop_pu * 60.0)).sum()
    assert np.ptp(grid.bus_frequency_hz) == 0.0
    assert grid.unit_power_mw.sum() - before_mw == pytest.approx(-droop_mw_per_hz * deviation_hz, rel=0.01)
    served = (case.load_mw * 1.02).sum() * (1.0 + deviation_hz / 60.0)
    assert grid.load_served_mw.sum() == pytest.approx(served, rel=1e-9)


def test_set_points_ramp_and_do_not_wind_up():
    case = load_case("ieee39")
    dynamics, power = one_island(case, DynamicsSettings(), case.load_mw)
    units = dynamics.units
    units.setpoint[0] = 1e9
    dynamics.run(60.0)
    assert units.reference[0] - power[0] == pytest.approx(case.unit_ramp_mw_per_min[0])
    for _ in range(100):
        dynamics.run(60.0)
    assert units.reference[0] == case.unit_p_max_mw[0]
    assert (units.power <= case.unit_p_max_mw + 1e-9).all()


def as_lists(dynamics, case, protection):
    """The state of ``dynamics`` as the oracle wants it."""
    units, islands, loads, relays = dynamics.units, dynamics.islands, dynamics.loads, dynamics.relays
    limits = unit_limits_hz(case, protection).tolist()
    delays = [delay for _, delay in protection.unit_low_hz + protection.unit_high_hz]
    low = [j < len(protection.unit_low_hz) for j in range(len(delays))]
    plain_units = {name: getattr(units, name).tolist() for name in ("island", "setpoint", "reference")}
    plain_units |= {
        name: getattr(units, name).tolist() for name in ("valve", "reheat", "power", "low", "high")
    }
    plain_units |= {"droop": units.droop_mw_per_hz.tolist(), "ramp": units.ramp_mw_per_s.tolist()}
    return (
        plain_units,
        {
            "load": islands.load_mw.tolist(),
            "losses": islands.losses_mw.tolist(),
            "energy": islands.energy_mw_s.tolist(),
            "hz": islands.hz.tolist(),
        },
        {
            "island": loads.island.tolist(),
            "gain": loads.gain.tolist(),
            "stage": loads.stage.tolist(),
            "timer": loads.timer_s.tolist(),
        },
        {
            "gain": relays.gain.tolist(),
            "timer": relays.timer_s.tolist(),
            "limits": [list(zip(row, delays, low, strict=True)) for row in limits],
        },
    )


@pytest.mark.parametrize("seed", range(6))
def test_compiled_sub_steps_equal_the_oracle(seed):
    """Two islands and a dead part, random imbalance and relay gains, ten spans; relays act in most."""
    rng = np.random.default_rng(seed)
    case, settings = load_case("rts24"), DynamicsSettings(deadband_hz=0.036 * (seed % 2))
    protection = ProtectionSettings(
        unit_low_hz=((57.0, 0.0), (59.5, 0.4)), unit_high_hz=((60.8, 0.0), (60.5, 0.5))
    )
    dynamics, _ = one_island(case, settings, case.load_mw, protection)
    part = rng.choice([0, 0, 0, 1, 1, -1], len(case.bus_name)).astype(np.int64)
    part[case.unit_bus[0]], part[case.unit_bus[-1]] = 0, 1
    on = rng.random(len(case.unit_name)) < 0.9
    on[[0, -1]] = True
    dynamics.regroup(part, on, np.full(len(part), 60.0))
    demand_mw = case.load_mw * rng.uniform(0.3, 1.7, len(case.load_mw))
    put_load(dynamics, case, demand_mw, np.array([3.0, 1.0]))
    load_gain = rng.uniform(0.995, 1.005, len(case.load_mw))
    load_gain[0] = seed % 2  # a relay that measures nothing
    dynamics.fit(load_gain, rng.uniform(0.995, 1.005, len(case.unit_name)))
    units, islands, loads, relays = as_lists(dynamics, case, protection)
    model = (60.0, 1.0, settings.valve_s, settings.reheat_s, settings.high_pressure_share)
    model = (*model, settings.deadband_hz)
    acted, deepest = 0, 60.0
    for _ in range(10):
        span = float(rng.uniform(0.2, 1.5))
        steps = int(np.ceil(span / settings.step_s - 1e-9))
        passed, lowest, acts, trips = oracle.run_frequency(
            units, islands, loads, relays, protection.ufls_hz, protection.ufls_delay_s, model, 2, span, steps
        )
        assert dynamics.run(span) == pytest.approx(passed, rel=1e-12)
        assert dynamics.loads.acts.tolist() == acts
        assert dynamics.relays.trips.tolist() == trips
        np.testing.assert_allclose(dynamics.islands.hz[:2], islands["hz"][:2], rtol=1e-11)
        np.testing.assert_allclose(dynamics.units.power, units["power"], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(dynamics.loads.timer_s, loads["timer"], atol=1e-12)
        deepest = min(deepest, lowest)
        assert dynamics.lowest_hz == pytest.approx(deepest, rel=1e-12)
        acted += any(acts) + any(trips)
    assert acted


def test_idle_units_give_below_zero_only_for_an_instant():
    """The imbalance of an instant falls on every rotor; afterwards governors carry it."""
    case = load_case("ieee118")
    able = np.flatnonzero(case.unit_p_max_mw > 0.0)
    power, left = np.zeros(len(case.unit_name)), case.load_mw.sum() * 1.06
    for unit in able[np.argsort(case.unit_cost_per_mwh[able], kind="stable")]:
        power[unit] = min(left, case.unit_p_max_mw[unit])
        left -= power[unit]
    grid = Grid(case, power, NO_RELAYS)
    grid.advance(0.0)
    lowest = []
    for scan in range(1, 241):
        if scan == 8:
            grid.set_demand(case.load_mw * 0.99, case.load_mvar * 0.99)
        grid.advance(0.25 * scan)
        lowest.append(float((grid.unit_power_mw[able] / case.unit_p_max_mw[able]).min()))
    assert min(lowest) > -0.01
    assert min(lowest[7:12]) < 0.0
    assert min(lowest[-40:]) > -1e-4


def test_a_start_beyond_the_limits_of_some_units_is_steady():
    """What a minimum or a capacity takes from one unit, the others of its island share."""
    case = load_case("rts24")
    power = np.zeros(len(case.unit_name))
    order = np.argsort(-case.unit_p_max_mw, kind="stable")
    power[order[:12]] = case.load_mw.sum() / 12.0
    assert (power > case.unit_p_max_mw).any()
    assert (power < case.unit_p_min_mw).any()
    grid = Grid(case, power)
    assert grid.advance(0.0) == []
    for scan in range(15):
        assert grid.advance(4.0 * (scan + 1)) == []
        assert grid.bus_frequency_hz == pytest.approx(np.full(len(case.bus_name), 60.0), abs=1e-4)
    assert (grid.unit_power_mw >= case.unit_p_min_mw - 0.01).all()
    assert (grid.unit_power_mw <= case.unit_p_max_mw + 0.01).all()


def test_a_dead_load_forgets_how_long_its_frequency_was_low():
    case = load_case("ieee39")
    dynamics, _ = one_island(case, DynamicsSettings(), case.load_mw)
    dynamics.loads.timer_s[:] = 0.09
    part = np.zeros(len(case.bus_name), dtype=np.int64)
    part[case.load_bus[0]] = -1
    dynamics.regroup(part, np.ones(len(case.unit_name), dtype=np.bool_), np.full(len(part), 59.0))
    assert dynamics.loads.timer_s[0] == 0.0
    assert (dynamics.loads.timer_s[1:] == 0.09).all()


def test_calm_sub_steps_give_the_same_frequency():
    """Long sub-steps in calm against the short ones, a minute of drifting load."""
    case = load_case("rts24")
    ends = []
    for calm in (False, True):
        dynamics, _ = one_island(case, DynamicsSettings(), case.load_mw)
        seen = []
        for scan in range(15):
            put_load(dynamics, case, case.load_mw * (1.0 + 0.001 * np.sin(scan)), np.array([LOSSES_MW]))
            dynamics.run(4.0, calm)
            seen.append(float(dynamics.islands.hz[0]))
        ends.append(seen)
    assert np.abs(np.array(ends[0]) - 60.0).max() > 2e-3
    np.testing.assert_allclose(ends[1], ends[0], atol=5e-5, rtol=0.0)


def test_calm_sub_steps_give_way_where_a_relay_may_pick_up():
    case = load_case("rts24")
    both = []
    for calm in (False, True):
        dynamics, _ = one_island(case, DynamicsSettings(), case.load_mw, ProtectionSettings())
        put_load(dynamics, case, case.load_mw * 1.3, np.array([LOSSES_MW]))
        passed = dynamics.run(4.0, calm)
        both.append(
            (passed, dynamics.islands.hz[:1].tobytes(), dynamics.units.power.tobytes(), dynamics.lowest_hz)
        )
    assert both[0] == both[1]
    assert both[0][0] < 4.0


def test_timers_of_frequency_relays_are_reset_in_calm():
    """What was counted while a frequency was low does not wait for the next time."""
    case = load_case("rts24")
    dynamics, _ = one_island(case, DynamicsSettings(), case.load_mw, ProtectionSettings(ufls_delay_s=10.0))
    dynamics.islands.hz[0] = 59.0
    dynamics.run(0.1)
    assert dynamics.loads.timer_s.any()
    assert dynamics.relays.timer_s.any()
    dynamics.islands.hz[0] = 60.0
    assert dynamics.run(4.0, calm=True) == 4.0
    assert not dynamics.loads.timer_s.any()
    assert not dynamics.relays.timer_s.any()
