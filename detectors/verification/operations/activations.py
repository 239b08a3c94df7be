"""Elementwise activations: monotone functions between two lines.

An activation names its function, the lines that hold on [low, high], and its steepest slope; interval rule,
linear rule and rounding are the same for all (Zhang et al. 2018, CROWN; Singh et al. 2019, DeepPoly).
"""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.verification.box import Box
from detectors.verification.operations.base import Bounded, Operation, Pulled
from detectors.verification.rounding import SPARE, UNIT, Arithmetic
from streams.errors import BadInput

Floats = NDArray[np.float64]


class Lines(NamedTuple):
    """lower_slope z + lower_offset <= f(z) <= upper_slope z + upper_offset on the box, for the numbers as
    they are stored; each (boxes, n)."""

    lower_slope: Floats
    lower_offset: Floats
    upper_slope: Floats
    upper_offset: Floats


class Activation(Operation):
    """A non-decreasing function of one input, element by element.

    ulps: how many units in the last place an evaluation of it may be off, 0 where it is exact.
    """

    ulps = 0.0
    steepest = 1.0

    @abstractmethod
    def evaluate(self, *inputs: Floats) -> Floats:
        """f of the only input."""

    @abstractmethod
    def lines(self, box: Box, slopes: Floats | None = None) -> Lines:
        """Sound lines for inputs within ``box``; slopes: of the lower line, where any may be chosen."""

    def undecided(self, box: Box) -> NDArray[np.bool_]:
        """(n,) where a tighter input than ``box`` would make tighter lines, in any box of the batch."""
        return np.ones(box.low.shape[1], dtype=np.bool_)

    def size(self, inputs: tuple[int, ...]) -> int:
        """That of its only input."""
        if len(inputs) != 1:
            raise BadInput(f"{type(self).__name__}, inputs", len(inputs), "1")
        return inputs[0]

    def _evaluation_error(self, values: Floats, arithmetic: Arithmetic) -> Floats:
        """Of one evaluation, in the arithmetic asked for or in ours."""
        return self.ulps * 2.0 * max(arithmetic.unit, UNIT) * np.abs(values) * SPARE

    def bound(self, inputs: tuple[Box, ...], arithmetic: Arithmetic) -> Bounded:
        """Values at the ends, outward by what an evaluation may be off."""
        ends = [self.evaluate(end) for end in inputs[0]]
        if self.ulps:
            low, high = (self._evaluation_error(end, arithmetic) + arithmetic.floor for end in ends)
            ends = [ends[0] - low, ends[1] + high]
        box = Box(ends[0], ends[1])
        return Bounded(box, box.size)

    def pull(
        self, coefficients: Floats, inputs: tuple[Box, ...], result: Bounded, slopes: Floats | None
    ) -> Pulled:
        """Coefficients that count upwards take the lower line, the others the upper one."""
        box = inputs[0]
        lines = self.lines(box, slopes)
        up, down = np.maximum(coefficients, 0.0), np.minimum(coefficients, 0.0)
        passed = up * lines.lower_slope[:, None, :] + down * lines.upper_slope[:, None, :]
        constant = (up @ lines.lower_offset[:, :, None] + down @ lines.upper_offset[:, :, None])[:, :, 0]
        offsets = np.abs(lines.lower_offset) + np.abs(lines.upper_offset)
        spent = np.abs(passed) @ box.size[:, :, None] + np.abs(coefficients) @ offsets[:, :, None]
        wide = 16.0 * (box.low.shape[1] + 8.0) * UNIT
        return Pulled((passed,), constant, spent[:, :, 0] * wide)

    def error(
        self, errors: tuple[Floats, ...], inputs: tuple[Box, ...], result: Bounded, arithmetic: Arithmetic
    ) -> Floats:
        """At most ``steepest`` times the input's error, and its own."""
        own = self._evaluation_error(result.magnitude, arithmetic)
        return errors[0] * self.steepest * SPARE + own


def _crosses_zero(box: Box) -> NDArray[np.bool_]:
    return np.asarray(((box.low < 0.0) & (box.high > 0.0)).any(axis=0))


class Relu(Activation):
    """max(z, 0), exact in any arithmetic. Lower slope: any from 0 to 1, by default the one that leaves the
    smaller area (Zhang et al. 2018)."""

    def evaluate(self, *inputs: Floats) -> Floats:
        """max(z, 0)."""
        return np.maximum(inputs[0], 0.0)

    def undecided(self, box: Box) -> NDArray[np.bool_]:
        """Where the sign is open."""
        return _crosses_zero(box)

    def lines(self, box: Box, slopes: Floats | None = None) -> Lines:
        """Upper line through (low, 0) and (high, high), slope and offset rounded up."""
        low, high = box
        open_ = (low < 0.0) & (high > 0.0)
        on = np.where(low >= 0.0, 1.0, 0.0)
        width = np.where(open_, high - low, 1.0)
        steep = np.where(open_, np.minimum(high / width * SPARE, 1.0 + 1e-9), on)
        offset = np.where(open_, -steep * low * SPARE, 0.0)
        chosen = np.where(high > -low, 1.0, 0.0) if slopes is None else slopes
        return Lines(np.where(open_, chosen, on), np.zeros_like(low), steep, offset)


class LeakyRelu(Activation):
    """z above 0, ``leak`` z below; 0 <= leak <= 1. Raises BadInput outside that."""

    ulps = 1.0

    def __init__(self, leak: float) -> None:
        if not 0.0 <= leak <= 1.0:
            raise BadInput("leaky ReLU, leak", leak, "0 to 1")
        self.leak = leak

    def evaluate(self, *inputs: Floats) -> Floats:
        """max(z, leak z)."""
        return np.maximum(inputs[0], self.leak * inputs[0])

    def undecided(self, box: Box) -> NDArray[np.bool_]:
        """Where the sign is open."""
        return _crosses_zero(box)

    def lines(self, box: Box, slopes: Floats | None = None) -> Lines:
        """Convex: the chord above, a line through 0 below."""
        low, high = box
        open_ = (low < 0.0) & (high > 0.0)
        on = np.where(low >= 0.0, 1.0, self.leak)
        width = np.where(open_, high - low, 1.0)
        # The chord from (low, leak low), no less steep than the true one.
        steep = np.where(open_, (high - self.leak * low) / width * SPARE, on)
        offset = np.where(open_, (steep - self.leak) * -low, 0.0)
        offset = np.where(open_, offset + 8.0 * UNIT * (steep + self.leak) * -low, 0.0)
        chosen = np.where(high > -low, 1.0, self.leak) if slopes is None else np.maximum(slopes, self.leak)
        return Lines(np.where(open_, chosen, on), np.zeros_like(low), steep, offset)


class _SShaped(Activation):
    """Convex below 0 and concave above, as tanh and the logistic function are."""

    ulps = 8.0

    @abstractmethod
    def slope(self, z: Floats) -> Floats:
        """Derivative."""

    def lines(self, box: Box, slopes: Floats | None = None) -> Lines:
        """Between the ends' values with the lesser of the ends' slopes (Singh et al. 2019): on an interval
        that slope is nowhere exceeded from below, for it is least at an end."""
        low, high = box
        flat = np.minimum(self.slope(low), self.slope(high)) * (1.0 - 1e-12)
        ends = self.evaluate(low), self.evaluate(high)
        spare = 64.0 * UNIT * (1.0 + np.abs(flat) * box.size)
        return Lines(flat, ends[0] - flat * low - spare, flat, ends[1] - flat * high + spare)


class Tanh(_SShaped):
    """Hyperbolic tangent."""

    def evaluate(self, *inputs: Floats) -> Floats:
        """tanh(z)."""
        return np.asarray(np.tanh(inputs[0]))

    def slope(self, z: Floats) -> Floats:
        """1 - tanh(z)^2 as 1 / cosh(z)^2, which does not cancel."""
        return np.asarray(1.0 / np.square(np.cosh(np.clip(z, -300.0, 300.0))))


class Sigmoid(_SShaped):
    """Logistic function."""

    steepest = 0.25

    def evaluate(self, *inputs: Floats) -> Floats:
        """1 / (1 + exp(-z)), by the half that does not overflow."""
        small = np.exp(-np.abs(inputs[0]))
        return np.where(inputs[0] >= 0.0, 1.0, small) / (1.0 + small)

    def slope(self, z: Floats) -> Floats:
        """f (1 - f), without cancellation."""
        small = np.exp(-np.abs(z))
        return np.asarray(small / np.square(1.0 + small))
