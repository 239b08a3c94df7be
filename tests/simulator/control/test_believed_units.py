import numpy as np
import pytest

from simulator.control.believed_kernels import OFF_AFTER_S, RETRY_S, SHORT_AFTER_S
from simulator.control.believed_units import BelievedUnits

P_MAX = np.array([200.0, 100.0])
ASKED = np.array([150.0, 60.0])


def watch(units, power, asked=ASKED, seconds=4.0):
    changed = False
    for _ in range(round(seconds / 4.0)):
        changed |= units.observe(np.asarray(power, dtype=float), np.asarray(asked, dtype=float), 4.0)
    return changed


def test_a_unit_without_power_is_off_after_a_minute_and_back_with_it():
    units = BelievedUnits(P_MAX)
    assert not watch(units, [0.0, 60.0], seconds=OFF_AFTER_S - 4.0)
    assert units.on.all()
    assert watch(units, [0.0, 60.0])
    assert units.on.tolist() == [False, True]
    assert units.capacity_mw.tolist() == [0.0, 100.0]
    assert not watch(units, [0.0, 60.0], [0.0, 60.0], seconds=600.0)
    assert watch(units, [20.0, 60.0], [0.0, 60.0])
    assert units.on.all()


def test_a_unit_asked_for_nothing_is_not_called_off():
    units = BelievedUnits(P_MAX)
    assert not watch(units, [0.0, 60.0], [0.0, 60.0], seconds=600.0)
    assert units.on.all()


def test_a_missing_power_changes_nothing():
    units = BelievedUnits(P_MAX)
    watch(units, [np.nan, 60.0], seconds=600.0)
    assert units.on.all()


def test_a_unit_that_stays_short_is_limited_and_tried_again():
    units = BelievedUnits(P_MAX)
    watch(units, [120.0, 60.0], seconds=SHORT_AFTER_S)
    assert units.capacity_mw.tolist() == pytest.approx([120.0, 100.0])
    watch(units, [120.0, 60.0], [120.0, 60.0], seconds=RETRY_S - 4.0)
    assert units.capacity_mw[0] == pytest.approx(120.0)
    watch(units, [120.0, 60.0], [120.0, 60.0], seconds=8.0)
    assert units.capacity_mw[0] == pytest.approx(200.0)


def test_a_started_unit_counts_until_it_proves_nothing():
    units = BelievedUnits(P_MAX)
    watch(units, [0.0, 60.0], seconds=OFF_AFTER_S)
    units.started(0)
    assert units.on.all()
    assert units.unproven.tolist() == [True, False]
    assert watch(units, [0.0, 60.0], seconds=OFF_AFTER_S)
    assert not units.on[0]
    units.started(0)
    watch(units, [40.0, 60.0])
    assert not units.unproven.any()


def test_a_limited_unit_that_falls_silent_keeps_its_limit():
    units = BelievedUnits(P_MAX)
    watch(units, [100.0, 60.0], seconds=SHORT_AFTER_S)
    assert units.capacity_mw.tolist() == [100.0, 100.0]
    watch(units, [np.nan, 60.0], seconds=RETRY_S - 4.0)
    assert units.capacity_mw.tolist() == [100.0, 100.0]
    watch(units, [np.nan, 60.0])
    assert units.capacity_mw.tolist() == [200.0, 100.0]
