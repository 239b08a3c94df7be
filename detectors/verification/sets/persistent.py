"""Persistence: what an attacker adds to a tag keeps one shape over the window, of a size that is free."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.verification.box import Box
from detectors.verification.rounding import SPARE, UNIT, below, theta
from detectors.verification.sets.base import Region
from detectors.verification.sets.boxes import Boxes
from detectors.verification.sets.checks import finite, fraction
from detectors.verification.zonotope import Zonotope
from streams.errors import BadInput

Floats = NDArray[np.float64]


class Persistent(Region):
    """x_i = centre_i + shape_i p_owner(i) + e_i, p in a box, |e_i| <= grain_i.

    centre, shape: (n,); owner: (n,) number of the parameter that moves an input; low, high: (parameters,) in
    the tags' units. grain = 4 u (|centre| + |shape| |p|): what adding and storing as float64 rounds; without
    it hardly any stored window would lie in the set. Raises BadInput on NaN, an owner without parameter and
    low above high.
    """

    def __init__(
        self, centre: Floats, shape: Floats, owner: NDArray[np.intp], low: Floats, high: Floats
    ) -> None:
        self.centre = finite("window", centre)
        self.shape = finite("shape over the window", shape, len(self.centre))
        self.parameters = Boxes(finite("lower bias", low), finite("upper bias", high))
        self.owner = np.asarray(owner, dtype=np.intp)
        count = self.parameters.low.shape[1]
        if self.owner.shape != self.centre.shape or self.owner.min() < 0 or self.owner.max() >= count:
            raise BadInput("owners", self.owner.tolist(), f"({len(self.centre)},) numbers 0 to {count - 1}")
        self._most = self.parameters.hull.size[0][self.owner]
        self.grain = 4.0 * UNIT * (np.abs(self.centre) + np.abs(self.shape) * self._most) + 1e-300
        # (n, parameters): x = centre + map p.
        self._map = np.zeros((len(self.centre), count))
        self._map[np.arange(len(self.centre)), self.owner] = self.shape

    @classmethod
    def bias(cls, window: Floats, low: Floats, high: Floats) -> Persistent:
        """One bias per tag held for all scans; window (scans, tags), low and high (tags,)."""
        return cls._held(window, np.ones(len(window)), low, high)

    @classmethod
    def ramp(cls, window: Floats, low: Floats, high: Floats) -> Persistent:
        """A bias per tag that grows by the same amount every scan and reaches its size, within low and high
        (tags,), in the newest; window (scans, tags)."""
        return cls._held(window, np.arange(1, len(window) + 1) / len(window), low, high)

    @classmethod
    def _held(cls, window: Floats, profile: Floats, low: Floats, high: Floats) -> Persistent:
        values = np.asarray(window, dtype=np.float64)
        if values.ndim != 2 or not values.size or np.shape(low) != (values.shape[1],):
            raise BadInput("window and biases", (values.shape, np.shape(low)), "(scans, tags) and (tags,)")
        owner = np.tile(np.arange(values.shape[1]), len(values))
        return cls(values.ravel(), np.repeat(profile, values.shape[1]), owner, low, high)

    @property
    def hull(self) -> Box:
        """Of every input by itself."""
        ends = (self.parameters.low[0][self.owner], self.parameters.high[0][self.owner])
        moves = [self.shape * end for end in ends]
        # grain is twice what the products and the sums below may lose.
        wide = self.grain * 2.0
        low, high = self.centre + np.minimum(*moves) - wide, self.centre + np.maximum(*moves) + wide
        return Box(np.nextafter(low, -np.inf)[None], np.nextafter(high, np.inf)[None])

    def lowest(self, coefficients: Floats) -> Floats:
        """c @ centre + the least of (c @ map) @ p over the parameters' box - |c| @ grain. What c @ map
        rounds is charged with |c| |map| |p|."""
        size, n = np.abs(coefficients), len(self.centre)
        gathered = coefficients @ self._map
        moved = size @ (np.abs(self.shape) * self._most)
        total = coefficients @ self.centre + self.parameters.lowest(gathered)
        spent = size @ np.abs(self.centre) + moved
        return below(total, (theta(n) * 2.0 * spent + size @ self.grain) * SPARE * (1.0 + theta(n)) + 1e-290)

    @property
    def zonotope(self) -> Zonotope:
        """A symbol for every parameter; grain once more for what the sums here round."""
        middle, reach = self.parameters.hull.middle[0], self.parameters.hull.reach[0]
        centre = self.centre + self.shape * middle[self.owner]
        return Zonotope(centre[None], (self._map * reach).T[None], 2.0 * self.grain[None])

    def contains(self, point: Floats) -> bool:
        """Whether one p explains every sample, in rational numbers."""
        if not np.isfinite(point).all():
            return False
        low = [fraction(p) for p in self.parameters.low[0]]
        high = [fraction(p) for p in self.parameters.high[0]]
        rows = zip(point, self.centre, self.shape, self.grain, self.owner, strict=True)
        for x, centre, shape, grain, t in rows:
            step, spare, slope = fraction(x) - fraction(centre), fraction(grain), fraction(shape)
            if not slope:
                if abs(step) > spare:
                    return False
                continue
            ends = sorted(((step - spare) / slope, (step + spare) / slope))
            low[t], high[t] = max(low[t], ends[0]), min(high[t], ends[1])
        return all(a <= b for a, b in zip(low, high, strict=True))

    def nearest(self, points: Floats) -> Floats:
        """Least squares for every parameter, clipped to its box."""
        weight = self.shape**2 @ (self._map != 0.0)
        found = (points - self.centre) @ self._map / np.where(weight > 0.0, weight, 1.0)
        return self._at(np.clip(found, self.parameters.low[0], self.parameters.high[0]))

    def where_least(self, coefficients: Floats) -> Floats:
        """Corners of the parameters' box."""
        return self._at(self.parameters.where_least(coefficients @ self._map))

    def draw(self, count: int, generator: np.random.Generator) -> Floats:
        """Half of the points from corners of the parameters' box."""
        return self._at(self.parameters.draw(count, generator))

    def _at(self, parameters: Floats) -> Floats:
        return np.asarray(self.centre + self.shape * parameters[:, self.owner])
