"""What every operation of a network can do: be evaluated, bounded by intervals, and bounded by lines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.verification.box import Box
from detectors.verification.rounding import Arithmetic
from detectors.verification.zonotope import Zonotope

Floats = NDArray[np.float64]


class Bounded(NamedTuple):
    """box: of the results, in exact arithmetic and in the one asked for; magnitude (boxes, size): no partial
    sum on the way to a result is larger."""

    box: Box
    magnitude: Floats


class Pulled(NamedTuple):
    """Linear bounds carried through an operation, from its result to its inputs.

    sum over inputs of coefficients[i] @ input_i + constant - slack <= (the coefficients given) @ result, for
    every value of the inputs in their boxes. coefficients: one (boxes, rows, n_i) per input; constant, slack:
    (boxes, rows), slack >= 0 for what was rounded.
    """

    coefficients: tuple[Floats, ...]
    constant: Floats
    slack: Floats


class Operation(ABC):
    """One operation on vectors; every array has the boxes (or points) of a batch in front."""

    @abstractmethod
    def size(self, inputs: tuple[int, ...]) -> int:
        """Length of the result for inputs of these lengths. Raises BadInput where they do not fit."""

    def cost(self, inputs: tuple[int, ...]) -> int:
        """About how many multiplications one vector takes, for inputs of these lengths."""
        return 8 * sum(inputs)

    @abstractmethod
    def evaluate(self, *inputs: Floats) -> Floats:
        """(points, n_i) each -> (points, size), plain floating point."""

    @abstractmethod
    def bound(self, inputs: tuple[Box, ...], arithmetic: Arithmetic) -> Bounded:
        """Interval bounds of the result."""

    @abstractmethod
    def pull(
        self, coefficients: Floats, inputs: tuple[Box, ...], result: Bounded, slopes: Floats | None
    ) -> Pulled:
        """Carry coefficients (boxes, rows, size) of a lower bound to the inputs.

        result: from ``bound``, perhaps tightened; slopes (boxes, size): lower slopes to use where the
        operation leaves a choice, None for its own.
        """

    @abstractmethod
    def zonotope(self, inputs: tuple[Zonotope, ...], boxes: tuple[Box, ...]) -> tuple[Zonotope, Floats]:
        """The result as a zonotope over the symbols of the inputs, which all have the same number of them,
        and the radius (boxes, size) of one new symbol for each entry.

        boxes: of the inputs in exact arithmetic, perhaps tighter than the zonotopes.
        """

    def open_entries(self, inputs: tuple[Box, ...]) -> tuple[NDArray[np.bool_], ...]:
        """(n_i,) for each input: where a tighter box would make a tighter linear rule."""
        return tuple(np.zeros(box.low.shape[1], dtype=np.bool_) for box in inputs)

    @abstractmethod
    def error(
        self, errors: tuple[Floats, ...], inputs: tuple[Box, ...], result: Bounded, arithmetic: Arithmetic
    ) -> Floats:
        """(boxes, size) largest difference between the exact result and one evaluated in ``arithmetic`` on
        inputs that are off by at most ``errors`` (boxes, n_i)."""
