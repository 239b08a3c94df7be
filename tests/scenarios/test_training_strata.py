"""Training data see every season, day and hour."""

from collections import Counter

import numpy as np

from scenarios.training_data import FIRST_SEED
from scenarios.training_strata import training_outage, training_start
from simulator.nature.rts_load import season_of


def starts(count, first_seed=FIRST_SEED):
    return [training_start(first_seed, number) for number in range(count)]


def test_months_weekdays_and_hours_come_evenly():
    found = starts(168)
    assert set(Counter(s.month for s in found).values()) == {14}
    assert set(Counter(s.weekday() for s in found).values()) == {24}
    assert set(Counter(s.hour for s in found).values()) == {7}


def test_a_few_runs_cover_the_year_already():
    assert {s.month for s in starts(12)} == set(range(1, 13))
    assert {season_of(s) for s in starts(12)} == {"winter", "summer", "transition"}
    assert {s.weekday() for s in starts(7)} == set(range(7))
    assert {s.hour for s in starts(24)} == set(range(24))


def test_months_hours_and_weekdays_are_not_tied_to_each_other():
    found = starts(2016)
    pairs = Counter((s.month, s.hour) for s in found)
    assert len(pairs) == 12 * 24
    month, hour, weekday = np.array([(s.month, s.hour, s.weekday()) for s in found]).T
    for one, two in ((month, hour), (month, weekday), (hour, weekday)):
        assert abs(np.corrcoef(one, two)[0, 1]) < 0.05
    assert {s.day for s in found} == set(range(1, 32))


def test_a_run_starts_when_it_does_whatever_the_number_of_runs():
    assert starts(30)[:12] == starts(12)
    assert starts(30) != starts(30, FIRST_SEED + 1)


def test_outages_come_as_often_as_asked_and_every_branch_in_turn():
    found = [training_outage(FIRST_SEED, number, 0.4, 30) for number in range(300)]
    out = [place for place in found if place is not None]
    assert len(out) == 120
    assert set(Counter(out).values()) == {4}
    assert set(out[:30]) == set(range(30))
    assert out[:30] != out[30:60]
    assert all(abs(sum(p is not None for p in found[:n]) - 0.4 * n) < 1.0 for n in range(300))
    assert [training_outage(FIRST_SEED, n, 0.0, 30) for n in range(20)] == [None] * 20
    assert None not in [training_outage(FIRST_SEED, n, 1.0, 30) for n in range(20)]
