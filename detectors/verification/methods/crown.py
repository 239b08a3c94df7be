"""Linear bounds: CROWN (Zhang et al. 2018), and CROWN-IBP (Zhang et al. 2020), which is one backward pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from detectors.verification.backward import in_blocks, lowest
from detectors.verification.box import Box
from detectors.verification.deadline import Deadline
from detectors.verification.methods.base import Found, Method
from detectors.verification.methods.interval import rows_on_box
from detectors.verification.problem import Problem
from detectors.verification.propagation import Trace, propagate
from detectors.verification.rounding import ARITHMETICS, Floats


class CrownIbp(Method):
    """Intervals forward, one linear pass back from the specification."""

    name: ClassVar[str] = "crown_ibp"
    description: ClassVar[str] = "linear bounds on interval bounds (CROWN-IBP, Zhang et al. 2020)"

    def solve(self, problem: Problem, deadline: Deadline) -> Found:
        """The better of interval and linear bound, row by row."""
        trace = propagate(problem.network, problem.region, ARITHMETICS[problem.evaluation], deadline)
        return Found(float(problem.specification.margin(rows_by_lines(trace, problem)).min()))


class Crown(Method):
    """Linear bounds of every value that enters an activation, a maximum or a product, then of the
    specification."""

    name: ClassVar[str] = "crown"
    description: ClassVar[str] = "linear bounds of every layer (CROWN, Zhang et al. 2018)"

    def solve(self, problem: Problem, deadline: Deadline) -> Found:
        """Intervals first; lines only where an activation is still undecided."""
        trace = propagate(problem.network, problem.region, ARITHMETICS[problem.evaluation], deadline)
        tighten_by_lines(trace)
        return Found(float(problem.specification.margin(rows_by_lines(trace, problem)).min()))


def tighten_by_lines(trace: Trace, slopes: Mapping[int, Floats] | None = None) -> None:
    """Bound by lines what enters an operation that is not affine, from the first to the last, and carry
    intervals on. Raises OutOfTime; what is tightened by then holds."""
    for node, (operation, inputs) in enumerate(trace.network.nodes):
        for value, open_ in zip(inputs, operation.open_entries(trace.inputs(node)), strict=True):
            _tighten(trace, value, np.flatnonzero(open_), slopes)
        trace.forward(node)


def _tighten(trace: Trace, value: int, open_: NDArray[np.intp], slopes: Mapping[int, Floats] | None) -> None:
    if not open_.size or value == 0:
        return
    box = trace.values[value].box
    low, high = box.low.copy(), box.high.copy()
    error = trace.evaluation_error_of(value)
    for block in in_blocks(trace, len(open_)):
        own = open_[block]
        rows = np.zeros((trace.region.batch, len(own), box.low.shape[1]))
        rows[:, np.arange(len(own)), own] = 1.0
        low[:, own] = np.maximum(low[:, own], lowest(trace, value, rows, slopes) - error[:, own])
        high[:, own] = np.minimum(high[:, own], -lowest(trace, value, -rows, slopes) + error[:, own])
    trace.tighten(value, Box(low, high))


def rows_by_lines(trace: Trace, problem: Problem, slopes: Mapping[int, Floats] | None = None) -> Floats:
    """(batch, rows) lower bounds of matrix @ y - limits: lines and intervals, whichever is higher."""
    matrix, limits = problem.specification.rows
    found = np.empty((trace.region.batch, len(matrix)))
    for own in in_blocks(trace, len(matrix)):
        rows = np.broadcast_to(matrix[own], (trace.region.batch, *matrix[own].shape))
        found[:, own] = lowest(trace, len(trace.values) - 1, rows, slopes)
    error = trace.evaluation_error_of(len(trace.values) - 1) @ np.abs(matrix).T
    wide = trace.arithmetic.theta(matrix.shape[1] + 1)
    spent = np.abs(found) + error + np.abs(limits) + trace.values[-1].box.size @ np.abs(matrix).T
    by_lines = np.nextafter(found - limits - error - wide * spent, -np.inf)
    return np.maximum(by_lines, rows_on_box(trace, problem))
