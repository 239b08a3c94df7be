"""What every set of perturbed windows can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.verification.box import Box
from detectors.verification.zonotope import Zonotope, around

Floats = NDArray[np.float64]
FAR = 1e3
"""Half widths; from there the nearest point of a ball is the one furthest that way."""
Order = Literal["1", "2", "inf"]


class NormBall(NamedTuple):
    """Every x of a set has ||(x - centre) / scale|| <= radius in the norm of this order; where scale is 0, x
    is the centre. centre, scale: (batch, n)."""

    centre: Floats
    scale: Floats
    radius: float
    order: Order


class Region(ABC):
    """A set of inputs of a network, or a batch of them.

    batch: how many sets at once; every method speaks of all. A method that bounds by lines asks ``lowest``
    only, so a set is certified as tightly as its ``lowest`` is.
    """

    batch = 1

    @property
    @abstractmethod
    def hull(self) -> Box:
        """Smallest box around each set, (batch, n), outward."""

    def alternatives(self) -> Sequence[Region]:
        """Sets of which it is the union, convex ones where that can be: itself, if it is convex."""
        return (self,)

    @property
    def cost(self) -> float:
        """About how many multiplications one row of ``lowest`` takes."""
        return 8.0 * float(self.hull.low.shape[1])

    @property
    def norm_ball(self) -> NormBall:
        """A norm ball around each set, for methods that know norms only; the hull where none is closer."""
        hull = self.hull
        return NormBall(hull.middle, hull.reach, 1.0, "inf")

    @abstractmethod
    def lowest(self, coefficients: Floats) -> Floats:
        """(batch, rows, n) -> (batch, rows): at most the least value of coefficients @ x over each set, for
        the numbers as given."""

    @property
    def zonotope(self) -> Zonotope:
        """A zonotope around each set; the hull where none is closer."""
        return around(self.hull)

    @abstractmethod
    def contains(self, point: Floats) -> bool:
        """Whether a point (n,) is in the first set, by exact comparison of its definition."""

    @abstractmethod
    def nearest(self, points: Floats) -> Floats:
        """(points, n) moved into the first set, for attacks; inside as ``contains`` sees it."""

    def where_least(self, coefficients: Floats) -> Floats:
        """(rows, n) -> (rows, n): points of the first set where each is about least; nothing rests on it."""
        reach = self.hull.reach[0]
        slope = coefficients * reach
        size = np.abs(slope).max(axis=1, keepdims=True)
        way = slope / np.where(size > 0.0, size, 1.0)
        return self.nearest(self.hull.middle[0] - FAR * way * reach)

    def draw(self, count: int, generator: np.random.Generator) -> Floats:
        """(count, n) points of the first set, half of them from its corners."""
        low, high = self.hull.low[0], self.hull.high[0]
        share = generator.random((count, len(low)))
        share[count // 2 :] = np.rint(share[count // 2 :])
        return self.nearest(low + share * (high - low))
