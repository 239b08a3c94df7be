"""Elementwise activations: monotone functions between two lines.

An activation names its function, the lines that hold on [low, high], and its steepest slope; interval rule,
linear rule, zonotope rule and rounding are the same for all (Zhang et al. 2018, CROWN; Singh et al. 2018,
DeepZ; Singh et al. 2019, DeepPoly).
"""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.verification.box import Box
from detectors.verification.operations.base import Bounded, Operation, Pulled
from detectors.verification.rounding import SPARE, TINY, UNIT, Arithmetic
from detectors.verification.zonotope import Zonotope, moved, scaled
from streams.errors import BadInput

Floats = NDArray[np.float64]


class Lines(NamedTuple):
    """lower_slope z + lower_offset <= f(z) <= upper_slope z + upper_offset on the box, for the numbers as
    they are stored; each (boxes, n)."""

    lower_slope: Floats
    lower_offset: Floats
    upper_slope: Floats
    upper_offset: Floats


class Band(NamedTuple):
    """slope z + low <= f(z) <= slope z + high on the box, for the numbers as they are stored; each (boxes,
    n)."""

    slope: Floats
    low: Floats
    high: Floats


class Activation(Operation):
    """A non-decreasing function of one input, element by element.

    ulps: how many units in the last place an evaluation of it may be off, 0 where it is exact; least: values
    below this magnitude are allowed the error of one of this magnitude; steepest: largest slope.
    """

    ulps = 0.0
    least = 0.0
    steepest = 1.0

    @abstractmethod
    def evaluate(self, *inputs: Floats) -> Floats:
        """f of the only input."""

    @abstractmethod
    def lines(self, box: Box, slopes: Floats | None = None) -> Lines:
        """Sound lines for inputs within ``box``; slopes: of the lower line, where any may be chosen."""

    @abstractmethod
    def band(self, box: Box) -> Band:
        """Sound parallel lines for inputs within ``box``."""

    def undecided(self, box: Box) -> NDArray[np.bool_]:
        """(n,) where a tighter input than ``box`` would make tighter lines, in any box of the batch."""
        return np.asarray((box.low < box.high).any(axis=0))

    def open_entries(self, inputs: tuple[Box, ...]) -> tuple[NDArray[np.bool_], ...]:
        """Those that are undecided."""
        return (self.undecided(inputs[0]),)

    def size(self, inputs: tuple[int, ...]) -> int:
        """That of its only input."""
        if len(inputs) != 1:
            raise BadInput(f"{type(self).__name__}, inputs", len(inputs), "1")
        return inputs[0]

    def _evaluation_error(self, values: Floats, arithmetic: Arithmetic) -> Floats:
        """Of one evaluation, in the arithmetic asked for or in ours."""
        if not self.ulps:
            return np.zeros_like(values)
        size = np.maximum(np.abs(values), self.least)
        return self.ulps * 2.0 * max(arithmetic.unit, UNIT) * size * SPARE + arithmetic.floor

    def bound(self, inputs: tuple[Box, ...], arithmetic: Arithmetic) -> Bounded:
        """Values at the ends, outward by what an evaluation may be off, and ours of the ends."""
        ends = [self.evaluate(end) for end in inputs[0]]
        if self.ulps:
            low, high = (2.0 * self._evaluation_error(end, arithmetic) for end in ends)
            ends = [np.nextafter(ends[0] - low, -np.inf), np.nextafter(ends[1] + high, np.inf)]
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
        return Pulled((passed,), constant, spent[:, :, 0] * wide + TINY * np.abs(coefficients).sum(axis=2))

    def zonotope(self, inputs: tuple[Zonotope, ...], boxes: tuple[Box, ...]) -> tuple[Zonotope, Floats]:
        """The middle of the band, and a symbol for its half width."""
        band = self.band(boxes[0])
        room = Box(band.low, band.high)
        return moved(scaled(band.slope, inputs[0]), room.middle), room.reach

    def error(
        self, errors: tuple[Floats, ...], inputs: tuple[Box, ...], result: Bounded, arithmetic: Arithmetic
    ) -> Floats:
        """At most ``steepest`` times the input's error, and its own."""
        own = self._evaluation_error(result.magnitude, arithmetic)
        return (errors[0] * self.steepest + own) * SPARE


class LeakyRelu(Activation):
    """z above 0, ``leak`` z below; 0 <= leak <= 1. Lower slope: any from leak to 1, by default the end that
    leaves the smaller area (Zhang et al. 2018). Raises BadInput for another leak."""

    ulps = 2.0  # The leak itself may have been rounded, then the product.

    def __init__(self, leak: float) -> None:
        if not 0.0 <= leak <= 1.0:
            raise BadInput("leaky ReLU, leak", leak, "0 to 1")
        self.leak = leak

    def evaluate(self, *inputs: Floats) -> Floats:
        """max(z, leak z)."""
        return np.maximum(inputs[0], self.leak * inputs[0])

    def undecided(self, box: Box) -> NDArray[np.bool_]:
        """Where the sign is open."""
        return np.asarray(_open(box).any(axis=0))

    def lines(self, box: Box, slopes: Floats | None = None) -> Lines:
        """Convex: the chord above, a line through 0 below."""
        steep, offset = self._chord(box)
        chosen = np.where(box.high > -box.low, 1.0, self.leak)
        if slopes is not None:
            chosen = np.clip(slopes, self.leak, 1.0)
        return Lines(np.where(_open(box), chosen, steep), np.zeros_like(steep), steep, offset)

    def band(self, box: Box) -> Band:
        """The chord, and its parallel through 0; rounded up, the chord may be steeper than 1."""
        steep, offset = self._chord(box)
        ends = np.minimum((self.leak - steep) * box.low, (1.0 - steep) * box.high)
        low = np.where(_open(box), np.minimum(ends, 0.0) * SPARE - TINY, 0.0)
        return Band(steep, low, offset)

    def _chord(self, box: Box) -> tuple[Floats, Floats]:
        """Slope and offset; a line that holds at both ends holds between, whatever its slope was rounded to.
        Where the sign is known the function itself."""
        low, high = box
        open_ = _open(box)
        width = np.where(open_, high - low, 1.0)
        steep = np.where(
            open_, (high - self.leak * low) / width * SPARE, np.where(low >= 0.0, 1.0, self.leak)
        )
        needed = np.maximum((self.leak - steep) * low, (1.0 - steep) * high)
        return steep, np.where(open_, needed * SPARE + TINY, 0.0)


class Relu(LeakyRelu):
    """max(z, 0), exact in any arithmetic."""

    ulps = 0.0

    def __init__(self) -> None:
        super().__init__(0.0)

    def evaluate(self, *inputs: Floats) -> Floats:
        """max(z, 0)."""
        return np.maximum(inputs[0], 0.0)


def _open(box: Box) -> NDArray[np.bool_]:
    return np.asarray((box.low < 0.0) & (box.high > 0.0))
