"""Complete verification by branch and bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from detectors.verification.chains.layout import Chain, affordable, chain_of, in_range
from detectors.verification.deadline import Deadline, OutOfTime
from detectors.verification.falsification import confirmed
from detectors.verification.methods.base import Found, Method
from detectors.verification.methods.crown import rows_by_lines, tighten_by_lines
from detectors.verification.methods.sign_splits import applies, by_signs
from detectors.verification.pieces import Pieces
from detectors.verification.problem import Problem
from detectors.verification.propagation import propagate
from detectors.verification.rounding import ARITHMETICS
from detectors.verification.sets import Boxes, Region
from streams.errors import BadInput

Floats = NDArray[np.float64]

BATCH = 32
MOST_PIECES = 200_000


class BranchAndBound(Method):
    """Chains of dense layers with ReLU over boxes: compiled, splits of inputs and of ReLU signs. Affine and
    (leaky) ReLU operations over other convex sets: splits of ReLU signs. Unions: member by member. Everything
    else: splits of the hull's sides, each piece bounded by CROWN."""

    name: ClassVar[str] = "branch_and_bound"
    description: ClassVar[str] = (
        "splits of inputs and ReLU signs (Bunel et al. 2020; beta-CROWN, Wang et al. 2021)"
    )

    def solve(self, problem: Problem, deadline: Deadline) -> Found:
        """Until all is decided, a point violates, or the time is over."""
        if problem.region.batch != 1:
            raise BadInput("perturbation set, batch", problem.region.batch, "1 for this method")
        choices = problem.region.alternatives()
        if len(choices) > 1:
            return self._each(problem, choices, deadline)
        if isinstance(problem.region, Boxes) and affordable(problem.network):
            chain = chain_of(problem.network)
            if chain is not None and _fits(chain, problem):
                return _by_kernels(chain, problem, deadline)
        if not isinstance(problem.region, Boxes) and applies(problem.network):
            return by_signs(problem, _spare(problem, deadline), deadline)
        return _by_pieces(problem, deadline)

    def _each(self, problem: Problem, choices: Sequence[Region], deadline: Deadline) -> Found:
        """All of the sets one after the other, each with its share of the time that is left."""
        lowest, open_, parts = np.inf, 0, 0
        for number, region in enumerate(choices):
            share = deadline.share(1.0 / (len(choices) - number))
            try:
                found = self.solve(replace(problem, region=region), share)
            except OutOfTime:
                found = Found(-np.inf, None, {"open": 1})
            open_, parts = open_ + found.detail.get("open", 0), parts + found.detail.get("parts", 0)
            lowest = min(lowest, found.bound)
            if found.counterexample is not None or deadline.over():
                lowest = -np.inf if number + 1 < len(choices) else lowest
                return Found(lowest, found.counterexample, {"parts": parts, "open": open_})
        return Found(lowest, None, {"parts": parts, "open": open_})


def _fits(chain: Chain, problem: Problem) -> bool:
    low, high = problem.region.hull
    return in_range(chain, problem.specification.rows[0], low[0], high[0])


def _by_kernels(chain: Chain, problem: Problem, deadline: Deadline) -> Found:
    from detectors.verification.chains.parts import Rows
    from detectors.verification.chains.search import search

    matrix, limits = problem.specification.rows
    starts = np.cumsum([0, *(len(c.limits) for c in problem.specification.clauses)])
    matrix = np.ascontiguousarray(matrix, dtype=np.float64)
    spare = _spare(problem, deadline)
    if not np.isfinite(spare).all():
        return Found(-np.inf)
    rows = Rows(matrix, limits.astype(np.float64), starts, spare, np.zeros(len(limits)))
    box = problem.region.hull
    found = search(chain, rows, box.low[0], box.high[0], deadline, lambda point: confirmed(problem, point))
    return Found(found.bound, found.point, {"parts": found.parts, "open": found.open})


def _spare(problem: Problem, deadline: Deadline) -> Floats:
    """(rows,) how far a row of an evaluated output may be from that of the exact one, above 0."""
    matrix, limits = problem.specification.rows
    trace = propagate(problem.network, problem.region, ARITHMETICS[problem.evaluation], deadline)
    size, wide = np.abs(matrix), trace.arithmetic.theta(matrix.shape[1] + 1)
    error = (trace.evaluation_error_of(len(trace.values) - 1) @ size.T)[0]
    spent = error + np.abs(limits) + trace.values[-1].box.size[0] @ size.T
    return np.asarray((error + wide * spent) * (1.0 + 2.0 * wide) + 1e-290)


def _by_pieces(problem: Problem, deadline: Deadline) -> Found:
    """Best first: the pieces of the lowest bounds are halved along the side that is the longest against the
    whole hull's."""
    low, high = problem.region.hull
    whole = np.where(high[0] > low[0], high[0] - low[0], 1.0)
    bounds, closed, stuck, count = np.array([-np.inf]), np.inf, np.inf, 0
    while len(bounds) and len(bounds) < MOST_PIECES and not deadline.over():
        order = np.argsort(bounds, kind="stable")
        now, later = order[:BATCH], order[BATCH:]
        try:
            margin = np.maximum(_margins(problem, low[now], high[now], deadline), bounds[now])
        except OutOfTime:
            break
        count += len(now)
        if count == 1 and not margin[0] > -np.inf:
            # An overflow: its halves would overflow as well, half after half.
            break
        open_ = ~(margin > 0.0)
        closed = min(closed, margin[~open_].min(initial=np.inf))
        own_low, own_high, own = low[now][open_], high[now][open_], margin[open_]
        point = _violation(problem, 0.5 * own_low + 0.5 * own_high)
        if point is not None:
            return Found(-np.inf, point, {"parts": count, "open": len(later) + len(own)})
        halves = _halved(own_low, own_high, whole)
        stuck = min(stuck, own[~halves[2]].min(initial=np.inf))
        own = own[halves[2]]
        low, high = np.vstack([low[later], halves[0]]), np.vstack([high[later], halves[1]])
        bounds = np.concatenate([bounds[later], own, own])
    lowest = float(min(closed, stuck, bounds.min(initial=np.inf)))
    return Found(lowest, None, {"parts": count, "open": len(bounds)})


def _margins(problem: Problem, low: Floats, high: Floats, deadline: Deadline) -> Floats:
    """(batch,) lower bounds of the margin over each piece, -inf where it is not a number."""
    pieces = Pieces(problem.region, low, high)
    trace = propagate(problem.network, pieces, ARITHMETICS[problem.evaluation], deadline)
    tighten_by_lines(trace)
    margin = problem.specification.margin(rows_by_lines(trace, problem))
    return np.where(np.isnan(margin), -np.inf, margin)


def _violation(problem: Problem, points: Floats) -> Floats | None:
    if not len(points):
        return None
    inside = problem.region.nearest(points)
    for i in np.flatnonzero(problem.specification.violated(problem.network(inside))):
        if confirmed(problem, inside[i]):
            return np.array(inside[i])
    return None


def _halved(low: Floats, high: Floats, whole: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Both halves of each piece, first all lower ones; and which pieces have a side with a middle."""
    middle = 0.5 * low + 0.5 * high
    width = np.where((low < middle) & (middle < high), (high - low) / whole, 0.0)
    side = width.argmax(axis=1)
    able = width.max(axis=1) > 0.0
    low, high, middle, side = low[able], high[able], middle[able], side[able]
    rows = np.arange(len(low))
    below, above = high.copy(), low.copy()
    below[rows, side] = above[rows, side] = middle[rows, side]
    return np.vstack([low, above]), np.vstack([below, high]), able
