"""Counter-examples are believed only when onnxruntime, run on the file itself, confirms them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from detectors.exchange.runtime import Runtime
from detectors.exchange.vnnlib import Bounds, Query, rounded
from detectors.verification.network import Network

Floats = NDArray[np.float64]


class Judge:
    """Confirms points of one input box, whose bounds are those of the file."""

    def __init__(self, network: Network, query: Query, runtime: Runtime, bounds: Bounds) -> None:
        self._network, self._query, self._runtime = network, query, runtime
        low, high = bounds
        kind = runtime.kind
        self._low = np.array([rounded(_finite(number, kind), kind, np.inf) for number in low])
        self._high = np.array([rounded(_finite(number, kind), kind, -np.inf) for number in high])
        # Between the bounds of these inputs there is no number of the precision of the network's input.
        self._empty = self._low > self._high
        self._near = np.array([float(number) for number in low]), np.array([float(n) for n in high])

    def confirmed(self, point: Floats) -> Floats | None:
        """The point as the network receives it, in the precision of its input, if it lies in the box and both
        onnxruntime and binary64 find the file's formula satisfied there; else None.

        Where no number of that precision lies between the bounds of an input, the decimal between them stands
        and the network receives the nearest.
        """
        given = self._received(point)
        with np.errstate(all="ignore"):
            exact = self._network(given[None, :])[0]
        return given if self._violates(given, exact) and self._violates(given, self._runtime(given)) else None

    def refuted(self, points: Floats) -> bool:
        """Whether onnxruntime alone finds a violation at one of the points, moved into the box."""
        given = map(self._received, points)
        return any(self._violates(point, self._runtime(point)) for point in given)

    def _violates(self, given: Floats, outputs: Floats) -> bool:
        return bool(np.isfinite(outputs).all()) and self._query.violated(given.tolist(), outputs.tolist())

    def _received(self, point: Floats) -> Floats:
        """(n,) moved into the box as the exact bounds have it."""
        with np.errstate(over="ignore"):
            stored = point.astype(self._runtime.kind).astype(np.float64)
        inside = np.minimum(np.maximum(stored, self._low), self._high)
        return np.where(self._empty, np.clip(point, *self._near), inside)


def _finite(number: Fraction, kind: type[np.floating]) -> Fraction:
    """The nearest within the range of this kind of float."""
    most = Fraction(float(np.finfo(kind).max))
    return min(max(number, -most), most)
