"""Bounds on wrong verdicts in a sliding window against every placement of tampered scans."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.verification.stream import (
    Pace,
    StreamBound,
    alarm_stands,
    most_wrong,
    most_wrong_given,
    most_wrong_sliding,
    most_wrong_tolerant,
    quiet_stands,
)
from streams.errors import BadInput


def worst(tolerated: list[int], pace: Pace, tampered: int) -> int:
    """Every placement of the scans, every window counted: the oracle."""
    verdicts, most = len(tolerated), 0
    span = pace.span(verdicts)
    for placed in combinations(range(span), min(tampered, span)):
        held = np.zeros(span, dtype=int)
        held[list(placed)] = 1
        hits = [held[j * pace.stride : j * pace.stride + pace.scans].sum() for j in range(verdicts)]
        most = max(most, sum(h > t for h, t in zip(hits, tolerated, strict=True)))
    return most


paces = st.builds(Pace, st.integers(1, 5), st.integers(1, 3))


@given(paces, st.integers(1, 6), st.integers(0, 3))
@settings(max_examples=60, derandomize=True, deadline=None)
def test_formula_is_exact(pace: Pace, verdicts: int, tampered: int) -> None:
    assert most_wrong(verdicts, pace, tampered).wrong == worst([0] * verdicts, pace, tampered)


@given(paces, st.lists(st.booleans(), min_size=1, max_size=7), st.integers(0, 3))
@settings(max_examples=60, derandomize=True, deadline=None)
def test_mixed_certificates_are_exact(pace: Pace, certified: list[bool], tampered: int) -> None:
    found = most_wrong_given(certified, pace, tampered)
    assert found.wrong == worst([0 if c else -1 for c in certified], pace, tampered)
    assert found.share == found.wrong / len(certified)


@given(paces, st.lists(st.integers(-1, 4), min_size=1, max_size=6), st.integers(0, 4))
@settings(max_examples=60, derandomize=True, deadline=None)
def test_tolerant_certificates_are_bounded(pace: Pace, tolerated: list[int], tampered: int) -> None:
    found = most_wrong_tolerant(tolerated, pace, tampered).wrong
    assert worst(tolerated, pace, tampered) <= found
    assert found <= most_wrong_tolerant([min(t, 0) for t in tolerated], pace, tampered).wrong


def test_sliding_is_each_window_by_itself() -> None:
    certified = [bool(v) for v in np.random.default_rng(1).random(40) < 0.7]
    found = most_wrong_sliding(certified, 12, Pace(4, 2), 2)
    assert len(found) == 29
    each = [most_wrong_given(certified[i : i + 12], Pace(4, 2), 2).wrong for i in range(29)]
    assert found.tolist() == each
    assert found.min() < found.max() < 12


def test_by_hand() -> None:
    """Windows of 6 scans, a verdict every scan: two scans spoil twelve of the last twenty verdicts."""
    assert most_wrong(20, Pace(6), 2) == StreamBound(20, 2, 12)
    assert most_wrong(20, Pace(6, stride=6), 2).wrong == 2
    assert most_wrong(20, Pace(6), 9).share == 1.0
    assert most_wrong_given([False] * 3 + [True] * 17, Pace(6), 0).wrong == 3
    assert most_wrong_tolerant([2] * 20, Pace(6), 2).wrong == 0
    assert most_wrong_tolerant([1] * 20, Pace(6), 2).wrong == 6


def test_hub_by_hand() -> None:
    """3 of 5 with windows of one scan and one tampered: four alarms stand for three, one alarm for none."""
    bound = most_wrong(5, Pace(1), 1)
    assert [alarm_stands(a, 3, bound) for a in range(6)] == [False] * 4 + [True] * 2
    assert [quiet_stands(a, 3, bound) for a in range(6)] == [True] * 2 + [False] * 4


@given(paces, st.integers(1, 6), st.integers(0, 2), st.integers(1, 4), st.integers(0, 2**31))
@settings(max_examples=60, derandomize=True, deadline=None)
def test_hub_decision_is_that_without_tampering(
    pace: Pace, verdicts: int, tampered: int, needed: int, seed: int
) -> None:
    """Random true verdicts, flipped at will where a tampered scan is held."""
    rng = np.random.default_rng(seed)
    truth = rng.random(verdicts) < 0.5
    held = np.zeros(pace.span(verdicts), dtype=int)
    held[rng.permutation(len(held))[:tampered]] = 1
    hit = [held[j * pace.stride : j * pace.stride + pace.scans].any() for j in range(verdicts)]
    seen = int(np.where(hit, rng.random(verdicts) < 0.5, truth).sum())
    bound = most_wrong(verdicts, pace, tampered)
    if alarm_stands(seen, needed, bound):
        assert truth.sum() >= needed
    if quiet_stands(seen, needed, bound):
        assert truth.sum() < needed


def test_refused() -> None:
    for make in (
        lambda: Pace(0),
        lambda: Pace(3, 0),
        lambda: most_wrong(0, Pace(3), 1),
        lambda: most_wrong(5, Pace(3), -1),
        lambda: most_wrong_given([], Pace(3), 1),
        lambda: most_wrong_sliding([True] * 4, 5, Pace(3), 1),
    ):
        with pytest.raises(BadInput):
            make()
