"""What every method is: a problem in, a verdict with its bound out."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.verification.deadline import Clock, Deadline, OutOfTime
from detectors.verification.problem import Problem, Result, verdict_of

Floats = NDArray[np.float64]
Guarantee = Literal["sound", "probabilistic"]


class Found(NamedTuple):
    """What ``solve`` gives back; see ``Result``. bound: NaN or infinite where there is none."""

    bound: float
    counterexample: Floats | None = None
    detail: Mapping[str, Any] = {}


class Method(ABC):
    """Subclasses find a result; time, name and the handling of overflow are here.

    name: in the catalogue; description: one line with its source; guarantee: what "certified" means, "sound"
    for the network on the whole set, "probabilistic" for what the detail of the result says. Only sound
    methods may stand in for each other.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    guarantee: ClassVar[Guarantee] = "sound"

    def run(
        self, problem: Problem, timeout_s: float = float("inf"), clock: Clock = time.perf_counter
    ) -> Result:
        """Verify; "unknown" after an overflow, and when timeout_s of ``clock``, in seconds, are over. Raises
        BadInput where the method does not apply."""
        started = clock()
        try:
            with np.errstate(all="ignore"):
                found = self.solve(problem, Deadline(timeout_s, clock))
        except OutOfTime:
            found = Found(-np.inf, None, {"stopped": "out of time"})
        bound = float(found.bound) if np.isfinite(found.bound) else -np.inf
        verdict = verdict_of(bound) if found.counterexample is None else "falsified"
        seconds = clock() - started
        return Result(verdict, bound, self.name, seconds, found.counterexample, dict(found.detail))

    @abstractmethod
    def solve(self, problem: Problem, deadline: Deadline) -> Found:
        """The method itself; may raise OutOfTime."""
