"""Boxes: every value moves by itself. A batch of them serves branch and bound."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.verification.box import Box
from detectors.verification.rounding import UNIT, below
from detectors.verification.sets.base import Region
from streams.errors import BadInput

Floats = NDArray[np.float64]


def around(centre: Floats, step: Floats, low: Floats, high: Floats) -> Boxes:
    """The box of centre -+ step, rounded outward, within low and high; (n,) each. A step of 0 stays 0."""
    ends = [np.nextafter(centre + sign * step, sign * np.inf) for sign in (-1.0, 1.0)]
    ends = [np.where(step > 0.0, end, centre) for end in ends]
    return Boxes(np.maximum(ends[0], low), np.minimum(ends[1], high))


class Boxes(Region):
    """low <= x <= high, (n,) or (batch, n). Raises BadInput where a bound is not finite, or low is above
    high."""

    def __init__(self, low: Floats, high: Floats) -> None:
        self.low, self.high = np.atleast_2d(low).astype(np.float64), np.atleast_2d(high).astype(np.float64)
        if self.low.shape != self.high.shape:
            raise BadInput("box", (self.low.shape, self.high.shape), "bounds of one shape")
        if not (np.isfinite(self.low).all() and np.isfinite(self.high).all()):
            raise BadInput("box", "NaN or infinity", "finite bounds")
        if (self.low > self.high).any():
            first = tuple(int(i) for i in np.argwhere(self.low > self.high)[0])
            allowed = f"at least the lower bound {self.low[first]:g}"
            raise BadInput(f"box, upper bound of input {first[1]}", float(self.high[first]), allowed)
        self.batch = self.low.shape[0]

    @property
    def hull(self) -> Box:
        """The boxes themselves."""
        return Box(self.low, self.high)

    def lowest(self, coefficients: Floats) -> Floats:
        """Every coefficient takes the end that makes it least."""
        box = self.hull
        middle, reach = box.middle[:, :, None], box.reach[:, :, None]
        size = np.abs(coefficients)
        shift, spread = (coefficients @ middle)[:, :, 0], (size @ reach)[:, :, 0]
        wide = 16.0 * (self.low.shape[1] + 8.0) * UNIT
        return below(shift - spread, wide * ((size @ np.abs(middle))[:, :, 0] + spread) + 1e-290)

    def contains(self, point: Floats) -> bool:
        """Of the first box."""
        return bool((point >= self.low[0]).all() and (point <= self.high[0]).all())

    def where_least(self, coefficients: Floats) -> Floats:
        """Corners."""
        return np.asarray(np.where(coefficients > 0.0, self.low[0], self.high[0]))

    def nearest(self, points: Floats) -> Floats:
        """Clipped to the first box."""
        return np.clip(points, self.low[0], self.high[0])
