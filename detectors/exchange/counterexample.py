"""Counter-examples are believed only when onnxruntime, run on the file itself, confirms them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.exchange.runtime import Runtime
from detectors.exchange.vnnlib import Bounds, Query, rounded
from detectors.verification.network import Network

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Judge:
    """Confirms points of one input box."""

    network: Network
    query: Query
    runtime: Runtime
    bounds: Bounds

    def confirmed(self, point: Floats) -> Floats | None:
        """The point as the network receives it, in the precision of its input, if it lies in the box and both
        onnxruntime and binary64 find the file's formula satisfied there; else None.

        Where no number of that precision lies between the bounds of an input, the decimal between them stands
        and the network receives the nearest.
        """
        given = self._received(point)
        with np.errstate(all="ignore"):
            exact = self.network(given[None, :])[0]
        return given if self._violates(given, exact) and self._violates(given, self.runtime(given)) else None

    def refuted(self, points: Floats) -> bool:
        """Whether onnxruntime alone finds a violation at one of the points, moved into the box."""
        given = map(self._received, points)
        return any(self._violates(point, self.runtime(point)) for point in given)

    def _violates(self, given: Floats, outputs: Floats) -> bool:
        return bool(np.isfinite(outputs).all()) and self.query.violated(given.tolist(), outputs.tolist())

    def _received(self, point: Floats) -> Floats:
        """(n,) moved into the box as the exact bounds have it."""
        kind, given = self.runtime.kind, np.empty(len(point))
        for i, (low, high) in enumerate(zip(*self.bounds, strict=True)):
            ends = rounded(low, kind, np.inf), rounded(high, kind, -np.inf)
            if ends[0] <= ends[1]:
                given[i] = min(max(float(kind(point[i])), ends[0]), ends[1])
            else:
                given[i] = min(max(float(point[i]), float(low)), float(high))
        return given
