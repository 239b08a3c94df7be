"""Interval bound propagation (Gowal et al. 2018)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from detectors.verification.deadline import Deadline
from detectors.verification.methods.base import Found, Method
from detectors.verification.problem import Problem
from detectors.verification.propagation import Trace, propagate
from detectors.verification.rounding import ARITHMETICS, Floats


class Interval(Method):
    """The cheapest: every operation on boxes; the specification is read off the output's box."""

    name: ClassVar[str] = "interval"
    description: ClassVar[str] = "interval bound propagation (Gowal et al. 2018)"

    def solve(self, problem: Problem, deadline: Deadline) -> Found:
        """One forward pass."""
        trace = propagate(problem.network, problem.region, ARITHMETICS[problem.evaluation], deadline)
        return Found(float(problem.specification.margin(rows_on_box(trace, problem)).min()))


def rows_on_box(trace: Trace, problem: Problem) -> Floats:
    """(batch, rows) lower bounds of matrix @ y - limits from the output's box alone."""
    matrix, limits = problem.specification.rows
    box, size = trace.values[-1].box, np.abs(matrix)
    wide = trace.arithmetic.theta(matrix.shape[1] + 1)
    spread = box.reach @ size.T
    spent = np.abs(box.middle) @ size.T + spread + np.abs(limits)
    return np.nextafter(box.middle @ matrix.T - limits - spread - wide * spent, -np.inf)
