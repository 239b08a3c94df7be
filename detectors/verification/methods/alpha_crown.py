"""CROWN with optimised slopes (Xu et al. 2021, alpha-CROWN).

The slope of the lower line of an open ReLU is free between 0 and 1 and every choice is sound. Each row that
is bounded gets its own slopes, found by gradient ascent on its bound; every step is itself a sound pass of
``backward.lowest``, and the best one counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from detectors.verification.backward import in_blocks, lowest
from detectors.verification.box import Box
from detectors.verification.deadline import Deadline, OutOfTime
from detectors.verification.methods.base import Found, Method
from detectors.verification.methods.crown import rows_by_lines, tighten_by_lines
from detectors.verification.operations import LeakyRelu, Relu
from detectors.verification.operations.activations import Activation
from detectors.verification.operations.base import Bounded
from detectors.verification.pieces import copies
from detectors.verification.problem import Problem
from detectors.verification.propagation import Trace, propagate
from detectors.verification.rounding import ARITHMETICS
from streams.errors import BadInput

Floats = NDArray[np.float64]

STEPS = 30
INNER_STEPS = 8
RATE, DECAY = 0.25, 0.93


class AlphaCrown(Method):
    """Slopes of every row of every layer, the layers from the first to the last, then the specification."""

    name: ClassVar[str] = "alpha_crown"
    description: ClassVar[str] = "linear bounds with optimised slopes (alpha-CROWN, Xu et al. 2021)"

    def solve(self, problem: Problem, deadline: Deadline) -> Found:
        """Stops between steps when the time is over, with the bound it has by then."""
        if problem.region.batch != 1:
            raise BadInput("perturbation set, batch", problem.region.batch, "1 for this method")
        trace = propagate(problem.network, problem.region, ARITHMETICS[problem.evaluation], deadline)
        tighten_by_lines(trace)
        rows = rows_by_lines(trace, problem)
        if problem.specification.margin(rows)[0] > 0.0:
            return Found(float(problem.specification.margin(rows)[0]), None, {"steps": 0})
        steps = 0
        try:
            tighten_by_slopes(trace)
            rows = np.maximum(rows, rows_by_lines(trace, problem))
            found, steps = optimised_rows(trace, problem)
            rows = np.maximum(rows, found)
        except OutOfTime:
            pass
        return Found(float(problem.specification.margin(rows)[0]), None, {"steps": steps})


def tighten_by_slopes(trace: Trace) -> None:
    """Bound what enters operations that are not affine with slopes of its own, from the first to the last."""
    for node, (operation, inputs) in enumerate(trace.network.nodes):
        for value, entries in zip(inputs, operation.open_entries(trace.inputs(node)), strict=True):
            open_ = np.flatnonzero(entries)
            if open_.size and value > 0 and _slopes_before(trace, value):
                _tighten(trace, value, open_)
        trace.forward(node)


def _tighten(trace: Trace, value: int, open_: NDArray[np.intp]) -> None:
    box = trace.values[value].box
    error = trace.evaluation_error_of(value)[0]
    low, high = box.low.copy(), box.high.copy()
    for block in in_blocks(trace, len(open_)):
        own = open_[block]
        rows = np.zeros((len(own), box.low.shape[1]))
        rows[np.arange(len(own)), own] = 1.0
        found, _ = ascend(trace, value, np.vstack([rows, -rows]), INNER_STEPS)
        low[0, own] = np.maximum(low[0, own], np.nextafter(found[: len(own)] - error[own], -np.inf))
        high[0, own] = np.minimum(high[0, own], np.nextafter(-found[len(own) :] + error[own], np.inf))
    trace.tighten(value, Box(low, high))


def optimised_rows(trace: Trace, problem: Problem) -> tuple[Floats, int]:
    """((1, rows) lower bounds of matrix @ y - limits, steps taken)."""
    matrix, limits = problem.specification.rows
    blocks = [
        ascend(trace, len(trace.values) - 1, matrix[own], STEPS) for own in in_blocks(trace, len(matrix))
    ]
    found, steps = np.concatenate([best for best, _ in blocks]), sum(taken for _, taken in blocks)
    size = np.abs(matrix)
    error = trace.evaluation_error_of(len(trace.values) - 1)[0] @ size.T
    wide = trace.arithmetic.theta(matrix.shape[1] + 1)
    spent = np.abs(found) + error + np.abs(limits) + trace.values[-1].box.size[0] @ size.T
    return np.nextafter(found - limits - error - wide * spent, -np.inf)[None], steps


def ascend(trace: Trace, value: int, rows: Floats, steps: int) -> tuple[Floats, int]:
    """Best lower bounds (rows,) of rows (rows, size) @ value number ``value`` for the exact network, over the
    steps of projected gradient ascent (Adam; Kingma and Ba 2015) on the slopes; the steps taken. -inf where
    there was no time for one."""
    wide = _repeated(trace, value, len(rows))
    slopes = _slopes_before(wide, value)
    first = {node: np.zeros_like(slope) for node, slope in slopes.items()}
    second = {node: np.zeros_like(slope) for node, slope in slopes.items()}
    best, taken = np.full(len(rows), -np.inf), 0
    for step in range(1, steps + 1):
        seen: dict[int, Floats] = {}
        try:
            found = lowest(wide, value, rows[:, None, :], slopes, seen)[:, 0]
        except OutOfTime:
            break
        best, taken = np.fmax(best, found), step
        if trace.deadline.over() or not slopes:
            break
        for node, slope in _gradients(wide, value, slopes, seen).items():
            first[node] = 0.9 * first[node] + 0.1 * slope
            second[node] = 0.99 * second[node] + 0.01 * slope**2
            mean, spread = first[node] / (1.0 - 0.9**step), second[node] / (1.0 - 0.99**step)
            rate = RATE * DECAY ** (step - 1)
            moved = slopes[node] + rate * mean / (np.sqrt(spread) + 1e-12)
            slopes[node] = np.clip(np.nan_to_num(moved), 0.0, 1.0)
    return best, taken


def _repeated(trace: Trace, value: int, count: int) -> Trace:
    """The trace up to ``value``, once for every row."""
    values = [
        Bounded(Box(*(np.repeat(end, count, axis=0) for end in box)), np.repeat(magnitude, count, axis=0))
        for box, magnitude in trace.values[: value + 1]
    ]
    return Trace(trace.network, copies(trace.region, count), trace.arithmetic, values, trace.deadline)


def _slopes_before(trace: Trace, value: int) -> dict[int, Floats]:
    """Nodes up to ``value`` whose lower slope is free, with the slopes that plain CROWN takes."""
    slopes = {}
    for node, (operation, inputs) in enumerate(trace.network.nodes[:value]):
        if isinstance(operation, Relu | LeakyRelu):
            box = trace.values[inputs[0]].box
            if operation.undecided(box).any():
                slopes[node] = operation.lines(box).lower_slope
    return slopes


def _gradients(
    trace: Trace, value: int, slopes: Mapping[int, Floats], seen: Mapping[int, Floats]
) -> dict[int, Floats]:
    """Of each bound with respect to its slopes: the coefficient that arrives from above, where it counts
    upwards, times the activation's input at the point where the bound is taken, as the lines see it."""
    found = {}
    known = [_where_least(trace, seen)]
    for node, (operation, inputs) in enumerate(trace.network.nodes[:value]):
        own = tuple(known[i] for i in inputs)
        if isinstance(operation, Activation) and node + 1 in seen:
            lines = operation.lines(trace.values[inputs[0]].box, slopes.get(node))
            up = seen[node + 1][:, 0] > 0.0
            below, above = lines.lower_slope * own[0] + lines.lower_offset, lines.upper_slope * own[0]
            known.append(np.where(up, below, above + lines.upper_offset))
            if node in slopes:
                found[node] = np.maximum(seen[node + 1][:, 0], 0.0) * own[0]
        else:
            known.append(operation.evaluate(*own))
    return found


def _where_least(trace: Trace, seen: Mapping[int, Floats]) -> Floats:
    """(rows, n) about where each bound is least over the set."""
    if 0 not in seen:
        return np.asarray(trace.region.hull.middle)
    return trace.region.where_least(seen[0][:, 0])
