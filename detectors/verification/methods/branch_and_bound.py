"""Complete verification by branch and bound."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from detectors.verification.chains.layout import Chain, chain_of
from detectors.verification.methods.base import Found, Method
from detectors.verification.problem import Problem
from detectors.verification.propagation import propagate
from detectors.verification.rounding import ARITHMETICS
from detectors.verification.sets import Boxes
from detectors.verification.falsification import confirmed

Floats = NDArray[np.float64]


class BranchAndBound(Method):
    """Splits of the box and of ReLU signs."""

    name: ClassVar[str] = "branch_and_bound"
    description: ClassVar[str] = "splits of inputs and activations (Bunel et al. 2020; Wang et al. 2021)"

    def solve(self, problem: Problem, timeout_s: float) -> Found:
        """Search."""
        chain = chain_of(problem.network)
        return _by_kernels(chain, problem, timeout_s)


def _by_kernels(chain: Chain, problem: Problem, timeout_s: float) -> Found:
    from detectors.verification.chains.search import search
    from detectors.verification.chains.search_kernels import Rows

    matrix, limits = problem.specification.rows
    starts = np.cumsum([0, *(len(c.limits) for c in problem.specification.clauses)])
    rows = Rows(matrix, limits, starts, _spare(problem, problem.evaluation), np.zeros(len(limits)))
    box = problem.region.hull
    found = search(chain, rows, box.low[0], box.high[0], timeout_s, lambda point: confirmed(problem, point))
    detail = {"parts": found.parts, "open": found.open}
    return Found(found.bound, found.point, detail)


def _spare(problem, evaluation) -> Floats:
    """(rows,) how far an evaluated row may be from the exact one, rounded up, above 0."""
    matrix, limits = problem.specification.rows
    trace = propagate(problem.network, problem.region, ARITHMETICS[evaluation])
    size = np.abs(matrix)
    error = (trace.evaluation_error_of(len(trace.values) - 1) @ size.T)[0]
    wide = trace.arithmetic.theta(matrix.shape[1] + 1)
    return (error + wide * (error + np.abs(limits) + trace.values[-1].box.size[0] @ size.T)) * (1.0 + 2*wide) + 1e-290
