"""Contactors, restart and backup of one supply, scan by scan."""

import math

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from simulator.coupling.pump_supply import Mains, PumpSupply
from simulator.settings import SupplySettings

GOOD = Mains(True, True, 1.0)
SHED = Mains(True, False, 1.0)
DEAD = Mains(False, False, 0.0)
SCAN_S = 4.0


def at(voltage_pu):
    return Mains(True, True, voltage_pu)


def supply(pumps=3, **settings):
    return PumpSupply(SupplySettings(bus="1", **settings), pumps)


def run(one, since_s, until_s, mains, power_kw=None):
    """Scans from since_s on, until_s left out; returns events and, per scan, how many motors are carried."""
    events, counts, t_s = [], {}, since_s
    while t_s < until_s:
        events += one.advance(t_s, mains, power_kw or [10.0] * len(one.carried))
        counts[t_s] = sum(one.carried)
        t_s += SCAN_S
    return events, counts


@pytest.mark.parametrize(
    ("mains", "carried", "cause"),
    [
        (at(1.0), True, ""),
        (at(0.85), True, ""),
        (at(0.70), True, ""),
        (at(0.699), False, "under-voltage"),
        (at(1.25), True, ""),
        (at(math.nan), False, "under-voltage"),
        (SHED, False, "feeder shed"),
        (DEAD, False, "dead bus"),
    ],
)
def test_running_motors_hold_down_to_the_dropout_voltage(mains, carried, cause):
    one = supply()
    one.advance(4.0, mains, [10.0] * 3)
    assert one.carried == [carried] * 3
    assert one.cause == cause
    assert one.powered is carried


@pytest.mark.parametrize(("voltage_pu", "starts"), [(0.84, False), (0.85, True), (1.10, True), (1.11, False)])
def test_motors_that_dropped_out_start_only_in_the_band_of_their_contactors(voltage_pu, starts):
    one = supply()
    one.advance(4.0, at(0.5), [10.0] * 3)
    run(one, 8.0, 100.0, at(voltage_pu))
    assert all(one.carried) is starts
    assert one.powered  # a controller needs no restart


def test_motors_start_one_after_another_once_the_voltage_has_held():
    one = supply(restart_s=12.0, stagger_s=8.0)
    run(one, 4.0, 40.0, SHED)
    _, counts = run(one, 40.0, 80.0, GOOD)
    assert counts == {
        40.0: 0,
        44.0: 0,
        48.0: 0,
        52.0: 1,
        56.0: 1,
        60.0: 2,
        64.0: 2,
        68.0: 3,
        72.0: 3,
        76.0: 3,
    }


def test_a_voltage_that_fails_again_starts_the_wait_anew():
    one = supply(restart_s=12.0, stagger_s=0.0)
    one.advance(4.0, DEAD, [10.0] * 3)
    run(one, 8.0, 20.0, GOOD)
    one.advance(20.0, at(0.8), [0.0] * 3)
    _, counts = run(one, 24.0, 40.0, GOOD)
    assert counts == {24.0: 0, 28.0: 0, 32.0: 0, 36.0: 3}


def test_a_backup_carries_what_it_can_in_order():
    one = supply(backup_kw=25.0, backup_start_s=10.0, stagger_s=4.0)
    events, counts = run(one, 4.0, 40.0, DEAD)
    assert [(e.kind, e.cause, e.value) for e in events] == [("backup_on", "mains lost", 25.0)]
    # Ready at 14 s; the third motor is one too many for 25 kW and stays off.
    assert counts == {4.0: 0, 8.0: 0, 12.0: 0, 16.0: 1, 20.0: 2, 24.0: 2, 28.0: 2, 32.0: 2, 36.0: 2}
    assert one.carried == [True, True, False]
    assert one.cause == "backup overload"
    assert one.source == "backup"
    assert one.powered


def test_a_backup_hands_back_without_a_break_and_the_rest_starts():
    one = supply(backup_kw=25.0, restart_s=8.0, stagger_s=0.0)
    run(one, 4.0, 60.0, DEAD)
    events, counts = run(one, 60.0, 80.0, GOOD)
    assert [(e.kind, e.cause) for e in events] == [("backup_off", "mains are back")]
    assert counts == {60.0: 2, 64.0: 2, 68.0: 3, 72.0: 3, 76.0: 3}
    assert one.source == "mains"
    delivered, again = one.backup.energy_kwh, run(one, 80.0, 120.0, DEAD)[1]
    assert delivered > 0.0
    assert again[80.0] == again[84.0] == again[88.0] == 0
    assert again[92.0] == 2  # it starts anew, ten seconds later


def test_a_backup_without_fuel_is_dead():
    one = supply(backup_kw=30.0, fuel_h=0.01, stagger_s=0.0)  # 36 s at full load
    events, counts = run(one, 4.0, 100.0, DEAD)
    assert [(e.kind, e.cause) for e in events] == [
        ("backup_on", "mains lost"),
        ("backup_off", "out of fuel"),
    ]
    assert counts[16.0] == 3
    assert counts[52.0] == counts[96.0] == 0
    assert one.cause == "out of fuel"
    assert not one.powered
    # 30 kW over the 36 s from 16 s on: three scans of 4 s more than a scan's rounding would be an error.
    assert one.backup.energy_kwh == pytest.approx(30.0 * 36.0 / 3600.0)


def test_a_backup_bridges_nothing_while_it_starts():
    one = supply(backup_kw=30.0)
    one.advance(4.0, DEAD, [10.0] * 3)
    assert not one.powered
    assert one.source == "none"


LOOKS = st.lists(
    st.tuples(
        st.sampled_from([1.0, 1.0, 1.0, 0.86, 0.8, 0.69, 0.0, 1.12]),
        st.booleans(),
        st.tuples(*[st.floats(0.0, 30.0)] * 4),
    ),
    min_size=1,
    max_size=60,
)


@hypothesis_settings(max_examples=150, derandomize=True, database=None, deadline=None)
@given(looks=LOOKS, backup_kw=st.sampled_from([0.0, 20.0, 80.0]), stagger_s=st.sampled_from([0.0, 6.0]))
def test_no_motor_runs_on_nothing_whatever_the_mains_do(looks, backup_kw, stagger_s):
    one = supply(4, backup_kw=backup_kw, fuel_h=0.05, restart_s=8.0, stagger_s=stagger_s)
    in_band = 0
    for scan, (voltage_pu, closed, power_kw) in enumerate(looks, start=1):
        before, fuel_h, energy_kwh = one.carried, one.backup.fuel_h, one.backup.energy_kwh
        held = closed and voltage_pu >= 0.7
        in_band = in_band + 1 if closed and 0.85 <= voltage_pu <= 1.1 else 0
        one.advance(scan * SCAN_S, Mains(True, closed, voltage_pu), power_kw)
        started = sum(on and not was for on, was in zip(one.carried, before, strict=True))
        if one.source == "mains":
            assert held
            # Three looks in band are the first that are eight seconds apart.
            assert not started or in_band >= 3
        if one.source == "none":
            assert not any(one.carried)
        if one.source == "backup":
            assert one.backup.fuel_h > 0.0
            assert held or one.load_kw(power_kw) <= backup_kw
        assert one.backup.fuel_h <= fuel_h
        assert one.backup.energy_kwh >= energy_kwh
        assert stagger_s == 0.0 or started <= 2 or before == one.carried
        assert one.powered == (held or one.source == "backup")
