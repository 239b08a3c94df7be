"""Affine maps of one or more inputs: dense layers, and whatever else is linear (``affine_forms``)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.verification.box import Box
from detectors.verification.deadline import NEVER, Deadline, blocks
from detectors.verification.operations.base import Bounded, Operation, Pulled
from detectors.verification.rounding import SPARE, TINY, UNIT, Arithmetic
from detectors.verification.zonotope import Zonotope
from streams.errors import BadInput

Floats = NDArray[np.float64]


class Affine(Operation):
    """sum over inputs of matrices[i] @ input_i + bias; matrices[i]: (size, n_i), bias: (size,), all finite.

    A sum is charged for its nonzero weights only: a product with zero, and its addition, round nothing.
    Raises BadInput on shapes that do not fit and on NaN or infinity.
    """

    def __init__(self, matrices: Sequence[Floats], bias: Floats) -> None:
        self.matrices = tuple(np.ascontiguousarray(m, dtype=np.float64) for m in matrices)
        self.bias = np.ascontiguousarray(bias, dtype=np.float64)
        for matrix in self.matrices:
            if matrix.ndim != 2 or self.bias.shape != (matrix.shape[0],):
                raise BadInput("affine operation", (matrix.shape, self.bias.shape), "(m, n) and (m,)")
        if not all(np.isfinite(part).all() for part in (*self.matrices, self.bias)):
            raise BadInput("affine operation", "NaN or infinity", "finite weights")
        self._absolute = tuple(np.abs(m) for m in self.matrices)
        self._terms = int(np.max(sum(np.count_nonzero(m, axis=1) for m in self.matrices), initial=0))

    def size(self, inputs: tuple[int, ...]) -> int:
        """Length of the bias."""
        wanted = tuple(m.shape[1] for m in self.matrices)
        if inputs != wanted:
            raise BadInput("affine operation, inputs", inputs, f"{wanted} as its matrices have columns")
        return len(self.bias)

    def cost(self, inputs: tuple[int, ...]) -> int:
        """Entries of the matrices."""
        return sum(matrix.size for matrix in self.matrices)

    def evaluate(self, *inputs: Floats) -> Floats:
        """Products in the order of the inputs."""
        total = self.bias
        for matrix, values in zip(self.matrices, inputs, strict=True):
            total = total + values @ matrix.T
        return total

    def bound(self, inputs: tuple[Box, ...], arithmetic: Arithmetic) -> Bounded:
        """Midpoint and radius (Gowal et al. 2018); the widening rides on the product with the radius."""
        wide = arithmetic.theta(self._terms)
        middle, radius, magnitude = self.bias, np.zeros(len(self.bias)), np.abs(self.bias)
        for matrix, absolute, box in zip(self.matrices, self._absolute, inputs, strict=True):
            middle = middle + box.middle @ matrix.T
            radius = radius + box.reach @ absolute.T
            magnitude = magnitude + (np.abs(box.middle) + box.reach) @ absolute.T
        magnitude = magnitude * (1.0 + wide)
        radius = (radius + wide * magnitude) * SPARE + arithmetic.floor
        return Bounded(Box(middle - radius, middle + radius), magnitude)

    def pull(
        self, coefficients: Floats, inputs: tuple[Box, ...], result: Bounded, slopes: Floats | None
    ) -> Pulled:
        """Exact but for rounding, which is charged with the magnitudes of the forward pass."""
        wide = 16.0 * (self._terms + len(self.bias) + 8.0) * UNIT
        most = result.magnitude * wide * (1.0 + wide) + TINY
        slack = (np.abs(coefficients) @ most[:, :, None])[:, :, 0]
        # One product for the whole batch.
        flat = coefficients.reshape(-1, coefficients.shape[2])
        shape = coefficients.shape[:2]
        passed = tuple((flat @ matrix).reshape(*shape, -1) for matrix in self.matrices)
        return Pulled(passed, coefficients @ self.bias, slack)

    def zonotope(
        self, inputs: tuple[Zonotope, ...], boxes: tuple[Box, ...], deadline: Deadline = NEVER
    ) -> tuple[Zonotope, Floats]:
        """Exact but for rounding, which goes to the spread. Raises OutOfTime."""
        wide = 16.0 * (self._terms + 8.0) * UNIT
        centre, spread, size = self.bias, np.zeros(len(self.bias)), np.abs(self.bias)
        generators = np.zeros((1, 1, len(self.bias)))
        for matrix, absolute, given in zip(self.matrices, self._absolute, inputs, strict=True):
            centre = centre + given.centre @ matrix.T
            generators = generators + _through(given.generators, matrix, deadline)
            spread = spread + given.spread @ absolute.T
            size = size + given.size @ absolute.T
        spread = (spread + wide * size * (1.0 + wide)) * SPARE * (1.0 + wide) + TINY
        return Zonotope(centre, generators, spread), np.zeros_like(centre)

    def error(
        self, errors: tuple[Floats, ...], inputs: tuple[Box, ...], result: Bounded, arithmetic: Arithmetic
    ) -> Floats:
        """|W| times the inputs' errors, and the rounding of the sum itself."""
        wide = arithmetic.theta(self._terms)
        total = wide * result.magnitude
        for absolute, error in zip(self._absolute, errors, strict=True):
            total = total + error @ absolute.T
        return total * (1.0 + 2.0 * wide) + arithmetic.floor


def _through(generators: Floats, matrix: Floats, deadline: Deadline) -> Floats:
    """(batch, symbols, n) @ matrix.T, some symbols at a time."""
    batch, symbols, _ = generators.shape
    found = np.empty((batch, symbols, len(matrix)))
    for own in blocks(symbols, batch * matrix.size):
        deadline.check()
        found[:, own] = generators[:, own] @ matrix.T
    return found
