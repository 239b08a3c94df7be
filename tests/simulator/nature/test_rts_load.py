"""The year of the Reliability Test System."""

from datetime import datetime, timedelta

import pytest

from simulator.nature.rts_load import DAILY, HOURLY, WEEKLY, season_of, share_of_peak, week_of

MONDAY = datetime(2026, 1, 5)  # ISO week 2


def test_tables_are_whole_and_peak_at_one_hundred():
    assert len(WEEKLY) == 52
    assert max(WEEKLY) == 100.0 == WEEKLY[50]
    assert DAILY == (93, 100, 98, 96, 94, 77, 75)
    for table in HOURLY.values():
        assert len(table) == 24
        assert max(table) == 100


def test_energy_of_the_year_is_the_published_one():
    """The task force gives 15,297 GWh for a peak of 2,850 MW, a load factor of 61.4 %, over 364 days."""
    first = datetime(2024, 1, 1)  # a Monday, week 1
    hours = [share_of_peak(first + timedelta(hours=h), annual=True) for h in range(8736)]
    assert 2850.0 * sum(hours) / 1000.0 == pytest.approx(15_297.0, rel=5e-4)
    assert sum(hours) / 8736 == pytest.approx(0.614, abs=5e-4)
    assert max(hours) == 1.0


@pytest.mark.parametrize(
    ("moment", "own_week", "annual"),
    [
        (datetime(2025, 7, 15, 12), 0.99, 0.99 * 0.801),  # Tuesday of week 29
        (datetime(2025, 7, 19, 20), 0.77, 0.77 * 0.801),  # Saturday, summer weekend peak
        (datetime(2025, 12, 16, 17), 1.0, 1.0),  # Tuesday of week 51: the peak of the year
        (datetime(2025, 4, 6, 19), 0.75, 0.75 * 0.75),  # Sunday of week 14, spring
        (datetime(2020, 12, 31, 17), 0.96, 0.96 * 0.952),  # Thursday of week 53: as week 52
    ],
)
def test_hours_by_hand(moment, own_week, annual):
    assert share_of_peak(moment, annual=False) == pytest.approx(own_week)
    assert share_of_peak(moment, annual=True) == pytest.approx(annual)


def test_seasons_are_those_of_table_3():
    seasons = [season_of(MONDAY + timedelta(weeks=n - 2)) for n in range(1, 53)]
    assert [week_of(MONDAY + timedelta(weeks=n - 2)) for n in range(1, 53)] == list(range(1, 53))
    assert (
        seasons
        == ["winter"] * 8 + ["transition"] * 9 + ["summer"] * 13 + ["transition"] * 13 + ["winter"] * 9
    )
