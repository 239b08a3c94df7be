"""What every set of perturbed windows can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.verification.box import Box
from detectors.verification.zonotope import Zonotope, around

Floats = NDArray[np.float64]
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

    def draw(self, count: int, generator: np.random.Generator) -> Floats:
        """(count, n) points of the first set, half of them from its corners."""
        low, high = self.hull.low[0], self.hull.high[0]
        share = generator.random((count, len(low)))
        share[count // 2 :] = np.rint(share[count // 2 :])
        return self.nearest(low + share * (high - low))
