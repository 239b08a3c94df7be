"""Boxes of values, a batch of them at a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Box(NamedTuple):
    """low <= value <= high, both (boxes, n)."""

    low: Floats
    high: Floats

    @property
    def middle(self) -> Floats:
        """(boxes, n); with ``reach`` it covers the box, whatever was rounded."""
        return 0.5 * self.low + 0.5 * self.high

    @property
    def reach(self) -> Floats:
        """(boxes, n) half width about ``middle``, rounded up; exactly 0 for a point."""
        middle = self.middle
        reach = np.maximum(self.high - middle, middle - self.low)
        return np.where(reach == 0.0, 0.0, np.nextafter(reach, np.inf))

    @property
    def size(self) -> Floats:
        """(boxes, n) largest magnitude."""
        return np.maximum(np.abs(self.low), np.abs(self.high))

    def within(self, other: Box) -> Box:
        """Intersection; both hold, so it is never empty but for rounding."""
        return Box(np.maximum(self.low, other.low), np.minimum(self.high, other.high))
