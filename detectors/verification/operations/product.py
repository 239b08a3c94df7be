"""Products of two values, entry by entry: gates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.verification.box import Box
from detectors.verification.operations.base import Bounded, Operation, Pulled
from detectors.verification.rounding import SPARE, TINY, UNIT, Arithmetic
from detectors.verification.zonotope import Zonotope, moved, plus, scaled
from streams.errors import BadInput

Floats = NDArray[np.float64]


class Product(Operation):
    """a * b for two inputs of one size."""

    def size(self, inputs: tuple[int, ...]) -> int:
        """That of either."""
        if len(inputs) != 2 or inputs[0] != inputs[1]:
            raise BadInput("product, inputs", inputs, "two of one size")
        return inputs[0]

    def evaluate(self, *inputs: Floats) -> Floats:
        """a * b."""
        return inputs[0] * inputs[1]

    def bound(self, inputs: tuple[Box, ...], arithmetic: Arithmetic) -> Bounded:
        """Least and greatest of the four corners."""
        one, other = inputs
        corners = [a * b for a in one for b in other]
        magnitude = one.size * other.size * SPARE
        lost = 4.0 * max(arithmetic.unit, UNIT) * magnitude + arithmetic.floor
        return Bounded(Box(np.min(corners, axis=0) - lost, np.max(corners, axis=0) + lost), magnitude)

    def open_entries(self, inputs: tuple[Box, ...]) -> tuple[NDArray[np.bool_], ...]:
        """Those of which both may move: a known factor leaves an exact plane."""
        one, other = inputs
        open_ = np.asarray(((one.low < one.high) & (other.low < other.high)).any(axis=0))
        return open_, open_

    def pull(
        self, coefficients: Floats, inputs: tuple[Box, ...], result: Bounded, slopes: Floats | None
    ) -> Pulled:
        """Planes of McCormick (1976); of the two on each side, which leave the same volume, the one whose
        least (greatest) value on the box is the better."""
        one, other = inputs
        up, down = np.maximum(coefficients, 0.0), np.minimum(coefficients, 0.0)
        lower, upper = lower_plane(one, other), lower_plane(negative(one), other)
        # The upper plane of a b is the negative of the lower plane of (-a) b.
        passed = (
            up * lower[0][:, None] + down * upper[0][:, None],
            up * lower[1][:, None] - down * upper[1][:, None],
        )
        constant = (up @ lower[2][:, :, None] - down @ upper[2][:, :, None])[:, :, 0]
        wide = 64.0 * (one.low.shape[1] + 8.0) * UNIT
        most = one.size * other.size * wide + TINY
        return Pulled(passed, constant, (np.abs(coefficients) @ most[:, :, None])[:, :, 0])

    def zonotope(self, inputs: tuple[Zonotope, ...], boxes: tuple[Box, ...]) -> tuple[Zonotope, Floats]:
        """With middles m and half widths r: a b = m_b a + m_a b - m_a m_b + (a - m_a) (b - m_b), and the last
        product is at most r_a r_b."""
        return times(inputs[0], inputs[1], boxes[0], boxes[1])

    def error(
        self, errors: tuple[Floats, ...], inputs: tuple[Box, ...], result: Bounded, arithmetic: Arithmetic
    ) -> Floats:
        """|a| e_b + |b| e_a, for one factor exact and the other as evaluated, and the rounding."""
        one, other = inputs
        own = 4.0 * max(arithmetic.unit, UNIT) * result.magnitude
        return (one.size * errors[1] + other.size * errors[0] + own) * SPARE + arithmetic.floor


def negative(box: Box) -> Box:
    """The box of -a."""
    return Box(-box.high, -box.low)


def lower_plane(one: Box, other: Box) -> tuple[Floats, Floats, Floats]:
    """Coefficients of a and of b, and a constant, of a plane below a b on the boxes; the constant is one
    product, which the caller charges for rounding."""
    found = []
    for a, b in ((one.low, other.low), (one.high, other.high)):
        least = np.minimum(b * one.low, b * one.high) + np.minimum(a * other.low, a * other.high) - a * b
        found.append((least, b, a))
    first = found[0][0] >= found[1][0]
    slope_a, slope_b = (np.where(first, found[0][i], found[1][i]) for i in (1, 2))
    return slope_a, slope_b, -slope_a * slope_b


def times(one: Zonotope, other: Zonotope, box: Box, other_box: Box) -> tuple[Zonotope, Floats]:
    """A product of two zonotopes that lie in these boxes, and the radius of its new symbol."""
    a, b = box.middle, other_box.middle
    linear = plus(scaled(b, one), scaled(a, other))
    fixed = moved(linear, -a * b)
    spread = (fixed.spread + 4.0 * UNIT * np.abs(a * b)) * SPARE + TINY
    return Zonotope(fixed.centre, fixed.generators, spread), box.reach * other_box.reach * SPARE + TINY
