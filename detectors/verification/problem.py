"""What is to be verified, and what came out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.verification.network import Network
from detectors.verification.rounding import ArithmeticName
from detectors.verification.sets import Region
from streams.errors import BadInput

Floats = NDArray[np.float64]
Verdict = Literal["certified", "falsified", "unknown"]


class Clause(NamedTuple):
    """Outputs y with matrix @ y <= limits in every row are a violation; (rows, outputs), (rows,)."""

    matrix: Floats
    limits: Floats


@dataclass(frozen=True)
class Specification:
    """Certified means: no point of the set gives outputs that fall under any of the clauses."""

    clauses: tuple[Clause, ...]

    def __post_init__(self) -> None:
        if not self.clauses:
            raise BadInput("specification", 0, "at least one clause")
        for number, (matrix, limits) in enumerate(self.clauses, start=1):
            if matrix.ndim != 2 or limits.shape != (matrix.shape[0],) or not len(limits):
                raise BadInput(
                    f"clause {number}", (matrix.shape, limits.shape), "(rows, outputs) and (rows,)"
                )
            if not (np.isfinite(matrix).all() and np.isfinite(limits).all()):
                raise BadInput(f"clause {number}", "NaN or infinity", "finite numbers")

    @property
    def rows(self) -> tuple[Floats, Floats]:
        """All rows of all clauses: (rows, outputs), (rows,)."""
        return np.vstack([c.matrix for c in self.clauses]), np.concatenate([c.limits for c in self.clauses])

    def margin(self, rows_low: Floats) -> Floats:
        """(batch,) certified where above 0, from lower bounds (batch, rows) of matrix @ y - limits: a clause
        is out of reach as soon as one of its rows is, and all clauses must be."""
        ends = np.cumsum([len(c.limits) for c in self.clauses])[:-1]
        parts = np.split(rows_low, ends, axis=1)
        return np.asarray(np.min([part.max(axis=1) for part in parts], axis=0))

    def violated(self, outputs: Floats) -> NDArray[np.bool_]:
        """(points,) whether outputs (points, outputs) fall under a clause, in plain floating point."""
        return np.asarray(np.any([(outputs @ m.T <= d).all(axis=1) for m, d in self.clauses], axis=0))


def above_zero(outputs: int = 1, row: int = 0) -> Specification:
    """Output ``row`` stays above 0: an alarm that does not go away."""
    matrix = np.zeros((1, outputs))
    matrix[0, row] = 1.0
    return Specification((Clause(matrix, np.zeros(1)),))


def at_most_zero(outputs: int = 1, row: int = 0) -> Specification:
    """Output ``row`` stays below 0: a quiet window that does not alarm."""
    matrix = np.zeros((1, outputs))
    matrix[0, row] = -1.0
    return Specification((Clause(matrix, np.zeros(1)),))


@dataclass(frozen=True)
class Problem:
    """evaluation: the arithmetic in which the statement holds beside exact numbers. Raises BadInput where the
    parts do not fit together."""

    network: Network
    region: Region
    specification: Specification
    evaluation: ArithmeticName = "binary64"

    def __post_init__(self) -> None:
        length = self.region.hull.low.shape[1]
        if length != self.network.inputs:
            raise BadInput("perturbation set, inputs", length, f"{self.network.inputs} as the network has")
        width = self.specification.clauses[0].matrix.shape[1]
        if any(c.matrix.shape[1] != self.network.outputs for c in self.specification.clauses):
            raise BadInput("specification, outputs", width, f"{self.network.outputs} as the network has")


@dataclass(frozen=True)
class Result:
    """bound: lower bound of the specification's margin over the set, certified above 0; -inf where there is
    none. counterexample: (n,) a point of the set that violates, with verdict "falsified" only. detail: what
    the method has to say of its work."""

    verdict: Verdict
    bound: float
    method: str
    seconds: float
    counterexample: Floats | None = None
    detail: dict[str, Any] = field(default_factory=dict)


def verdict_of(bound: float) -> Verdict:
    """NaN and -inf decide nothing."""
    return "certified" if bound > 0.0 else "unknown"
