"""Branch and bound on the signs of ReLU inputs, over any convex set (Bunel et al. 2020; Wang et al. 2021).

A part: a clause, and ReLU inputs z held at s z >= 0, s = 1 or -1; both closed sides of a split are searched.
At a violation every row of the clause is at most 0. So the part is closed by weights w >= 0 of the rows,
b >= 0 of the held inputs (beta-CROWN) and slopes of the open ReLU for which

    min over the set of  sum w_r row_r - sum b_i s_i z_i  >  0 :

what is taken off is at least 0 on the part. Any w, b and slopes are sound; they are found by gradient ascent.
For convex sets and exact ``Region.lowest`` the best of them decide a part in which every sign is held.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.verification.backward import lowest
from detectors.verification.box import Box
from detectors.verification.deadline import Deadline, OutOfTime
from detectors.verification.falsification import confirmed, falsify
from detectors.verification.methods.base import Found
from detectors.verification.methods.crown import tighten_by_lines
from detectors.verification.network import Network
from detectors.verification.operations import Affine, LeakyRelu
from detectors.verification.operations.base import Bounded
from detectors.verification.pieces import copies
from detectors.verification.problem import Problem
from detectors.verification.propagation import Trace, propagate
from detectors.verification.rounding import ARITHMETICS, SPARE, theta

Floats = NDArray[np.float64]
Signs = NDArray[np.int8]

BATCH = 16
STEPS, LAST_STEPS = 20, 500
"""Of the ascent; the second where no sign is open any more."""
RATE = 0.3
MOST_PARTS = 100_000


def applies(network: Network) -> bool:
    """Whether all operations are affine or (leaky) ReLU."""
    return all(isinstance(operation, Affine | LeakyRelu) for operation, _ in network.nodes)


@dataclass
class _Part:
    """signs: (entries of all ReLU,), 0 where open; bound: of the part it was split from."""

    clause: int
    signs: Signs
    bound: float


class _Bounds(NamedTuple):
    """Of a batch of parts: bound (parts,), inf where nothing is left; gain (parts, entries) what splitting a
    sign promises; points (parts, inputs) about where each bound is taken."""

    bound: Floats
    gain: Floats
    points: Floats


def by_signs(problem: Problem, spare: Floats, deadline: Deadline) -> Found:
    """Best first. spare: (rows,) how far a row of an evaluated output may be from that of the exact network,
    rounding of the row included."""
    search = _Search(problem, spare, deadline)
    parts = [
        _Part(clause, np.zeros(search.entries, dtype=np.int8), -np.inf)
        for clause in range(len(problem.specification.clauses))
    ]
    closed, stuck, count = np.inf, np.inf, 0
    while parts and count < MOST_PARTS and not deadline.over():
        parts.sort(key=lambda part: part.bound)
        clause = parts[0].clause
        now = [part for part in parts if part.clause == clause][:BATCH]
        try:
            found = search.bound(clause, np.array([part.signs for part in now]))
        except OutOfTime:
            break
        point = search.violation(found.points)
        if point is not None:
            return Found(-np.inf, point, {"parts": count, "open": len(parts)})
        parts = [part for part in parts if not any(part is own for own in now)]
        count += len(now)
        if count == len(now) and not (found.bound > 0.0).all():
            # Where a bound is taken is known only nearly, and need not violate where the network does.
            point = falsify(problem, 0.25 * deadline.left_s(), seed=1, clock=deadline.clock)
            if point is not None:
                return Found(-np.inf, point, {"parts": count, "open": len(parts) + len(now)})
        for part, bound, gain in zip(now, found.bound, found.gain, strict=True):
            best = max(part.bound, -np.inf if np.isnan(bound) else float(bound))
            at = int(gain.argmax()) if len(gain) else -1
            if best > 0.0:
                closed = min(closed, best)
            elif at < 0 or not gain[at] > 0.0:
                stuck = min(stuck, best)
            else:
                for sign in (1, -1):
                    signs = part.signs.copy()
                    signs[at] = sign
                    parts.append(_Part(clause, signs, best))
    left = min((part.bound for part in parts), default=np.inf)
    return Found(min(closed, stuck, left), None, {"parts": count, "open": len(parts) + int(stuck < np.inf)})


class _Search:
    """Bounds parts of one problem."""

    def __init__(self, problem: Problem, spare: Floats, deadline: Deadline) -> None:
        self.problem, self._spare = problem, spare
        # Of the exact network: what is known of evaluations is in ``spare``.
        self._root = propagate(problem.network, problem.region, ARITHMETICS["exact"], deadline)
        tighten_by_lines(self._root)
        self._relu = [
            (node, inputs[0], operation)
            for node, (operation, inputs) in enumerate(problem.network.nodes)
            if isinstance(operation, LeakyRelu)
        ]
        self._sizes = [problem.network.sizes[value] for _, value, _ in self._relu]
        self.entries = sum(self._sizes)

    def split(self, joined: Signs) -> dict[int, Signs]:
        """(parts, entries) by the node of the ReLU."""
        parts = np.split(joined, np.cumsum(self._sizes)[:-1], axis=1)
        return {node: own for (node, _, _), own in zip(self._relu, parts, strict=True)}

    def violation(self, points: Floats) -> Floats | None:
        """A point of the set near one of these that violates for certain."""
        if not np.isfinite(points).all():
            return None
        inside = self.problem.region.nearest(points)
        for i in np.flatnonzero(self.problem.specification.violated(self.problem.network(inside))):
            if confirmed(self.problem, inside[i]):
                return np.array(inside[i])
        return None

    def bound(self, clause: int, signs: Signs) -> _Bounds:
        """Of one clause over parts with these signs (parts, entries)."""
        trace = self._trace(signs)
        empty = np.any([(v.box.low > v.box.high).any(axis=1) for v in trace.values], axis=0)
        found = self._ascend(trace, clause, signs)
        return found._replace(bound=np.where(empty, np.inf, found.bound))

    def _trace(self, signs: Signs) -> Trace:
        """Boxes of all values for the inputs of each part."""
        count, root = len(signs), self._root
        values = [
            Bounded(Box(*(np.repeat(end, count, axis=0) for end in box)), np.repeat(magnitude, count, axis=0))
            for box, magnitude in root.values
        ]
        region = copies(root.region, count)
        trace = Trace(root.network, region, root.arithmetic, values, root.deadline)
        for (_, value, _), held in zip(self._relu, self.split(signs).values(), strict=True):
            low = np.where(held > 0, 0.0, -np.inf)
            trace.tighten(value, Box(low, np.where(held < 0, 0.0, np.inf)))
        tighten_by_lines(trace)
        return trace

    def _ascend(self, trace: Trace, clause: int, signs: Signs) -> _Bounds:
        matrix, limits = self.problem.specification.clauses[clause]
        first = sum(len(c.limits) for c in self.problem.specification.clauses[:clause])
        spare = self._spare[first : first + len(limits)]
        count = len(signs)
        held, open_ = self.split(signs), self._open(trace)
        slopes = {node: relu.lines(trace.values[value].box).lower_slope for node, value, relu in self._relu}
        weights = np.full((count, len(limits)), 1.0 / len(limits))
        betas = {node: np.zeros(own.shape) for node, own in held.items()}
        best, points = np.full(count, -np.inf), np.full((count, trace.network.inputs), np.nan)
        gain, last = np.zeros((count, self.entries)), len(trace.values) - 1
        steps = STEPS if any(o.any() for o in open_.values()) else LAST_STEPS
        squares: dict[object, Floats] = {}
        for step in range(steps):
            seen: dict[int, Floats] = {}
            added: dict[int, Floats] = {}
            for node, value, _ in self._relu:
                own = -(betas[node] * held[node])[:, None, :]
                added[value] = added[value] + own if value in added else own
            rows = (weights @ matrix)[:, None, :]
            bound = lowest(trace, last, rows, slopes, seen, added)[:, 0]
            bound = _of_rows(bound, weights, matrix, limits, spare, trace.values[-1].box.size)
            known = self._where_least(trace, seen, slopes)
            better = bound > best
            best = np.where(better, bound, best)
            points[better | (step == 0)] = known[0][better | (step == 0)]
            if step == 0 or better.any():
                own_gain = self._gain(trace, seen, open_)
                gain = np.where(better[:, None] | (step == 0), own_gain, gain)
            if (best > 0.0).all():
                break
            rate = RATE * 0.01 ** (step / steps)
            climb = known[-1] @ matrix.T - limits
            weights = weights * np.exp(rate * _scaled(climb, squares, "rows"))
            weights = weights / weights.sum(axis=1, keepdims=True)
            for node, value, _ in self._relu:
                up = np.maximum(seen[node + 1][:, 0], 0.0) if node + 1 in seen else 0.0
                slope = slopes[node] + rate * _scaled(up * known[value], squares, node)
                slopes[node] = np.clip(np.nan_to_num(slope), 0.0, 1.0)
                way = -held[node] * known[value]
                scale = np.abs(seen[node + 1][:, 0]).max(axis=1, keepdims=True) if node + 1 in seen else 1.0
                beta = betas[node] + rate * scale * _scaled(way, squares, (node, "held"))
                betas[node] = np.where(held[node] != 0, np.maximum(np.nan_to_num(beta), 0.0), 0.0)
        return _Bounds(best, gain, points)

    def _open(self, trace: Trace) -> dict[int, NDArray[np.bool_]]:
        boxes = {node: trace.values[value].box for node, value, _ in self._relu}
        return {node: (box.low < 0.0) & (box.high > 0.0) for node, box in boxes.items()}

    def _gain(self, trace: Trace, seen: dict[int, Floats], open_: dict[int, NDArray[np.bool_]]) -> Floats:
        """(parts, entries) what the distance of chord and kink costs the bound."""
        parts = []
        for node, value, _ in self._relu:
            box = trace.values[value].box
            width = np.where(open_[node], box.high - box.low, 1.0)
            distance = np.where(open_[node], box.high * -box.low / width, 0.0)
            g = np.abs(seen[node + 1][:, 0]) if node + 1 in seen else np.zeros_like(distance)
            # An open sign must not go unsplit because the bound does not lean on it.
            parts.append(np.nan_to_num((g + 1e-9) * distance))
        return np.concatenate(parts, axis=1)

    def _where_least(self, trace: Trace, seen: dict[int, Floats], slopes: dict[int, Floats]) -> list[Floats]:
        """All values where each bound is about least over the set, as the lines see them."""
        slope = seen[0][:, 0] if 0 in seen else np.zeros((trace.region.batch, trace.network.inputs))
        known = [self.problem.region.where_least(np.nan_to_num(slope))]
        for node, (operation, inputs) in enumerate(trace.network.nodes):
            if isinstance(operation, LeakyRelu) and node + 1 in seen:
                lines = operation.lines(trace.values[inputs[0]].box, slopes.get(node))
                z = known[inputs[0]]
                below, above = lines.lower_slope * z, lines.upper_slope * z + lines.upper_offset
                known.append(np.where(seen[node + 1][:, 0] > 0.0, below, above))
            else:
                known.append(operation.evaluate(*(known[i] for i in inputs)))
        return known


def _of_rows(
    found: Floats, weights: Floats, matrix: Floats, limits: Floats, spare: Floats, size: Floats
) -> Floats:
    """(parts,) lower bounds of the greatest row from those of the weighted sum, found (parts,): the sum of
    the weights is 1 up to rounding, that of products of weights is charged."""
    wide = theta(matrix.shape[1] + len(limits))
    off = weights @ (np.abs(limits) + spare) + (weights @ np.abs(matrix) * size).sum(axis=1)
    total = found - weights @ limits - weights @ spare - wide * (off + np.abs(found)) * SPARE - 1e-290
    return np.asarray(total * np.where(total > 0.0, 1.0 - 2.0 * wide, 1.0 + 2.0 * wide))


def _scaled(slope: Floats, squares: dict[object, Floats], key: object) -> Floats:
    """The gradient over its running size (RMSprop)."""
    own = np.nan_to_num(slope)
    squares[key] = 0.9 * squares[key] + 0.1 * own**2 if key in squares else own**2
    return np.asarray(own / (np.sqrt(squares[key]) + 1e-12))
