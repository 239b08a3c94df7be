"""A budget shared over tags: a weighted l1 ball within a box."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from detectors.verification.box import Box
from detectors.verification.rounding import SPARE, UNIT, below, theta
from detectors.verification.sets.base import NormBall, Region
from detectors.verification.sets.boxes import around
from detectors.verification.sets.checks import (
    amount,
    at_most,
    finite,
    fraction,
    limits,
    not_negative,
    step_from,
)

Floats = NDArray[np.float64]


class SharedBudget(Region):
    """sum |x - centre| / scale <= budget and low <= x <= high.

    centre: (n,) the window; scale: (n,) what counts as 1, in the tag's unit, 0 for what does not move;
    budget: 0 or more, without unit; low, high: (n,) box of each input, none by default. Raises BadInput on
    NaN, negative scale or budget, and a centre outside the box.
    """

    def __init__(
        self,
        centre: Floats,
        scale: Floats,
        budget: float,
        low: Floats | None = None,
        high: Floats | None = None,
    ) -> None:
        self.centre = finite("window", centre)
        self.scale = not_negative("scale", scale, len(self.centre))
        self.budget = amount("shared budget", budget)
        self.low, self.high = limits(self.centre, low, high)
        self._box = around(self.centre, self.scale * self.budget * SPARE, self.low, self.high)
        self._safe = np.where(self.scale > 0.0, self.scale, 1.0)
        # Ways down and up to the box's ends, rounded up.
        self._down = (self.centre - self._box.low[0]) * SPARE
        self._up = (self._box.high[0] - self.centre) * SPARE

    @property
    def hull(self) -> Box:
        """Each input with the whole budget, within its box."""
        return self._box.hull

    @property
    def norm_ball(self) -> NormBall:
        """Without the box."""
        return NormBall(self.centre[None], self.scale[None], self.budget, "1")

    @np.errstate(all="ignore")
    def lowest(self, coefficients: Floats) -> Floats:
        """A fractional knapsack. Its dual, for any price m >= 0 of the budget,

        gain <= m budget + sum way_i max(|c_i| - m / scale_i, 0),

        is rounded up; the price is that of the input at which the budget runs out (Dantzig 1957), where the
        bound is exact."""
        size, n = np.abs(coefficients), len(self.centre)
        way = np.where(coefficients > 0.0, self._down, self._up)
        price = self._price(size * self.scale, way / self._safe)
        worth = size * (1.0 + 8.0 * UNIT) - price / self._safe * (1.0 - 8.0 * UNIT)
        over = np.maximum(worth, 0.0) * (1.0 + 8.0 * UNIT)
        gain = (over * way).sum(axis=2) + price[:, :, 0] * self.budget
        gain = gain * (1.0 + theta(n)) + 1e-290
        spent = size @ np.abs(self.centre)
        return below(coefficients @ self.centre - gain, theta(n) * (spent + gain) + 1e-290)

    def _price(self, rate: Floats, room: Floats) -> Floats:
        """(batch, rows, 1) rate of the input at which the budget runs out, 0 where it does not."""
        order = np.argsort(-rate, axis=2)
        used = np.cumsum(np.take_along_axis(room, order, axis=2), axis=2)
        out = used >= self.budget
        at = np.take_along_axis(order, out.argmax(axis=2)[:, :, None], axis=2)
        found = np.take_along_axis(rate, at, axis=2)
        return np.where(out.any(axis=2, keepdims=True), found, 0.0)

    def contains(self, point: Floats) -> bool:
        """Exact in rational numbers where floating point leaves it open."""
        if not ((point >= self._box.low[0]) & (point <= self._box.high[0])).all():
            return False
        moves = self.scale > 0.0

        def exact() -> bool:
            parts = zip(point[moves], self.centre[moves], self.scale[moves], strict=True)
            ways = (abs(fraction(x) - fraction(c)) / fraction(s) for x, c, s in parts)
            return sum(ways, Fraction(0)) <= fraction(self.budget)

        return at_most(np.abs(point - self.centre)[moves] / self.scale[moves], self.budget, exact)

    def nearest(self, points: Floats) -> Floats:
        """Euclidean projection in units of scale: every share shrinks by the same m, found by bisection, and
        ends at its box."""
        step = np.where(self.scale > 0.0, points - self.centre, 0.0)
        share = np.abs(step) / self._safe
        room = np.where(step < 0.0, self.centre - self.low, self.high - self.centre) / self._safe
        aim = self.budget * (1.0 - 8.0 * theta(len(self.centre)))
        low, high = np.zeros((len(points), 1)), share.max(axis=1, keepdims=True)
        fits = np.minimum(share, room).sum(axis=1, keepdims=True) <= aim
        for _ in range(60):
            middle = 0.5 * (low + high)
            enough = np.minimum(np.maximum(share - middle, 0.0), room).sum(axis=1, keepdims=True) <= aim
            low, high = np.where(enough, low, middle), np.where(enough, middle, high)
        kept = np.minimum(np.maximum(share - np.where(fits, 0.0, high), 0.0), room)
        moved = step_from(self.centre, np.copysign(kept * self._safe, step) * (1.0 - 8.0 * UNIT))
        return np.clip(moved, self.low, self.high)

    def draw(self, count: int, generator: np.random.Generator) -> Floats:
        """Half of the points spend the whole budget on few inputs, tag after tag in random order."""
        n = len(self.centre)
        rank = np.argsort(generator.random((count, n)), axis=1)
        up = generator.random((count, n)) < 0.5
        room = np.where(up, self._box.high[0] - self.centre, self.centre - self._box.low[0]) / self._safe
        most = np.take_along_axis(room, rank, axis=1)
        most[: count // 2] *= generator.random((count // 2, n))
        before = np.cumsum(most, axis=1) - most
        spent = np.minimum(most, np.maximum(self.budget - before, 0.0))
        share = np.zeros((count, n))
        np.put_along_axis(share, rank, spent, axis=1)
        return self.nearest(self.centre + np.where(up, share, -share) * self.scale)
