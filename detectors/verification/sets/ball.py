"""Weighted l2 balls within the physical range."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from detectors.verification.box import Box
from detectors.verification.rounding import SPARE, below, theta
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


class Ball(Region):
    """sum ((x - centre) / scale)^2 <= radius^2 and low <= x <= high.

    centre: (n,) the window; scale: (n,) what counts as 1, in the tag's unit, 0 for what does not move;
    radius: 0 or more, without unit; low, high: (n,) physical range, none by default. Raises BadInput on NaN,
    negative scale or radius, and a centre outside the range.
    """

    def __init__(
        self,
        centre: Floats,
        scale: Floats,
        radius: float,
        low: Floats | None = None,
        high: Floats | None = None,
    ) -> None:
        self.centre = finite("window", centre)
        self.scale = not_negative("scale", scale, len(self.centre))
        self.radius = amount("radius of the l2 ball", radius)
        self.low, self.high = limits(self.centre, low, high)
        self._box = around(self.centre, self.scale * self.radius * SPARE, self.low, self.high)

    @property
    def hull(self) -> Box:
        """The ball's own box within the range."""
        return self._box.hull

    @property
    def norm_ball(self) -> NormBall:
        """Without the range."""
        return NormBall(self.centre[None], self.scale[None], self.radius, "2")

    @np.errstate(all="ignore")
    def lowest(self, coefficients: Floats) -> Floats:
        """c = a + (c - a): the least value of a over the ball and of the rest over the box, a valid bound for
        any a, and the exact one for the a of ``_on_ball`` (Lagrange duality)."""
        a = self._on_ball(coefficients)
        rest = coefficients - a
        size = self._box.hull.size
        n = len(self.centre)
        # The rounding of the rest, and of the products with the centre.
        magnitude = np.abs(rest) @ size[0] + np.abs(a) @ np.abs(self.centre)
        norm = self._norm(a * self.scale)
        total = a @ self.centre - self.radius * norm + self._box.lowest(rest)
        spent = magnitude + self.radius * norm
        return below(total, theta(n) * spent + 1e-290 * (1.0 + self.radius))

    def _on_ball(self, coefficients: Floats) -> Floats:
        """The part of c that the ball bounds: in units of scale the least point is y_i = -min(t g_i, k_i),
        g = |c| scale, k = way to the range's end, with t such that ||y|| = radius; there a_i = k_i / t."""
        way = np.where(coefficients > 0.0, self.centre - self.low, self.high - self.centre)
        moves = self.scale > 0.0
        safe = np.where(moves, self.scale, 1.0)
        if not np.isfinite(self.low).any() and not np.isfinite(self.high).any():
            return np.where(moves, coefficients, 0.0)
        k = np.where(moves, way / safe, 0.0)
        g = np.abs(coefficients) * self.scale
        turn = np.where(g > 0.0, k / np.where(g > 0.0, g, 1.0), np.inf)
        order = np.argsort(turn, axis=2)
        turn, k_sorted, g_sorted = (np.take_along_axis(v, order, axis=2) for v in (turn, k, g))
        # With j inputs at their ends: t_j^2 = (radius^2 - sum k^2) / sum g^2 of the others.
        ended = np.cumsum(np.where(np.isfinite(turn), k_sorted, 0.0) ** 2, axis=2)
        ended = np.concatenate([np.zeros_like(ended[:, :, :1]), ended], axis=2)[:, :, :-1]
        others = np.flip(np.cumsum(np.flip(g_sorted**2, axis=2), axis=2), axis=2)
        left = np.maximum(self.radius**2 - ended, 0.0)
        t = np.sqrt(left / np.where(others > 0.0, others, np.inf))
        fits = (t <= turn) & (others > 0.0)
        first = fits.argmax(axis=2)[:, :, None]
        t_found = np.take_along_axis(t, first, axis=2)
        # Where all inputs reach their ends within the ball, the box alone bounds.
        most = np.where(fits.any(axis=2, keepdims=True) & moves & (k > 0.0), k / t_found / safe, 0.0)
        return np.asarray(np.copysign(np.minimum(np.abs(coefficients), most), coefficients))

    @staticmethod
    def _norm(values: Floats) -> Floats:
        """Euclidean along the last axis, rounded up; scaled, so that no square underflows."""
        size = np.abs(values)
        peak = size.max(axis=-1, keepdims=True)
        part = size / np.where(peak > 0.0, peak, 1.0)
        root = np.sqrt((part**2).sum(axis=-1)) * peak[..., 0]
        return np.asarray(root * (1.0 + theta(values.shape[-1])) + 1e-290)

    def contains(self, point: Floats) -> bool:
        """Exact in rational numbers where floating point leaves it open."""
        if not ((point >= self._box.low[0]) & (point <= self._box.high[0])).all():
            return False
        moves = self.scale > 0.0
        steps = (point[moves] - self.centre[moves]) / self.scale[moves]

        def exact() -> bool:
            parts = zip(point[moves], self.centre[moves], self.scale[moves], strict=True)
            ways = ((fraction(x) - fraction(c)) / fraction(s) for x, c, s in parts)
            return sum((w * w for w in ways), Fraction(0)) <= fraction(self.radius) ** 2

        peak = float(np.abs(steps).max(initial=0.0))
        if peak < 1e-280:
            return exact()
        relative = self.radius / peak
        return at_most((steps / peak) ** 2, relative * relative, exact)

    def nearest(self, points: Floats) -> Floats:
        """Into the range, then straight towards the centre."""
        inside = np.clip(points, self.low, self.high)
        step = np.where(self.scale > 0.0, inside - self.centre, 0.0)
        norm = self._norm(step / np.where(self.scale > 0.0, self.scale, 1.0))
        spare = 1.0 - 8.0 * theta(len(self.centre))
        share = np.where(norm > self.radius * spare, self.radius * spare / norm, 1.0)
        # Clipped again, because centre + (end - centre) may round beyond the end.
        return np.clip(step_from(self.centre, step * share[:, None]), self.low, self.high)

    def draw(self, count: int, generator: np.random.Generator) -> Floats:
        """Half of the points on the sphere, some of these in few inputs."""
        n = len(self.centre)
        step = generator.standard_normal((count, n))
        few = generator.random((count, n)) < generator.random((count, 1))
        step = np.where(few, step, 0.0)
        norm = np.sqrt((step**2).sum(axis=1, keepdims=True))
        depth = generator.random((count, 1))
        depth[count // 2 :] = 1.0
        step = step / np.where(norm > 0.0, norm, 1.0) * depth
        return self.nearest(self.centre + step * self.scale * self.radius)
