"""Randomised smoothing (Cohen et al. 2019): a probabilistic statement about another detector.

The base detector's decision is taken under Gaussian noise, and what it decides more often than not is the
decision of the *smoothed* detector. Nothing is said of the network itself: its own bounds come from the other
methods.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import numpy as np

from detectors.verification.deadline import Deadline
from detectors.verification.methods.base import Found, Guarantee, Method
from detectors.verification.problem import Problem
from detectors.verification.sets import Ball
from streams.errors import BadInput

STATEMENT = "the smoothed detector, not the network itself, up to the failure probability"
_CHUNK = 4096
_SPARE = 1e-9
"""Taken off every probability: far more than the special functions and the counts can round."""


class _Counted(NamedTuple):
    """kept: how many of ``drawn`` noisy windows did not violate the specification."""

    kept: int
    drawn: int


class Smoothing(Method):
    """Where its verdict is "certified", then with probability at least 1 - alpha over the noise drawn here
    the smoothed detector does not violate the specification anywhere in the l2 ball.

    sigma: of the noise, in units of the ball's scale, by default the ball's radius, 1 where that is 0; first:
    windows drawn to see whether a certificate is in reach at all (n0 in the paper); samples: windows drawn to
    bound the probability (n); alpha: failure probability; seed: of the noise, not to be known to the attacker
    before the window is. The bound of the result is the least probability of no violation over the ball, less
    one half. Raises BadInput on a sigma that is not positive, counts below 1, and alpha outside 0 to 1.
    """

    name: ClassVar[str] = "smoothing"
    description: ClassVar[str] = "randomised smoothing, probabilistic (Cohen et al. 2019)"
    guarantee: ClassVar[Guarantee] = "probabilistic"

    def __init__(
        self,
        sigma: float | None = None,
        samples: int = 10_000,
        first: int = 100,
        alpha: float = 0.001,
        seed: int = 0,
    ) -> None:
        if sigma is not None and not (np.isfinite(sigma) and sigma > 0.0):
            raise BadInput("smoothing, sigma", sigma, "a finite number above 0")
        for name, count in (("samples", samples), ("first samples", first)):
            if int(count) != count or count < 1:
                raise BadInput(f"smoothing, {name}", count, "1 or more")
        if not 0.0 < alpha < 1.0:
            raise BadInput("smoothing, failure probability", alpha, "above 0 and below 1")
        if int(seed) != seed or not 0 <= seed < 2**64:
            raise BadInput("smoothing, seed", seed, "0 to 2^64 - 1")
        self.sigma, self.samples, self.first, self.alpha, self.seed = sigma, samples, first, alpha, seed

    def solve(self, problem: Problem, deadline: Deadline) -> Found:
        """Counts, then the Clopper-Pearson bound. Raises BadInput where the set is not a weighted l2 ball."""
        ball = problem.region
        if not isinstance(ball, Ball):
            raise BadInput("perturbation set", type(ball).__name__, "a weighted l2 ball, for smoothing")
        sigma = self.sigma if self.sigma is not None else ball.radius or 1.0
        detail = {
            "guarantee": self.guarantee, "statement": STATEMENT, "failure_probability": self.alpha,
            "sigma": sigma, "n0": self.first, "n": self.samples, "seed": self.seed,
        }  # fmt: skip
        guess = self._count(problem, ball, sigma, self.first, 0, deadline)
        if guess is None or 2 * guess.kept <= guess.drawn:
            why = "out of time" if guess is None else "violates under most of the first noise"
            return Found(-np.inf, detail=detail | {"abstains": why})
        # Fresh noise: the guess must not have seen what bounds the probability.
        counted = self._count(problem, ball, sigma, self.samples, 1, deadline)
        if counted is None:
            return Found(-np.inf, detail=detail | {"abstains": "out of time"})
        lower = clopper_pearson(counted.kept, counted.drawn, self.alpha)
        detail |= {"kept": counted.kept, "probability": lower, "radius": radius(lower, sigma)}
        if lower <= 0.5:
            return Found(-np.inf, detail=detail | {"abstains": "no majority at this confidence"})
        return Found(worst_probability(lower, ball.radius / sigma) - 0.5, detail=detail)

    def _count(
        self, problem: Problem, ball: Ball, sigma: float, count: int, stage: int, deadline: Deadline
    ) -> _Counted | None:
        """None where time runs out: fewer samples than asked for would be chosen by what they show."""
        generator = np.random.Generator(np.random.Philox(key=np.array([self.seed, stage], dtype=np.uint64)))
        kept = 0
        for start in range(0, count, _CHUNK):
            if deadline.over():
                return None
            noise = generator.standard_normal((min(_CHUNK, count - start), len(ball.centre)))
            outputs = problem.network(ball.centre + noise * (sigma * ball.scale))
            # What is not a number decides nothing and so counts as a violation.
            fine = np.isfinite(outputs).all(axis=1) & ~problem.specification.violated(outputs)
            kept += int(fine.sum())
        return _Counted(kept, count)


def clopper_pearson(successes: int, trials: int, alpha: float) -> float:
    """One-sided lower confidence bound of a binomial probability (Clopper and Pearson 1934): the p at which
    ``successes`` or more have probability alpha."""
    from scipy.special import betaincinv

    if successes == 0:
        return 0.0
    return max(float(betaincinv(successes, trials - successes + 1, alpha)) - _SPARE, 0.0)


def worst_probability(probability: float, ratio: float) -> float:
    """Phi(Phi^-1(p) - r / sigma): least probability, within a radius of ``ratio`` sigmas, of a decision that
    has ``probability`` at the centre (Cohen et al. 2019, by Neyman and Pearson)."""
    from scipy.special import ndtr, ndtri

    return float(ndtr(ndtri(probability) - ratio)) - _SPARE


def radius(probability: float, sigma: float) -> float:
    """sigma Phi^-1(p), in units of scale: where the smoothed detector certainly decides as at the centre; 0
    without a majority."""
    from scipy.special import ndtri

    return sigma * float(ndtri(probability)) * (1.0 - _SPARE) if probability > 0.5 else 0.0
