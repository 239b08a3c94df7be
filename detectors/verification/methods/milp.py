"""Exact by mixed-integer programme (Tjeng et al. 2019), solved by HiGHS."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from detectors.verification.deadline import Deadline
from detectors.verification.falsification import confirmed
from detectors.verification.methods.base import Found, Method
from detectors.verification.methods.crown import tighten_by_lines
from detectors.verification.problem import Problem
from detectors.verification.programme import FEASIBILITY, Programme
from detectors.verification.propagation import Trace, propagate
from detectors.verification.rounding import ARITHMETICS, Arithmetic
from streams.errors import BadInput

Floats = NDArray[np.float64]

ASSUMPTION = (
    "HiGHS's dual bound is too high by no more than errors of relative size 1e-9 in every sum of the network "
    "would make it"
)


class Milp(Method):
    """One programme for each clause, with big-M from linear bounds.

    A solver works in floating point with tolerances, so this method alone rests on an assumption, which
    stands in detail["assumption"]: ``safety_margin`` is taken off the solver's bound.
    """

    name: ClassVar[str] = "milp"
    description: ClassVar[str] = "exact by mixed-integer programme (Tjeng et al. 2019, HiGHS)"

    def solve(self, problem: Problem, deadline: Deadline) -> Found:
        """Raises BadInput on operations that are not piecewise linear."""
        if problem.region.batch != 1:
            raise BadInput("perturbation set, batch", problem.region.batch, "1 for this method")
        trace = propagate(problem.network, problem.region, ARITHMETICS[problem.evaluation], deadline)
        tighten_by_lines(trace)
        try:
            programme = Programme(trace)
        except OverflowError:
            return Found(-np.inf, None, {"assumption": ASSUMPTION})
        spare = safety_margin(trace, problem)
        detail = {
            "assumption": ASSUMPTION,
            "safety_margin": float(spare.max()),
            "binaries": programme.binaries,
        }
        lowest, first = np.inf, 0
        for clause in problem.specification.clauses:
            own = spare[first : first + len(clause.limits)].max()
            first += len(clause.limits)
            bound, point = programme.solve(clause, deadline.left_s())
            if point is not None:
                inside = problem.region.nearest(point[None])[0]
                if confirmed(problem, inside):
                    return Found(-np.inf, inside, detail)
            lowest = min(lowest, bound - own)
        return Found(lowest, None, detail)


def safety_margin(trace: Trace, problem: Problem) -> Floats:
    """(rows,) what is taken off the solver's bound of matrix @ y - limits: how far outputs can be off that
    are evaluated in an arithmetic whose roundoff is the solver's tolerance, inputs included; it
    covers evaluations in the problem's own arithmetic as well."""
    matrix, limits = problem.specification.rows
    unit = max(FEASIBILITY, ARITHMETICS[problem.evaluation].unit)
    loose = Arithmetic(unit, ARITHMETICS[problem.evaluation].floor)
    wide = Trace(trace.network, trace.region, loose, trace.values)
    wide.inputs_are_off_by(loose.theta(1) * trace.values[0].box.size)
    error = wide.evaluation_error_of(len(trace.values) - 1)[0] @ np.abs(matrix).T
    size = trace.values[-1].box.size[0] @ np.abs(matrix).T
    return np.asarray(error + loose.theta(matrix.shape[1] + 1) * (size + np.abs(limits)))
