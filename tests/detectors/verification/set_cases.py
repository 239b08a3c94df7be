"""Random sets of every kind, each with an oracle of its least values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import numpy as np

from detectors.verification import sets
from detectors.verification.sets import Region
from tests.reference import exact_sets

N = 4
"""Inputs of a case, few enough for enumeration."""


@dataclass
class Case:
    """oracle: an exact or nearly exact least value; sound: whether a bound is at most the least value, in
    rational numbers."""

    region: Region
    oracle: Callable[[np.ndarray], float]
    sound: Callable[[np.ndarray, float], bool]


def _rational(region: Region, least: Callable[[np.ndarray], Fraction]) -> Case:
    return Case(region, lambda c: float(least(c)), lambda c, bound: Fraction(bound) <= least(c))


def _window(rng: np.random.Generator, eps: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A window in mixed units, how far each input moves, and its scale."""
    unit = 10.0 ** rng.uniform(-2, 3, N)
    return unit * rng.standard_normal(N), eps * unit * rng.uniform(0.1, 2, N), unit


def box(rng: np.random.Generator, eps: float) -> Case:
    centre, reach, _ = _window(rng, eps)
    reach[rng.random(N) < 0.2] = 0.0
    low, high = centre - reach, centre + reach
    return _rational(sets.Boxes(low, high), lambda c: exact_sets.box(c, low, high))


def _with_freedom(rng: np.random.Generator, eps: float) -> tuple[np.ndarray, ...]:
    centre, reach, unit = _window(rng, eps)
    low, high = centre - unit * rng.uniform(0, 3, N), centre + unit * rng.uniform(0, 3, N)
    return centre, centre - reach, centre + reach, low, high


def stations(rng: np.random.Generator, eps: float) -> Case:
    _, low, high, free_low, free_high = _with_freedom(rng, eps)
    names = rng.integers(0, 3, N)
    groups = [np.flatnonzero(names == g) for g in np.unique(names)]
    k = int(rng.integers(0, len(groups) + 1))
    named = {f"S{i}": g for i, g in enumerate(groups)}
    region = sets.FreeStations(sets.Boxes(low, high), named, k, free_low, free_high)
    return _rational(
        region,
        lambda c: exact_sets.free_stations(c, (low, high), groups, k, (free_low, free_high)),
    )


def l0(rng: np.random.Generator, eps: float) -> Case:
    centre, low, high, _, _ = _with_freedom(rng, eps)
    k = int(rng.integers(0, N + 1))
    groups = [np.array([i]) for i in range(N)]
    return _rational(
        sets.FewTags(centre, low, high, k),
        lambda c: exact_sets.free_stations(c, (centre, centre), groups, k, (low, high)),
    )


def _persistent(rng: np.random.Generator, eps: float, ramp: bool) -> Case:
    centre, reach, _ = _window(rng, eps)
    window, reach = centre.reshape(2, 2), reach[:2]
    make = sets.Persistent.ramp if ramp else sets.Persistent.bias
    region = make(window, -reach, 2.0 * reach)
    shape = np.array([0.5, 0.5, 1.0, 1.0]) if ramp else np.ones(4)
    owner = np.array([0, 1, 0, 1])
    return _rational(region, lambda c: exact_sets.persistent(c, centre, shape, owner, -reach, 2.0 * reach))


def bias(rng: np.random.Generator, eps: float) -> Case:
    return _persistent(rng, eps, ramp=False)


def ramp(rng: np.random.Generator, eps: float) -> Case:
    return _persistent(rng, eps, ramp=True)


def _range(rng: np.random.Generator, centre: np.ndarray, reach: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return centre - reach * rng.uniform(0, 3, N), centre + reach * rng.uniform(0, 3, N)


def l1(rng: np.random.Generator, eps: float) -> Case:
    centre, reach, unit = _window(rng, eps)
    low, high = _range(rng, centre, reach)
    scale = np.where(rng.random(N) < 0.2, 0.0, unit * rng.uniform(0.5, 2, N))
    budget = eps * float(rng.uniform(0, 8))
    return _rational(
        sets.SharedBudget(centre, scale, budget, low, high),
        lambda c: exact_sets.knapsack(c, centre, scale, budget, low, high),
    )


def l2(rng: np.random.Generator, eps: float) -> Case:
    centre, _, unit = _window(rng, eps)
    scale, radius = np.where(rng.random(N) < 0.2, 0.0, unit), eps * float(rng.uniform(0, 3))

    def oracle(c: np.ndarray) -> float:
        middle, squared = exact_sets.ball_squared(c, centre, scale, radius)
        return float(middle) - float(squared) ** 0.5

    def sound(c: np.ndarray, bound: float) -> bool:
        middle, squared = exact_sets.ball_squared(c, centre, scale, radius)
        gap = middle - Fraction(bound)
        return gap >= 0 and gap**2 >= squared

    return Case(sets.Ball(centre, scale, radius), oracle, sound)


def l2_in_range(rng: np.random.Generator, eps: float) -> Case:
    centre, reach, unit = _window(rng, eps)
    low, high = _range(rng, centre, reach)
    radius = eps * float(rng.uniform(0.01, 3))

    def oracle(c: np.ndarray) -> float:
        return exact_sets.ball_in_box(c, centre, unit, radius, low, high)

    def sound(c: np.ndarray, bound: float) -> bool:
        least = oracle(c)
        size = float(np.abs(c) @ (np.abs(centre) + reach * 3))
        return bound <= least + 1e-13 * size

    return Case(sets.Ball(centre, unit, radius, low, high), oracle, sound)


def consistent(rng: np.random.Generator, eps: float) -> Case:
    centre, reach, _ = _window(rng, eps)
    low, high = centre - reach, centre + reach
    matrix = rng.integers(-2, 3, (2, N)).astype(float)
    matrix[:, 0] += matrix.any(axis=1) == 0.0
    room = np.abs(matrix) @ reach
    inside = matrix @ (centre + reach * rng.uniform(-0.5, 0.5, N))
    ends = inside - room * rng.uniform(1e-3, 0.2, 2), inside + room * rng.uniform(1e-3, 0.2, 2)
    if rng.random() < 0.3:
        ends[0][0] = -np.inf
    corners = cache(lambda: exact_sets.vertices(low, high, matrix, *ends))
    region = sets.Consistent(sets.Boxes(low, high), matrix, *ends)
    return _rational(region, lambda c: exact_sets.least(c, corners()))


def consistent_stations(rng: np.random.Generator, eps: float) -> Case:
    """One free station of two under two balances: the oracle enumerates stations, then vertices."""
    centre, reach, _ = _window(rng, eps)
    low, high = centre - reach, centre + reach
    free = centre - reach * rng.uniform(1, 9, N), centre + reach * rng.uniform(1, 9, N)
    matrix = rng.integers(-2, 3, (2, N)).astype(float)
    matrix[:, 0] += matrix.any(axis=1) == 0.0
    room = 0.3 * np.abs(matrix) @ reach
    ends = matrix @ centre - room, matrix @ centre + room
    groups = [np.array([0, 1]), np.array([2, 3])]

    def both() -> list[exact_sets.Row]:
        corners = []
        for group in groups:
            lower, upper = low.copy(), high.copy()
            lower[group], upper[group] = free[0][group], free[1][group]
            corners += exact_sets.vertices(lower, upper, matrix, *ends)
        return corners

    corners = cache(both)
    stations = sets.FreeStations(sets.Boxes(low, high), {"A": groups[0], "B": groups[1]}, 1, *free)
    region = sets.Union.consistent_stations(stations, matrix, *ends)
    return _rational(region, lambda c: exact_sets.least(c, corners()))


CASES: dict[str, Callable[[np.random.Generator, float], Case]] = {
    "box": box,
    "l2": l2,
    "l2 in range": l2_in_range,
    "l1": l1,
    "l0": l0,
    "stations": stations,
    "bias": bias,
    "ramp": ramp,
    "consistent": consistent,
    "consistent stations": consistent_stations,
}
