"""Pieces of a set: a batch of boxes, each of which the set is cut with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.verification.box import Box
from detectors.verification.sets import Boxes, Region

Floats = NDArray[np.float64]


class Pieces(Region):
    """x in ``region`` and low <= x <= high, (batch, n) each; the region is a single one. A piece may be
    empty: bounds over it then hold for nothing."""

    def __init__(self, region: Region, low: Floats, high: Floats) -> None:
        self._region, self._boxes = region, Boxes(low, high)
        self.batch = self._boxes.batch

    @property
    def hull(self) -> Box:
        """The boxes, which may be larger than the pieces."""
        return self._boxes.hull

    @property
    def cost(self) -> float:
        """Of box and set."""
        return self._boxes.cost if isinstance(self._region, Boxes) else self._boxes.cost + self._region.cost

    def lowest(self, coefficients: Floats) -> Floats:
        """The better of box and whole set, both of which hold the piece."""
        boxed = self._boxes.lowest(coefficients)
        if isinstance(self._region, Boxes):
            return boxed
        flat = coefficients.reshape(1, -1, coefficients.shape[2])
        return np.maximum(boxed, self._region.lowest(flat).reshape(boxed.shape))

    def contains(self, point: Floats) -> bool:
        """Of the first piece."""
        return self._boxes.contains(point) and self._region.contains(point)

    def where_least(self, coefficients: Floats) -> Floats:
        """(batch, n): of each piece's box, or of the whole set."""
        if isinstance(self._region, Boxes):
            return np.where(coefficients > 0.0, self._boxes.low, self._boxes.high)
        return self._region.where_least(coefficients)

    def nearest(self, points: Floats) -> Floats:
        """Into the whole set: a cut may leave nothing."""
        return self._region.nearest(self._boxes.nearest(points))


def copies(region: Region, count: int) -> Region:
    """The same set ``count`` times."""
    low, high = (np.repeat(end, count, axis=0) for end in region.hull)
    return Pieces(region, low, high)
