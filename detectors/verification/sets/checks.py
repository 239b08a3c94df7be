"""Checks of what sets are made of, and steps that end inside them in spite of rounding."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from detectors.verification.rounding import theta
from streams.errors import BadInput

Floats = NDArray[np.float64]


def finite(where: str, values: Floats, length: int | None = None) -> Floats:
    """(n,) float64. Raises BadInput unless it is a finite vector of that length."""
    vector = np.asarray(values, dtype=np.float64)
    if vector.ndim != 1 or not len(vector) or (length is not None and len(vector) != length):
        raise BadInput(where, vector.shape, f"({'n' if length is None else length},)")
    if not np.isfinite(vector).all():
        first = int(np.flatnonzero(~np.isfinite(vector))[0])
        raise BadInput(f"{where} of input {first}", float(vector[first]), "a finite number")
    return vector


def not_negative(where: str, values: Floats, length: int | None = None) -> Floats:
    """As ``finite``, and 0 or more."""
    vector = finite(where, values, length)
    if (vector < 0.0).any():
        first = int(np.flatnonzero(vector < 0.0)[0])
        raise BadInput(f"{where} of input {first}", float(vector[first]), "0 or more")
    return vector


def amount(where: str, value: float) -> float:
    """Raises BadInput unless it is a finite number, 0 or more."""
    if not (np.isfinite(value) and value >= 0.0):
        raise BadInput(where, value, "a finite number, 0 or more")
    return float(value)


def whole(where: str, value: int, most: int, of_what: str) -> int:
    """Raises BadInput unless it is an integer from 0 to ``most``."""
    if int(value) != value or not 0 <= value <= most:
        raise BadInput(where, value, f"0 to {most}, the number of {of_what}")
    return int(value)


def limits(centre: Floats, low: Floats | None, high: Floats | None) -> tuple[Floats, Floats]:
    """Physical range around ``centre``, infinite where none is given. Raises BadInput where a limit is NaN or
    leaves the centre outside."""
    ends = []
    for name, given, sign in (("lower", low, -1.0), ("upper", high, 1.0)):
        end = np.full(len(centre), sign * np.inf) if given is None else np.asarray(given, dtype=np.float64)
        if end.shape != centre.shape:
            raise BadInput(f"physical range, {name} ends", end.shape, f"({len(centre)},)")
        wrong = ~(sign * (end - centre) >= 0.0)
        if wrong.any():
            first = int(np.flatnonzero(wrong)[0])
            side = "at most" if sign < 0.0 else "at least"
            allowed = f"{side} the window's value {centre[first]:g}"
            raise BadInput(f"physical range, {name} end of input {first}", float(end[first]), allowed)
        ends.append(end)
    return ends[0], ends[1]


def step_from(centre: Floats, step: Floats) -> Floats:
    """centre + step, rounded towards the centre: the way gone is at most |step| (1 + u)."""
    point = centre + step
    return np.where(np.abs(point - centre) > np.abs(step), np.nextafter(point, centre), point)


def at_most(terms: Floats, limit: float, exact: Callable[[], bool]) -> bool:
    """Whether a sum of non-negative terms, each with up to eight roundings, is at most ``limit``: by floating
    point where that is clear, else by ``exact``."""
    total = float(terms.sum())
    spare = total * theta(len(terms)) + 1e-290
    if total + spare < limit:
        return True
    if total - spare > limit:
        return False
    return exact()


def fraction(value: float) -> Fraction:
    """The stored number itself."""
    return Fraction(float(value))
