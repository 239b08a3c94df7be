"""Physical consistency: a box of perturbed windows in which balance equations still hold."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from detectors.verification.box import Box
from detectors.verification.rounding import below, theta
from detectors.verification.sets.base import Region
from detectors.verification.sets.boxes import Boxes
from detectors.verification.sets.checks import finite, fraction
from detectors.verification.sets.multipliers import LinearProgramme
from streams.errors import BadInput

Floats = NDArray[np.float64]


class Consistent(Region):
    """x in ``base`` and row_low <= matrix @ x <= row_high.

    matrix: (rows, n); row_low, row_high: (rows,), infinite where a side is open. Raises BadInput on NaN, a
    row without a side, lower above upper, and where no float64 window is found that satisfies everything: an
    equation needs a tolerance above rounding.
    """

    def __init__(self, base: Boxes, matrix: Floats, row_low: Floats, row_high: Floats) -> None:
        self.base, self.matrix = base, np.ascontiguousarray(matrix, dtype=np.float64)
        n = base.low.shape[1]
        if base.batch != 1:
            raise BadInput("base box", base.batch, "one box")
        if self.matrix.ndim != 2 or not len(self.matrix) or self.matrix.shape[1] != n:
            raise BadInput("consistency, matrix", self.matrix.shape, f"(rows, {n}), at least one row")
        if not np.isfinite(self.matrix).all():
            raise BadInput("consistency, matrix", "NaN or infinity", "finite numbers")
        self.row_low = np.asarray(row_low, dtype=np.float64)
        self.row_high = np.asarray(row_high, dtype=np.float64)
        if not self.row_low.shape == self.row_high.shape == (len(self.matrix),):
            raise BadInput(
                "consistency, sides", (self.row_low.shape, self.row_high.shape), f"({len(self.matrix)},)"
            )
        wrong = ~(self.row_low <= self.row_high) | (self.row_low == np.inf) | (self.row_high == -np.inf)
        wrong |= np.isinf(self.row_low) & np.isinf(self.row_high)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            value = (float(self.row_low[row]), float(self.row_high[row]))
            raise BadInput(
                f"consistency, sides of row {row}", value, "lower at most upper, one of them finite"
            )
        self._programme = LinearProgramme(self.matrix, self.row_low, self.row_high, base.low[0], base.high[0])
        self._anchor = self._find_anchor()

    @classmethod
    def balance(cls, base: Boxes, matrix: Floats, values: Floats, tolerance: Floats) -> Consistent:
        """|matrix @ x - values| <= tolerance; (rows, n), (rows,), (rows,) in the unit of the row."""
        rows = np.asarray(matrix).shape[0]
        aim, spare = finite("balance", values, rows), finite("tolerance of balance", tolerance, rows)
        if (spare <= 0.0).any():
            raise BadInput("tolerance of balance", float(spare.min()), "above 0, in the unit of the row")
        return cls(base, matrix, np.nextafter(aim - spare, -np.inf), np.nextafter(aim + spare, np.inf))

    @classmethod
    def below(cls, base: Boxes, matrix: Floats, values: Floats) -> Consistent:
        """matrix @ x <= values; (rows, n), (rows,)."""
        ends = finite("limits", values, np.asarray(matrix).shape[0])
        return cls(base, matrix, np.full(len(ends), -np.inf), ends)

    @property
    def hull(self) -> Box:
        """The base box: an outer one, not always the smallest."""
        return self.base.hull

    @property
    def cost(self) -> float:
        """A linear programme takes about a millisecond."""
        return 5e6 + 8.0 * self.matrix.size

    def lowest(self, coefficients: Floats) -> Floats:
        """Lagrange duality: for any multipliers y,

        min c @ x >= min over the base of (c - y A) @ x + sum over rows of the least of y_j z, z on its sides.

        HiGHS proposes y, and the right-hand side is then bounded below in floating point, so no error of the
        solver can make it unsound. y = 0 gives the base set's own bound, which also stands where HiGHS fails.
        """
        plain = self.base.lowest(coefficients)
        flat = coefficients.reshape(-1, coefficients.shape[2])
        guess = [self._programme.solve(row) for row in flat]
        y = np.array([np.zeros(len(self.matrix)) if g is None else g[1] for g in guess])
        y = np.where(np.isinf(self.row_low), np.minimum(y, 0.0), y)
        y = np.where(np.isinf(self.row_high), np.maximum(y, 0.0), y)
        by_rows = self._by_multipliers(coefficients, y.reshape(*coefficients.shape[:2], -1))
        return np.where(by_rows > plain, by_rows, plain)

    def _by_multipliers(self, c: Floats, y: Floats) -> Floats:
        """The dual's value, downward. The rounding of q = c - y A is charged with the base's size, all sums
        with the magnitudes of their terms."""
        absolute = np.abs(self.matrix)
        rest = c - y @ self.matrix
        ends = np.where(y > 0.0, self.row_low, self.row_high)
        # A multiplier that leans on an open side gives -inf, which is what it proves.
        sides = np.multiply(y, ends, out=np.zeros_like(y), where=y != 0.0)
        size = self.base.hull.size[0]
        wide = theta(len(self.matrix) + 1)
        off = wide * ((np.abs(c) + np.abs(y) @ absolute) @ size) * (1.0 + theta(len(size)))
        base = self.base.lowest(rest)
        spent = np.abs(base) + np.abs(sides).sum(axis=2)
        return below(base + sides.sum(axis=2), off + wide * spent * (1.0 + wide) + 1e-290)

    def contains(self, point: Floats) -> bool:
        """In the base box, and every row in rational numbers where floating point leaves it open."""
        if not self.base.contains(point):
            return False
        low, high = self._values(point[None])
        if ((high < self.row_low) | (low > self.row_high)).any():
            return False
        open_ = ~((low >= self.row_low) & (high <= self.row_high))[0]
        return all(self._row_holds(int(row), point) for row in np.flatnonzero(open_))

    def _values(self, points: Floats) -> Box:
        """(points, rows) matrix @ x, with what it may have rounded."""
        values = points @ self.matrix.T
        spare = theta(points.shape[1]) * (np.abs(points) @ np.abs(self.matrix).T) * 1.01 + 1e-290
        return Box(values - spare, values + spare)

    def _row_holds(self, row: int, point: Floats) -> bool:
        used = np.flatnonzero(self.matrix[row])
        value = sum((fraction(self.matrix[row, i]) * fraction(point[i]) for i in used), fraction(0.0))
        low, high = self.row_low[row], self.row_high[row]
        return (np.isinf(low) or value >= fraction(low)) and (np.isinf(high) or value <= fraction(high))

    def nearest(self, points: Floats) -> Floats:
        """Projected on one violated row after the other (Kaczmarz 1937; Agmon 1954) in shares of the box,
        then as far along the line from an inner point as everything holds."""
        low, high = self.base.low[0], self.base.high[0]
        moved = np.clip(points, low, high)
        weight = (high - low) ** 2
        norms = self.matrix**2 @ weight
        for _ in range(8):
            for row in np.flatnonzero(norms > 0.0):
                value = moved @ self.matrix[row]
                over = value - np.clip(value, self.row_low[row], self.row_high[row])
                moved = moved - over[:, None] * (self.matrix[row] * weight / norms[row])
            moved = np.clip(moved, low, high)
        return self._pulled(moved)

    def where_least(self, coefficients: Floats) -> Floats:
        """Optima of the linear programme; the inner point where HiGHS finds none."""
        found = [self._programme.solve(row) for row in coefficients]
        points = np.array([self._anchor if f is None else f[0] for f in found])
        return self._pulled(np.clip(points, self.base.low[0], self.base.high[0]))

    def _pulled(self, points: Floats) -> Floats:
        anchor = self._anchor
        at, start = points @ self.matrix.T, anchor @ self.matrix.T
        way = at - start
        with np.errstate(all="ignore"):
            share = np.where(way > 0.0, (self.row_high - start) / way, (self.row_low - start) / way)
        share = np.where(way == 0.0, 1.0, np.clip(share, 0.0, 1.0)).min(axis=1)
        # A little less each time, until rounding leaves every row whole.
        result = np.repeat(anchor[None], len(points), axis=0)
        left = np.arange(len(points))
        for less in (0.0, 1e-12, 1e-9, 1e-6, 1e-3, 0.1, 0.5):
            tried = anchor + (share[left] * (1.0 - less))[:, None] * (points[left] - anchor)
            tried = np.clip(tried, self.base.low[0], self.base.high[0])
            low, high = self._values(tried)
            inside = ((low >= self.row_low) & (high <= self.row_high)).all(axis=1)
            result[left[inside]] = tried[inside]
            left = left[~inside]
            if not left.size:
                break
        return result

    def _find_anchor(self) -> Floats:
        """A point with as much room to every row as possible, as shares of what the box moves the row."""
        n, room = self.base.low.shape[1], np.abs(self.matrix) @ self.base.hull.reach[0]
        low_side, high_side = np.isfinite(self.row_low), np.isfinite(self.row_high)
        rows = np.vstack(
            [
                np.column_stack([self.matrix, -room])[low_side],
                np.column_stack([self.matrix, room])[high_side],
            ]
        )
        sides = (
            np.concatenate([self.row_low[low_side], np.full(high_side.sum(), -np.inf)]),
            np.concatenate([np.full(low_side.sum(), np.inf), self.row_high[high_side]]),
        )
        ends = np.append(self.base.low[0], 0.0), np.append(self.base.high[0], 1.0)
        found = LinearProgramme(rows, *sides, *ends).solve(np.append(np.zeros(n), -1.0))
        if found is not None:
            point = np.clip(found[0][:n], self.base.low[0], self.base.high[0])
            if self.contains(point):
                return point
        allowed = "constraints that some float64 window in the base box satisfies, with room for rounding"
        raise BadInput("consistency", f"{len(self.matrix)} rows that leave nothing", allowed)

    @cached_property
    def _corners(self) -> Floats:
        """(corners, n) optima of linear functions in random directions, and the inner point."""
        generator = np.random.default_rng(len(self.matrix))
        n = self.base.low.shape[1]
        width = np.maximum(self.base.hull.reach[0], 1e-290)
        found = [self._programme.solve(row / width) for row in generator.standard_normal((64, n))]
        return np.array([self._anchor, *(g[0] for g in found if g is not None)])

    def draw(self, count: int, generator: np.random.Generator) -> Floats:
        """Half of the points from corners, the others between three of them."""
        corners = self._corners
        chosen = corners[generator.integers(len(corners), size=(count, 3))]
        share = generator.dirichlet(np.full(3, 0.7), size=count)
        share[count // 2 :] = (1.0, 0.0, 0.0)
        return self._pulled((chosen * share[:, :, None]).sum(axis=1))
