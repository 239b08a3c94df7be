"""Error terms of sums in floating point; the derivation is in docs/certificates.md.

Every sum of n products is widened by theta(n) times the sum of absolute products. That covers the rounding of
the bound's own arithmetic (binary64, any order of summation) and, with ``unit`` above 0, that of any
evaluation of the network in an arithmetic of that unit roundoff (Higham 2002, section 3.1).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ArithmeticName = Literal["exact", "binary64", "binary32"]

UNIT = 2.0**-53
SPARE = 1.0 + 64.0 * UNIT
"""Factor on a non-negative quantity that outweighs a handful of roundings of it."""
TINY = 1e-300
"""Far above what underflow takes from a product, a quotient or any sum of them (2^-1075 each)."""


def theta(terms: int) -> float:
    """Relative widening for our own binary64 sums of ``terms`` products."""
    return 16.0 * (terms + 8.0) * UNIT


class Arithmetic(NamedTuple):
    """How the network may be evaluated. unit: roundoff, 0 for real numbers; floor: far above what underflow
    can lose in one layer, far below anything that matters; largest: beyond it nothing is bounded, because an
    evaluation, or the bound itself, might overflow."""

    unit: float
    floor: float
    largest: float = 1e300

    def theta(self, terms: int) -> float:
        """Relative widening for sums of ``terms`` products."""
        return 16.0 * (terms + 8.0) * max(self.unit, UNIT)


ARITHMETICS: dict[ArithmeticName, Arithmetic] = {
    "exact": Arithmetic(0.0, 1e-290),
    "binary64": Arithmetic(UNIT, 1e-290),
    "binary32": Arithmetic(2.0**-24, 1e-30, 1e38),
}


def below(values: Floats, error: Floats) -> Floats:
    """``values - error``, rounded down; error >= 0."""
    return np.nextafter(values - error, -np.inf)


def above(values: Floats, error: Floats) -> Floats:
    """``values + error``, rounded up; error >= 0."""
    return np.nextafter(values + error, np.inf)
