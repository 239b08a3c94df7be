"""Methods one after the other, the cheapest first, until one decides or the time is over."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from detectors.verification.deadline import Clock, Deadline
from detectors.verification.falsification import falsify
from detectors.verification.methods import METHODS
from detectors.verification.problem import Problem, Result, verdict_of
from streams.errors import BadInput

FALSIFICATION = "falsification"
FAST = "interval", "crown_ibp", "zonotope", "crown", FALSIFICATION
COMPLETE = "alpha_crown", "branch_and_bound", "milp"
DEFAULT = (*FAST, *COMPLETE)


def cascade(
    problem: Problem,
    timeout_s: float = 60.0,
    methods: Sequence[str] = DEFAULT,
    clock: Clock = time.perf_counter,
) -> Result:
    """Run ``methods`` (names of ``METHODS``, or "falsification") in order; each may take what is left of the
    time. Stops at the first verdict other than "unknown".

    The bound is the best of all, the method is the one that decided, else the last one run. detail["runs"]:
    what was done, in order: method, seconds, bound (None where there is none), verdict, and ``skipped`` with
    the reason where a method does not apply. Raises BadInput on an unknown name, a method that is not
    sound for the network itself, or a timeout not above 0. clock: in seconds, what the timeout is of.
    """
    _check(methods, timeout_s)
    started, deadline = clock(), Deadline(timeout_s, clock)
    runs: list[dict[str, Any]] = []
    best, last = -np.inf, "none"
    for name in methods:
        left = deadline.left_s()
        if left <= 0.0:
            break
        try:
            result = _run(name, problem, left, clock)
        except BadInput as error:
            runs.append({"method": name, "skipped": str(error)})
            continue
        best, last = max(best, result.bound), name
        bound = result.bound if np.isfinite(result.bound) else None
        runs.append({"method": name, "seconds": result.seconds, "bound": bound, "verdict": result.verdict})
        if result.verdict != "unknown":
            seconds, detail = clock() - started, {**result.detail, "runs": runs}
            return Result(result.verdict, best, name, seconds, result.counterexample, detail)
    return Result(verdict_of(best), best, last, clock() - started, None, {"runs": runs})


def _run(name: str, problem: Problem, timeout_s: float, clock: Clock) -> Result:
    if name != FALSIFICATION:
        return METHODS[name]().run(problem, timeout_s, clock)
    started = clock()
    point = falsify(problem, timeout_s, clock=clock)
    seconds = clock() - started
    return Result("unknown" if point is None else "falsified", -np.inf, name, seconds, point)


def _check(methods: Sequence[str], timeout_s: float) -> None:
    sound = [name for name, method in METHODS.items() if method.guarantee == "sound"]
    known = sorted([*sound, FALSIFICATION])
    for name in methods:
        if name not in known:
            raise BadInput("cascade, method", name, ", ".join(known))
    if not methods:
        raise BadInput("cascade, methods", 0, "at least one")
    if not timeout_s > 0.0:
        raise BadInput("cascade, timeout", timeout_s, "above 0 s")
