"""A generator's start, load and fuel, by hand."""

import pytest

from simulator.coupling.backup import Backup


def test_it_takes_load_ten_seconds_after_it_was_called():
    backup = Backup(100.0, 10.0, 24.0)
    assert not backup.carries(0.0)
    backup.call(100.0)
    backup.call(104.0)  # it is starting already
    assert not backup.carries(109.9)
    assert backup.carries(110.0)
    backup.stop()
    assert not backup.carries(200.0)


def test_fuel_lasts_as_declared_at_full_load_and_four_times_as_long_at_none():
    for load_kw, hours in ((100.0, 24.0), (0.0, 96.0), (50.0, 24.0 / 0.625)):
        backup = Backup(100.0, 10.0, 24.0)
        backup.call(0.0)
        backup.burn(load_kw, (hours - 0.01) * 3600.0)
        assert backup.carries(1e6)
        backup.burn(load_kw, 0.02 * 3600.0)
        assert backup.fuel_h == 0.0
        assert not backup.carries(1e6)
        assert backup.energy_kwh == pytest.approx(load_kw * (hours + 0.01))


def test_none_of_no_capacity():
    backup = Backup(0.0, 10.0, 24.0)
    backup.call(0.0)
    assert not backup.carries(1e6)
