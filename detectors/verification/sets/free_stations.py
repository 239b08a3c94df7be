"""Any k stations free over their whole physical range, all else within a box; and at most k tags moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from detectors.verification.box import Box
from detectors.verification.rounding import SPARE, below, theta
from detectors.verification.sets.base import Region
from detectors.verification.sets.boxes import Boxes
from detectors.verification.sets.checks import finite, whole
from streams.errors import BadInput

Floats = NDArray[np.float64]

MOST_CHOICES = 500


class FreeStations(Region):
    """Union over all choices of k groups: their inputs within [low, high], all others within ``base``.

    groups: name -> its inputs, no input in two; low, high: (n,) physical range, widened to the base box where
    that reaches further. Raises BadInput on more than one base box, a group without inputs or with an unknown
    one, an input in two groups, k below 0 or above the number of groups, ranges that are not finite or
    upside down.
    """

    def __init__(
        self,
        base: Boxes,
        groups: Mapping[str, Sequence[int] | NDArray[np.intp]],
        k: int,
        low: Floats,
        high: Floats,
    ) -> None:
        if base.batch != 1:
            raise BadInput("base box", base.batch, "one box")
        n = base.low.shape[1]
        free = Boxes(finite("lower end of range", low, n), finite("upper end of range", high, n))
        self.base, self.k = base, whole("free stations", k, len(groups), "stations")
        self.free = Box(np.minimum(free.low, base.low), np.maximum(free.high, base.high))
        self.member = _membership(groups, n)
        self._weights = self.member.T.astype(np.float64)
        self._down = (base.low - self.free.low) * SPARE
        self._up = (self.free.high - base.high) * SPARE

    @property
    def hull(self) -> Box:
        """Whatever can be free is."""
        can = self.member.any(axis=0) & (self.k > 0)
        return Box(np.where(can, self.free.low, self.base.low), np.where(can, self.free.high, self.base.high))

    def with_free(self, chosen: Sequence[int]) -> Boxes:
        """The box of one choice of stations, by their numbers."""
        inputs = self.member[list(chosen)].any(axis=0)
        low = np.where(inputs, self.free.low, self.base.low)
        return Boxes(low, np.where(inputs, self.free.high, self.base.high))

    def alternatives(self) -> Sequence[Region]:
        """A box for every choice, itself where there are more than ``MOST_CHOICES``."""
        if comb(len(self.member), self.k) > MOST_CHOICES:
            return (self,)
        return [self.with_free(chosen) for chosen in combinations(range(len(self.member)), self.k)]

    def lowest(self, coefficients: Floats) -> Floats:
        """The base box's least value less the k largest gains, exact but for rounding: the gain of a group is
        what its freedom adds, and gains of different groups add up. Every gain is rounded up."""
        gains = np.maximum(coefficients, 0.0) * self._down - np.minimum(coefficients, 0.0) * self._up
        wide = 1.0 + theta(gains.shape[2])
        each = (gains @ self._weights) * wide + 1e-290
        rest = each.shape[2] - self.k
        most = np.partition(each, rest, axis=2)[:, :, rest:].sum(axis=2) if self.k else np.zeros(1)
        return below(self.base.lowest(coefficients), most * wide)

    def contains(self, point: Floats) -> bool:
        """Outside the base box are inputs of at most k groups, and these within their range."""
        moved = ~((point >= self.base.low[0]) & (point <= self.base.high[0]))
        within = ((point >= self.hull.low[0]) & (point <= self.hull.high[0])).all()
        return bool(within and (self.member @ moved > 0).sum() <= self.k)

    def nearest(self, points: Floats) -> Floats:
        """The k groups that are furthest outside the base box, in shares of their freedom, stay free."""
        base, hull = self.base.hull, self.hull
        inside = np.clip(points, hull.low[0], hull.high[0])
        kept = np.clip(points, base.low[0], base.high[0])
        freedom = np.maximum(self.free.high - self.free.low, 1e-290)
        outside = (np.abs(inside - kept) / freedom) @ self._weights
        return self._with_free(inside, kept, outside)

    def draw(self, count: int, generator: np.random.Generator) -> Floats:
        """Random groups are free; half of the points are corners."""
        base, free = self.base.hull, self.hull
        share = generator.random((count, self.member.shape[1]))
        share[count // 2 :] = np.rint(share[count // 2 :])
        points = [np.clip(b.low + share * (b.high - b.low), b.low, b.high) for b in (free, base)]
        return self._with_free(points[0], points[1], generator.random((count, len(self.member))))

    def _with_free(self, free: Floats, base: Floats, rank: Floats) -> Floats:
        if not self.k:
            return base
        rest = len(self.member) - self.k
        chosen = np.argpartition(rank, rest, axis=1)[:, rest:]
        use = self.member[chosen].any(axis=1)
        return np.where(use, free, base)


class FewTags(FreeStations):
    """At most k tags moved, each within its own box (an l0 budget): stations of one tag each.

    centre: (n,) the window; low, high: (n,) the boxes, widened to the centre; tags: (n,) number of the tag
    that an input is a sample of, by default each of its own.
    """

    def __init__(
        self, centre: Floats, low: Floats, high: Floats, k: int, tags: NDArray[np.intp] | None = None
    ) -> None:
        middle = finite("window", centre)
        numbers = np.arange(len(middle)) if tags is None else np.asarray(tags)
        if numbers.shape != middle.shape:
            raise BadInput("tag numbers", numbers.shape, f"({len(middle)},)")
        groups = {f"tag {t}": np.flatnonzero(numbers == t) for t in np.unique(numbers)}
        super().__init__(Boxes(middle, middle), groups, k, low, high)


def _membership(groups: Mapping[str, Sequence[int] | NDArray[np.intp]], n: int) -> NDArray[np.bool_]:
    member = np.zeros((len(groups), n), dtype=np.bool_)
    for row, (name, inputs) in zip(member, groups.items(), strict=True):
        indices = np.asarray(inputs, dtype=np.intp)
        if not indices.size:
            raise BadInput(f"station {name}", "no tags", "at least one tag")
        if indices.min() < 0 or indices.max() >= n:
            raise BadInput(f"station {name}, inputs", indices.tolist(), f"0 to {n - 1}")
        row[indices] = True
    twice = np.flatnonzero(member.sum(axis=0) > 1)
    if twice.size:
        names = [name for name, row in zip(groups, member, strict=True) if row[twice[0]]]
        raise BadInput(f"station of input {twice[0]}", names, "one station")
    return member
