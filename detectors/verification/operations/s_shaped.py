"""Tanh and the logistic function: convex below 0, concave above, symmetric about the point at 0.

Lines: tangents and chords (Zhang et al. 2018; Singh et al. 2019). A slope may be off by anything; its offset
is what makes the line sound, see ``_SShaped._offset_below``.
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from detectors.verification.box import Box
from detectors.verification.operations.activations import Activation, Band, Lines
from detectors.verification.rounding import TINY, UNIT, above

Floats = NDArray[np.float64]

_LOOSE = 1e-13
"""More than a computed derivative is off, relative to it."""
_VANISHED = 1e-322
"""More than underflow takes from one; TINY times a wide box would be something."""
_ROUNDS = 8


class _SShaped(Activation):
    """twice: f(z) + f(-z). Upper lines are lower lines of the mirrored box."""

    ulps = 8.0
    twice: float
    _last: tuple[Box, Lines] | None = None

    @abstractmethod
    def slope(self, z: Floats) -> Floats:
        """Derivative."""

    @abstractmethod
    def touch(self, slope: Floats) -> Floats:
        """The z <= 0 where the derivative is ``slope``, about; -inf for 0."""

    def lines(self, box: Box, slopes: Floats | None = None) -> Lines:
        """Below: the tangent from the upper end, otherwise the chord or the tangent in the middle."""
        # Every pass back from a later value asks again for the same box.
        last = self._last
        if last is None or last[0].low is not box.low or last[0].high is not box.high:
            self._last = last = (box, self._lines(box))
        return last[1]

    def _lines(self, box: Box) -> Lines:
        mirrored = Box(-box.high, -box.low)
        lower, lower_at = self._lower_slope(box)
        upper, upper_at = self._lower_slope(mirrored)
        return Lines(
            lower,
            self._offset_below(lower, lower_at, box),
            upper,
            above(np.asarray(self.twice), -self._offset_below(upper, upper_at, mirrored)),
        )

    def band(self, box: Box) -> Band:
        """The narrower of two: parallel to the chord, and with the lesser of the ends' slopes (DeepZ)."""
        flat = np.minimum(self.slope(box.low), self.slope(box.high))
        chord, lesser = self._band(self._chord(box), box), self._band(flat, box)
        better = chord.high - chord.low <= lesser.high - lesser.low
        return Band(*(np.where(better, one, other) for one, other in zip(chord, lesser, strict=True)))

    def _band(self, slope: Floats, box: Box) -> Band:
        mirrored = Box(-box.high, -box.low)
        low, high = (self._offset_below(slope, self.touch(slope), each) for each in (box, mirrored))
        return Band(slope, low, above(np.asarray(self.twice), -high))

    def _chord(self, box: Box) -> Floats:
        """Slope from end to end, kept among the slopes there are (the difference of close values is not)."""
        low, high = box
        ends = self.slope(low), self.slope(high)
        most = np.where((low < 0.0) & (high > 0.0), self.steepest, np.maximum(*ends))
        width = np.where(high > low, high - low, 1.0)
        return np.clip((self.evaluate(high) - self.evaluate(low)) / width, np.minimum(*ends), most)

    def _lower_slope(self, box: Box) -> tuple[Floats, Floats]:
        """Slope of a good lower line, and where it touches the convex part.

        From the upper end the tangent is sought that touches below 0: z -> touch(slope of the chord from z)
        runs to the touching point from its left, with quadratic convergence, because there the chord's slope
        is largest. Where that lies left of the box the chord is the best line; where it lies right of the
        middle, and where all is convex, the tangent in the middle leaves the least area.
        """
        low, high = box
        crossing = (low < 0.0) & (high > 0.0)
        at = np.where(crossing, 0.0, low)
        end, top = np.where(crossing, high, 1.0), self.evaluate(high)
        for _ in range(_ROUNDS if crossing.any() else 0):
            at = np.where(crossing, self.touch((top - self.evaluate(at)) / (end - at)), low)
        at = np.where(high <= 0.0, box.middle, np.minimum(at, box.middle))
        by_chord = at <= low
        at = np.where(by_chord, low, at)
        return np.where(by_chord, self._chord(box), self.slope(at) * (1.0 + _LOOSE)), at

    def _offset_below(self, slope: Floats, at: Floats, box: Box) -> Floats:
        """Offset of a sound lower line with this slope s, any s >= 0; at: where it about touches, any point.

        On the concave part f(z) - s z is least at an end. On the convex part [low, c], c = min(high, 0), the
        tangent at t lies below f, so f(z) - s z is at least
        f(t) - s t - max(f'(t) - s, 0) (t - low) - max(s - f'(t), 0) (c - t).
        """
        low, high = box
        convex = low < 0.0
        last = np.where(convex, np.minimum(high, 0.0), low)
        t = np.clip(at, low, last)
        derivative, value = self.slope(t), self.evaluate(t)
        fall = np.maximum(derivative * (1.0 + _LOOSE) + _VANISHED - slope, 0.0) * (t - low)
        rise = np.maximum(slope - derivative * (1.0 - _LOOSE), 0.0) * (last - t)
        ends = self.evaluate(low), self.evaluate(high)
        least = np.minimum(value - slope * t - np.where(convex, fall + rise, 0.0), ends[1] - slope * high)
        spent = np.maximum(np.abs(ends[0]), np.abs(ends[1])) + slope * box.size + np.abs(least)
        return np.nextafter(least - 64.0 * UNIT * spent - TINY, -np.inf)


class Tanh(_SShaped):
    """Hyperbolic tangent."""

    twice = 0.0

    def evaluate(self, *inputs: Floats) -> Floats:
        """tanh(z)."""
        return np.asarray(np.tanh(inputs[0]))

    def slope(self, z: Floats) -> Floats:
        """1 - tanh(z)^2 = 4 e / (1 + e)^2 with e = exp(-2 |z|), which does not cancel."""
        small = np.exp(-2.0 * np.abs(z))
        return np.asarray(4.0 * small / np.square(1.0 + small))

    def touch(self, slope: Floats) -> Floats:
        """The inverse of ``slope``."""
        return 0.5 * _log_odds(slope)


class Sigmoid(_SShaped):
    """Logistic function. Small values are allowed the error of 1: onnxruntime's kernel has it."""

    least = 1.0
    steepest = 0.25
    twice = 1.0

    def evaluate(self, *inputs: Floats) -> Floats:
        """1 / (1 + exp(-z)), by the half that does not overflow."""
        small = np.exp(-np.abs(inputs[0]))
        return np.where(inputs[0] >= 0.0, 1.0, small) / (1.0 + small)

    def slope(self, z: Floats) -> Floats:
        """f (1 - f), without cancellation."""
        small = np.exp(-np.abs(z))
        return np.asarray(small / np.square(1.0 + small))

    def touch(self, slope: Floats) -> Floats:
        """The inverse of ``slope``."""
        return _log_odds(4.0 * slope)


def _log_odds(share: Floats) -> Floats:
    """log e for share = 4 e / (1 + e)^2, e <= 1: the branch that does not cancel."""
    root = np.sqrt(np.maximum(1.0 - share, 0.0))
    small = np.minimum(share, 1.0) / np.square(1.0 + root)
    return np.log(np.maximum(small, 5e-324))
