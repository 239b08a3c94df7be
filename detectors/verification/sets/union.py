"""Any one of several sets: what an attacker may choose between."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from detectors.verification.box import Box
from detectors.verification.sets.base import Region
from detectors.verification.sets.consistent import Consistent
from detectors.verification.sets.free_stations import FreeStations
from streams.errors import BadInput

Floats = NDArray[np.float64]


class Union(Region):
    """x in one member at least. Raises BadInput without members, or where they differ in length."""

    def __init__(self, members: Sequence[Region]) -> None:
        self.members = tuple(members)
        lengths = {member.hull.low.shape for member in self.members}
        if len(lengths) != 1 or any(member.batch != 1 for member in self.members):
            raise BadInput("union of sets", sorted(lengths), "at least one set, all single and of one length")

    @classmethod
    def consistent_stations(
        cls, stations: FreeStations, matrix: Floats, row_low: Floats, row_high: Floats
    ) -> Union:
        """Any k stations free *and* row_low <= matrix @ x <= row_high, exactly: one consistent box for every
        choice of k stations. Raises BadInput where one of them holds no window; none does if the base box
        holds one."""
        choices = combinations(range(len(stations.member)), stations.k)
        return cls([Consistent(stations.with_free(c), matrix, row_low, row_high) for c in choices])

    @property
    def hull(self) -> Box:
        """Around all of them."""
        hulls = [member.hull for member in self.members]
        return Box(np.min([h.low for h in hulls], axis=0), np.max([h.high for h in hulls], axis=0))

    def alternatives(self) -> list[Region]:
        """Those of all members."""
        return [part for member in self.members for part in member.alternatives()]

    @property
    def cost(self) -> float:
        """Of all members."""
        return sum(member.cost for member in self.members)

    def lowest(self, coefficients: Floats) -> Floats:
        """The least of the members'."""
        return np.asarray(np.min([member.lowest(coefficients) for member in self.members], axis=0))

    def contains(self, point: Floats) -> bool:
        """In any of them."""
        return any(member.contains(point) for member in self.members)

    def nearest(self, points: Floats) -> Floats:
        """Into the member that needs the least move, in shares of the hull."""
        hull = self.hull
        width = np.maximum(hull.high - hull.low, 1e-290)
        moved = np.array([member.nearest(points) for member in self.members])
        way = (((moved - points) / width) ** 2).sum(axis=2)
        return np.asarray(moved[way.argmin(axis=0), np.arange(len(points))])

    def draw(self, count: int, generator: np.random.Generator) -> Floats:
        """From a random member each."""
        drawn = np.array([member.draw(count, generator) for member in self.members])
        return np.asarray(drawn[generator.integers(len(drawn), size=count), np.arange(count)])
