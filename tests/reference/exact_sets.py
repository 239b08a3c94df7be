"""Slow oracles of the perturbation sets: exact least values of c @ x by enumeration, in rational numbers."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, product

import numpy as np
from scipy.optimize import linprog

Row = list[Fraction]


def exact(values: np.ndarray) -> Row:
    return [Fraction(float(v)) for v in np.ravel(values)]


def dot(c: np.ndarray, x: np.ndarray) -> Fraction:
    return sum((a * b for a, b in zip(exact(c), exact(x), strict=True)), Fraction(0))


def box(c: np.ndarray, low: np.ndarray, high: np.ndarray) -> Fraction:
    rows = zip(exact(c), exact(low), exact(high), strict=True)
    return sum((min(a * lo, a * hi) for a, lo, hi in rows), Fraction(0))


def free_stations(
    c: np.ndarray,
    base: tuple[np.ndarray, np.ndarray],
    groups: list[np.ndarray],
    k: int,
    free: tuple[np.ndarray, np.ndarray],
) -> Fraction:
    """Every choice of k groups."""
    least = []
    for chosen in combinations(range(len(groups)), k):
        low, high = base[0].copy(), base[1].copy()
        for g in chosen:
            low[groups[g]] = np.minimum(low[groups[g]], free[0][groups[g]])
            high[groups[g]] = np.maximum(high[groups[g]], free[1][groups[g]])
        least.append(box(c, low, high))
    return min(least)


def persistent(
    c: np.ndarray, centre: np.ndarray, shape: np.ndarray, owner: np.ndarray, low: np.ndarray, high: np.ndarray
) -> Fraction:
    """Every corner of the parameters' box, without the grain."""
    least = []
    for corner in product(*zip(exact(low), exact(high), strict=True)):
        rows = zip(exact(c), exact(centre), exact(shape), owner, strict=True)
        least.append(sum((a * (m + s * corner[t]) for a, m, s, t in rows), Fraction(0)))
    return min(least)


def knapsack(
    c: np.ndarray, centre: np.ndarray, scale: np.ndarray, budget: float, low: np.ndarray, high: np.ndarray
) -> Fraction:
    """Greedy in rational numbers: the dearest share of the budget first."""
    items, total, left = [], dot(c, centre), Fraction(budget)
    for a, m, s, lo, hi in zip(exact(c), exact(centre), exact(scale), exact(low), exact(high), strict=True):
        if s:
            items.append((abs(a) * s, ((m - lo) if a > 0 else (hi - m)) / s))
    for rate, room in sorted(items, reverse=True):
        spent = min(room, left)
        total, left = total - rate * spent, left - spent
    return total


def knapsack_by_lp(
    c: np.ndarray, centre: np.ndarray, scale: np.ndarray, budget: float, low: np.ndarray, high: np.ndarray
) -> float:
    """The same as a linear programme in ways up and down."""
    moves = scale > 0
    up, down = np.where(moves, high - centre, 0.0), np.where(moves, centre - low, 0.0)
    weight = 1.0 / np.where(moves, scale, 1.0)
    solved = linprog(
        np.concatenate([c, -c]),
        A_ub=np.concatenate([weight, weight])[None],
        b_ub=[budget],
        bounds=list(zip(np.zeros(2 * len(c)), np.concatenate([up, down]), strict=True)),
    )
    assert solved.status == 0
    return float(solved.fun + c @ centre)


def ball_squared(
    c: np.ndarray, centre: np.ndarray, scale: np.ndarray, radius: float
) -> tuple[Fraction, Fraction]:
    """c @ centre and the square of the norm that is taken from it."""
    terms = (a * s for a, s in zip(exact(c), exact(scale), strict=True))
    return dot(c, centre), Fraction(radius) ** 2 * sum((t * t for t in terms), Fraction(0))


def ball_in_box(
    c: np.ndarray, centre: np.ndarray, scale: np.ndarray, radius: float, low: np.ndarray, high: np.ndarray
) -> float:
    """Every choice of inputs at the ends of their ranges, the others on the sphere that is left."""
    g = -c * scale
    ends = (low - centre) / scale, (high - centre) / scale
    least = np.inf
    for states in product((0, 1, 2), repeat=len(c)):
        state = np.array(states)
        y = np.where(state == 1, ends[0], np.where(state == 2, ends[1], 0.0))
        left, free = radius**2 - float(y @ y), state == 0
        if left < 0.0 or not np.isfinite(y).all():
            continue
        norm = float(np.linalg.norm(g[free]))
        if norm > 0.0:
            y[free] = g[free] / norm * np.sqrt(left)
        grain = 1e-12 * radius
        if ((y >= ends[0] - grain) & (y <= ends[1] + grain)).all():
            least = min(least, float(-g @ y))
    return least + float(c @ centre)


def consistent_by_lp(
    c: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    matrix: np.ndarray,
    row_low: np.ndarray,
    row_high: np.ndarray,
) -> float:
    ends, upper, lower = list(zip(low, high, strict=True)), np.isfinite(row_high), np.isfinite(row_low)
    rows = np.vstack([matrix[upper], -matrix[lower]])
    sides = np.concatenate([row_high[upper], -row_low[lower]])
    solved = linprog(c, A_ub=rows, b_ub=sides, bounds=ends)
    assert solved.status == 0
    return float(solved.fun)


def vertices(
    low: np.ndarray, high: np.ndarray, matrix: np.ndarray, row_low: np.ndarray, row_high: np.ndarray
) -> list[Row]:
    """Of a box with linear constraints: n planes at a time, solved in rational numbers, kept where all
    hold."""
    n = len(low)
    planes: list[tuple[Row, Fraction]] = []
    for i in range(n):
        unit = [Fraction(int(i == j)) for j in range(n)]
        planes += [(unit, Fraction(float(low[i]))), (unit, Fraction(float(high[i])))]
    for row, *sides in zip(matrix, row_low, row_high, strict=True):
        planes += [(exact(row), Fraction(float(s))) for s in sides if np.isfinite(s)]
    normals = np.array([[float(v) for v in row] for row, _ in planes])
    sides_of = np.array([float(side) for _, side in planes])
    spare = 1e-3 * (high - low) + 1e-9 * np.maximum(np.abs(low), np.abs(high))
    found = []
    for chosen in combinations(range(len(planes)), n):
        # Most are far outside, which floating point can tell.
        indices = list(chosen)
        if abs(np.linalg.det(normals[indices])) < 1e-9:
            continue
        rough = np.linalg.solve(normals[indices], sides_of[indices])
        if ((rough < low - spare) | (rough > high + spare)).any():
            continue
        x = _solve([[*planes[p][0], planes[p][1]] for p in indices])
        if x is not None and _holds(x, low, high, matrix, row_low, row_high):
            found.append(x)
    return found


def least(c: np.ndarray, points: list[Row]) -> Fraction:
    return min(sum((a * v for a, v in zip(exact(c), x, strict=True)), Fraction(0)) for x in points)


def _solve(rows: list[Row]) -> Row | None:
    n = len(rows)
    for i in range(n):
        pivot = next((r for r in range(i, n) if rows[r][i]), None)
        if pivot is None:
            return None
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [v / rows[i][i] for v in rows[i]]
        for r in range(n):
            if r != i and rows[r][i]:
                rows[r] = [a - rows[r][i] * b for a, b in zip(rows[r], rows[i], strict=True)]
    return [row[-1] for row in rows]


def _holds(x: Row, low: np.ndarray, high: np.ndarray, matrix: np.ndarray, *sides: np.ndarray) -> bool:
    if not all(a <= v <= b for a, v, b in zip(exact(low), x, exact(high), strict=True)):
        return False
    for row, lo, hi in zip(matrix, *sides, strict=True):
        value = sum((a * v for a, v in zip(exact(row), x, strict=True)), Fraction(0))
        if (np.isfinite(lo) and value < Fraction(float(lo))) or (
            np.isfinite(hi) and value > Fraction(float(hi))
        ):
            return False
    return True
