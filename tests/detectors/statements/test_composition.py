"""Certificates combined: the formula against every completion of what the certificates leave open."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.statements import composition
from detectors.statements.composition import Judge, combine, most_changed
from streams.errors import BadInput

VERDICTS = ("certified_normal", "certified_alarm", "uncertain")


def every_count(judges, lost):
    """All numbers of alarms that can occur, by trying every set of lost stations and every completion."""
    stations = sorted(frozenset().union(*(judge.stations for judge in judges)))
    found = set()
    for gone in itertools.combinations(stations, min(lost, len(stations))):
        options = []
        for judge in judges:
            falls = len(judge.stations & set(gone)) > judge.survives
            if judge.verdict == "uncertain" or falls:
                options.append((0, 1))
            else:
                options.append((int(judge.verdict == "certified_alarm"),))
        found |= {sum(choice) for choice in itertools.product(*options)}
    return found


judge = st.builds(
    Judge, st.sampled_from(VERDICTS), st.frozensets(st.sampled_from("ABCDE"), min_size=1), st.integers(0, 2)
)


@settings(deadline=None, derandomize=True, max_examples=150)
@given(st.lists(judge, min_size=1, max_size=6), st.integers(0, 3), st.data())
def test_least_and_most_are_what_can_occur(judges, lost, data):
    k = data.draw(st.integers(1, len(judges)))
    said = combine(judges, k, lost)
    counts = every_count(judges, lost)
    assert said.exact
    assert (said.least, said.most) == (min(counts), max(counts))
    alarm = {count >= k for count in counts}
    expected = {(True,): "certified_alarm", (False,): "certified_normal"}.get(tuple(alarm), "uncertain")
    assert said.hub == expected


@settings(deadline=None, derandomize=True, max_examples=80)
@given(st.lists(judge, min_size=1, max_size=6), st.integers(0, 3))
def test_the_sum_over_stations_never_says_more(judges, lost):
    exact = combine(judges, 1, lost)
    kept, composition.MOST_SETS = composition.MOST_SETS, 0
    try:
        rough = combine(judges, 1, lost)
    finally:
        composition.MOST_SETS = kept
    assert rough.least <= exact.least
    assert rough.most >= exact.most


def test_votes_over_time_by_hand():
    """Three of five: four certified alarms hold; three do not once the one station may be lost."""
    own = frozenset({"S1"})
    verdicts = ["certified_alarm"] * 4 + ["uncertain"]
    assert combine([Judge(v, own) for v in verdicts], 3).hub == "certified_alarm"
    assert combine([Judge(v, own) for v in verdicts], 5).hub == "uncertain"
    assert combine([Judge(v, own) for v in verdicts], 3, lost=1).hub == "uncertain"
    assert combine([Judge(v, own, survives=1) for v in verdicts], 3, lost=1).hub == "certified_alarm"


def test_stations_of_their_own_lose_one_vote_each():
    judges = [Judge("certified_alarm", frozenset({f"S{i}"})) for i in range(7)]
    assert combine(judges, 4, lost=3).hub == "certified_alarm"
    assert combine(judges, 4, lost=4).hub == "uncertain"


def test_no_point_of_the_joint_set_changes_the_hub():
    """Linear judges on shared tags, boxes as sets: corners of the joint box against the statement."""
    rng = np.random.default_rng(3)
    for _ in range(40):
        weights, centre, eps = rng.normal(size=(5, 6)), rng.normal(size=6), 0.15
        values, reach = weights @ centre, eps * np.abs(weights).sum(axis=1)
        judges = [
            Judge(
                "certified_alarm" if v > r else "certified_normal" if v <= -r else "uncertain",
                frozenset(f"S{j}" for j in range(6)),
            )
            for v, r in zip(values, reach, strict=True)
        ]
        for k in range(1, 6):
            said = combine(judges, k).hub
            corners = centre + eps * rng.choice([-1.0, 1.0], (64, 6))
            alarms = (corners @ weights.T > 0.0).sum(axis=1) >= k
            assert said == "uncertain" or (alarms == (said == "certified_alarm")).all()


def test_stream_statement():
    assert most_changed(["certified_alarm", "uncertain", "certified_normal", "uncertain"]) == 0.5
    with pytest.raises(BadInput):
        most_changed([])


@pytest.mark.parametrize(("k", "lost"), [(0, 0), (3, 0), (1, -1)])
def test_rules_that_make_no_sense_are_refused(k, lost):
    with pytest.raises(BadInput):
        combine([Judge("uncertain", frozenset({"A"}))] * 2, k, lost)
