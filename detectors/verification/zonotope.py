"""Zonotopes: centre + sum of symbols in [-1, 1] times generators + what has no symbol (Gehr et al. 2018)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.verification.box import Box
from detectors.verification.rounding import SPARE, TINY, UNIT

Floats = NDArray[np.float64]


class Zonotope(NamedTuple):
    """centre (batch, n), generators (batch, symbols, n), spread (batch, n).

    The values of one network share their symbols: for every input there are symbols e in [-1, 1] with
    |value - centre - e @ generators| <= spread, for all values at once and the numbers as they are stored.
    spread: at least 0; rounding is collected in it.
    """

    centre: Floats
    generators: Floats
    spread: Floats

    @property
    def radius(self) -> Floats:
        """(batch, n) half width about the centre, rounded up."""
        wide = 4.0 * (self.generators.shape[1] + 4.0) * UNIT
        total = np.abs(self.generators).sum(axis=1) + self.spread
        return np.asarray(total * (1.0 + wide) * SPARE)

    @property
    def size(self) -> Floats:
        """(batch, n) largest magnitude, rounded up; each generator is counted in it."""
        return (np.abs(self.centre) + self.radius) * SPARE

    @property
    def box(self) -> Box:
        """Smallest box around it, outward."""
        radius = self.radius
        return Box(np.nextafter(self.centre - radius, -np.inf), np.nextafter(self.centre + radius, np.inf))

    def over(self, symbols: int) -> Zonotope:
        """The same over more symbols, which it does not depend on."""
        batch, own, n = self.generators.shape
        if own == symbols:
            return self
        padded = np.concatenate([self.generators, np.zeros((batch, symbols - own, n))], axis=1)
        return Zonotope(self.centre, padded, self.spread)

    def with_fresh(self, radii: Floats) -> Zonotope:
        """A new symbol for every entry whose radius (batch, n) is not 0 in the whole batch."""
        entries = np.flatnonzero((radii != 0.0).any(axis=0))
        batch, n = self.centre.shape
        rows = np.zeros((batch, len(entries), n))
        rows[:, np.arange(len(entries)), entries] = radii[:, entries]
        return Zonotope(self.centre, np.concatenate([self.generators, rows], axis=1), self.spread)


def around(box: Box) -> Zonotope:
    """A symbol for each entry that may move."""
    batch, n = box.low.shape
    still = Zonotope(box.middle, np.zeros((batch, 0, n)), np.zeros((batch, n)))
    return still.with_fresh(box.reach)


def scaled(slopes: Floats, given: Zonotope) -> Zonotope:
    """slopes (batch, n) times it, entry by entry; rounding goes to the spread."""
    lost = 4.0 * UNIT * np.abs(slopes) * given.size
    spread = (np.abs(slopes) * given.spread + lost) * SPARE + TINY
    return Zonotope(slopes * given.centre, slopes[:, None, :] * given.generators, spread)


def plus(one: Zonotope, other: Zonotope) -> Zonotope:
    """Sum of two over the same symbols; rounding goes to the spread."""
    spread = (one.spread + other.spread + 4.0 * UNIT * (one.size + other.size)) * SPARE + TINY
    return Zonotope(one.centre + other.centre, one.generators + other.generators, spread)


def moved(given: Zonotope, shift: Floats) -> Zonotope:
    """It and a constant (batch, n); rounding goes to the spread."""
    spread = (given.spread + 4.0 * UNIT * (np.abs(given.centre) + np.abs(shift))) * SPARE + TINY
    return Zonotope(given.centre + shift, given.generators, spread)
