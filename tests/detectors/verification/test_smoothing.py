"""Randomised smoothing: its probabilities against exact ones, its radius against a detector whose smoothed
form is known, and what it says of itself."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from detectors.verification.methods import METHODS, Smoothing
from detectors.verification.methods.smoothing import clopper_pearson, radius, worst_probability
from detectors.verification.network import chain
from detectors.verification.operations import Affine
from detectors.verification.problem import Problem, above_zero, at_most_zero
from detectors.verification.sets import Ball, Boxes
from streams.errors import BadInput

A = np.array
W = A([[3.0, 4.0]])


def _linear(offset: float, size: float, scale: np.ndarray | None = None) -> Problem:
    """f = 3 x + 4 y + offset around 0: the smoothed alarm at x is Phi(f(x) / (5 sigma)) exactly."""
    net = chain([Affine([W], A([offset]))], 2)
    return Problem(net, Ball(np.zeros(2), np.ones(2) if scale is None else scale, size), above_zero())


@pytest.mark.parametrize(("kept", "drawn"), [(0, 5), (1, 5), (3, 5), (5, 5), (37, 40), (40, 40)])
@pytest.mark.parametrize("alpha", [0.001, 0.05, 0.3])
def test_clopper_pearson_is_exact(kept: int, drawn: int, alpha: float) -> None:
    """At the bound, ``kept`` or more have probability alpha at most; a little above it, more."""

    def tail(p: float) -> Fraction:
        q = Fraction(p)
        return sum(
            (comb(drawn, i) * q**i * (1 - q) ** (drawn - i) for i in range(kept, drawn + 1)), Fraction(0)
        )

    found = clopper_pearson(kept, drawn, alpha)
    if kept == 0:
        assert found == 0.0
        return
    assert tail(found) <= alpha
    assert tail(found + 1e-6) > alpha


def test_all_kept_by_hand() -> None:
    """alpha^(1/n), as in the paper."""
    assert clopper_pearson(1000, 1000, 0.001) == pytest.approx(0.001 ** (1 / 1000), abs=1e-8)


def test_bound_fails_no_more_often_than_stated() -> None:
    rng = np.random.default_rng(0)
    for p in (0.55, 0.8, 0.99):
        kept = rng.binomial(200, p, 4000)
        bounds = {k: clopper_pearson(int(k), 200, 0.05) for k in np.unique(kept)}
        missed = np.mean([bounds[k] > p for k in kept])
        assert missed <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 4000)


@pytest.mark.parametrize("offset", [2.0, 5.0, 9.0])
def test_radius_of_a_linear_detector(offset: float) -> None:
    """The smoothed alarm goes exactly where the plane is, offset / 5 away: never certified beyond, nearly up
    to it."""
    sigma, plane = 1.0, offset / 5.0
    near, beyond = (Smoothing(sigma).run(_linear(offset, r)) for r in (0.8 * plane, 1.001 * plane))
    assert near.verdict == "certified"
    assert beyond.verdict == "unknown"
    assert 0.8 * plane < near.detail["radius"] < plane
    assert near.detail["probability"] <= ndtr(offset / 5.0)
    assert near.bound == pytest.approx(ndtr(ndtri(near.detail["probability"]) - 0.8 * plane) - 0.5, abs=1e-8)


def test_scale_of_tags_is_used() -> None:
    """A protected tag (scale 0) has no noise; the other's scale 2 halves the plane's distance to 4 / 6."""
    found = Smoothing(0.3).run(_linear(4.0, 0.6, A([2.0, 0.0])))
    assert found.verdict == "certified"
    assert 0.6 < found.detail["radius"] < 4.0 / 6.0


def test_says_what_it_certifies() -> None:
    result = Smoothing(1.0, samples=500, first=50, alpha=0.01, seed=7).run(_linear(9.0, 0.5))
    wanted = {
        "guarantee": "probabilistic",
        "failure_probability": 0.01,
        "sigma": 1.0,
        "n0": 50,
        "n": 500,
        "seed": 7,
    }
    assert wanted.items() <= result.detail.items()
    assert "smoothed detector, not the network" in result.detail["statement"]
    assert {name: m.guarantee for name, m in METHODS.items() if m.guarantee != "sound"} == {
        "smoothing": "probabilistic"
    }


def test_same_seed_same_result() -> None:
    first, again, other = (Smoothing(1.0, 300, seed=s).run(_linear(3.0, 0.1)).detail for s in (1, 1, 2))
    assert first == again
    assert first["kept"] != other["kept"]


def test_abstains() -> None:
    """A decision near the plane has no majority; one on the other side violates; time can run out."""
    assert Smoothing(1.0).run(_linear(-5.0, 0.1)).detail["abstains"].startswith("violates")
    unsure = Smoothing(1.0, samples=200, first=1, seed=3).run(_linear(0.05, 0.01))
    assert unsure.verdict == "unknown"
    assert "abstains" in unsure.detail
    late = Smoothing(1.0).run(_linear(9.0, 0.5), timeout_s=0.0)
    assert (late.verdict, late.detail["abstains"]) == ("unknown", "out of time")


def test_quiet_window() -> None:
    problem = _linear(-9.0, 0.5)
    stays = Problem(problem.network, problem.region, at_most_zero())
    assert Smoothing(1.0).run(stays).verdict == "certified"
    assert Smoothing(1.0).run(problem).verdict == "unknown"


def test_overflow_is_no_vote() -> None:
    huge = chain([Affine([A([[1e308, 1e308]])], A([1e308])), Affine([A([[1e308]])], A([0.0]))], 2)
    assert (
        Smoothing(1.0).run(Problem(huge, Ball(np.ones(2), np.ones(2), 0.1), above_zero())).verdict
        == "unknown"
    )


def test_probability_falls_with_the_radius() -> None:
    assert worst_probability(0.9, 0.0) == pytest.approx(0.9, abs=1e-8)
    assert worst_probability(0.9, float(ndtri(0.9))) <= 0.5
    assert radius(0.5, 1.0) == 0.0
    assert radius(0.9, 2.0) == pytest.approx(2 * ndtri(0.9))


def test_refused() -> None:
    for wrong in (
        {"sigma": 0.0},
        {"sigma": np.nan},
        {"samples": 0},
        {"first": 0.5},
        {"alpha": 1.0},
        {"seed": -1},
    ):
        with pytest.raises(BadInput, match="smoothing, "):
            Smoothing(**wrong)
    box = Problem(_linear(1.0, 1.0).network, Boxes(-np.ones(2), np.ones(2)), above_zero())
    with pytest.raises(BadInput, match="a weighted l2 ball, for smoothing"):
        Smoothing().run(box)
