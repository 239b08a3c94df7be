"""Sound bounds of the logit over a box of raw telemetry: checks the input, owns the names, calls the kernels.

The certified function is u -> network(matrix @ u + offset), u the reduced window (means, block means,
integrals of raw samples). The first dense layer is composed with ``matrix`` before absolute values are taken,
so the interval bound is exact on that layer.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.bounds import kernels, linear_kernels
from detectors.bounds.dense import Dense
from streams.errors import BadInput

Floats = NDArray[np.float64]

MAGNITUDE_SPARE = 1.0 + 1e-9
"""Covers the rounding of the magnitudes themselves, whose sums have far fewer than 1e6 terms."""


class Range(NamedTuple):
    """low <= logit <= high for every point of the box, in exact and in any binary64 arithmetic."""

    low: float
    high: float


class Bounder:
    """Bounds of one network behind one affine map, for boxes of one size and any centre.

    matrix: (m, n) standardised features per reduced input; offset: (m,); reach: (n,) half width of the box,
    >= 0, protected inputs 0; raw_terms: most raw samples that enter one reduced input. Not for concurrent
    use: scratch arrays are reused. Raises BadInput on shapes that do not chain and on non-finite or
    negative reach.
    """

    def __init__(self, network: Dense, matrix: Floats, offset: Floats, reach: Floats, raw_terms: int) -> None:
        m, n = matrix.shape
        if network.inputs != m or offset.shape != (m,) or reach.shape != (n,):
            raise BadInput(
                "feature map", (matrix.shape, offset.shape, reach.shape), f"{network.inputs} rows that chain"
            )
        if not (np.isfinite(matrix).all() and np.isfinite(offset).all()):
            raise BadInput("feature map", "NaN or infinity", "finite coefficients")
        if not (np.isfinite(reach).all() and (reach >= 0).all()):
            raise BadInput("reach", float(reach.min(initial=0.0)), "finite, 0 or more")
        self.network = network
        w, b = network.weights[0], network.biases[0]
        self.first = np.ascontiguousarray(w @ matrix)
        self.first_t = np.ascontiguousarray(self.first.T)
        self.first_b = w @ offset + b
        size = np.abs(w) @ np.abs(matrix)
        self._input_size = size.max(axis=0) * MAGNITUDE_SPARE
        self._constant_size = float((np.abs(w) @ np.abs(offset) + np.abs(b)).max()) * MAGNITUDE_SPARE
        self.width = int(raw_terms + n + m)
        wide = 16.0 * (self.width + 8.0) * kernels.UNIT
        self._wide = wide
        self.reach = reach * (1.0 + wide)
        self._radius = (np.abs(self.first) @ self.reach) * (1.0 + wide)
        self._reach_size = float(self._input_size @ self.reach) * MAGNITUDE_SPARE
        self._sizes = np.array([x.shape[0] for x in network.weights], dtype=np.int64)
        self._flat = np.concatenate([x.T.ravel() for x in network.weights[1:]])
        self._biases = np.concatenate(network.biases[1:])
        total, widest = int(self._sizes.sum()), int(self._sizes.max())
        self._low, self._high, self._magnitude = np.empty(total), np.empty(total), np.empty(total)
        self._scratch = np.empty(2 * widest)
        self._work = np.empty(n)

    def _first_size(self, size: Floats) -> float:
        """Bound on every partial sum of the first layer over the box; size >= sum |raw weight * raw
        value|."""
        return float(self._input_size @ size) * MAGNITUDE_SPARE + self._reach_size + self._constant_size

    def interval(self, centre: Floats, size: Floats | None = None) -> Range:
        """Interval bound (Gowal et al. 2018) over |u - centre| <= reach.

        centre: (n,); size: (n,) mean magnitude of the raw samples behind each input, default |centre|.
        """
        big = self._first_size(np.abs(centre) if size is None else size)
        h1 = int(self._sizes[0])
        kernels.first_layer(
            self.first_t,
            self.first_b,
            centre,
            self._wide * big,
            self._radius,
            self._low[:h1],
            self._high[:h1],
        )
        kernels.deeper_layers(
            self._flat, self._biases, self._sizes, self._low, self._high, self._magnitude, self._scratch
        )
        return Range(float(self._low[-1]), float(self._high[-1]))

    def linear(self, centre: Floats, size: Floats | None = None) -> Range:
        """Intersection of the interval bound and the linear bound (Zhang et al. 2018, CROWN); never wider."""
        plain = self.interval(centre, size)
        big = self._first_size(np.abs(centre) if size is None else size)
        half = self._scratch.shape[0] // 2
        error = linear_kernels.evaluation_error(
            self._flat,
            self._sizes,
            self._magnitude,
            self._wide * big,
            self._scratch[:half],
            self._scratch[half:],
        )
        ends = [
            linear_kernels.linear_lower(
                sign, self.first, self.first_b, centre, self.reach, big, self._flat, self._biases,
                self._sizes, self._low, self._high, self._magnitude, self._scratch[:half],
                self._scratch[half:], self._work, self.width,
            )
            for sign in (1.0, -1.0)
        ]  # fmt: skip
        spare = 1.0 + 4.0 * kernels.UNIT
        low = np.nextafter(ends[0] - error * spare, -np.inf)
        high = np.nextafter(-ends[1] + error * spare, np.inf)
        return Range(max(plain.low, float(low)), min(plain.high, float(high)))

    def intervals(self, centres: Floats, sizes: Floats | None = None, parallel: bool = False) -> Floats:
        """Interval bounds of many windows: centres (w, n) -> (w, 2). Parallel over windows only; same
        bits."""
        centres = np.ascontiguousarray(centres)
        size = np.abs(centres) if sizes is None else sizes
        big = (size @ self._input_size) * MAGNITUDE_SPARE + self._reach_size + self._constant_size
        products = centres @ self.first_t + self.first_b
        out = np.empty((centres.shape[0], 2))
        shared = (products, self._wide * big, self._radius, self._flat, self._biases, self._sizes, out)
        if parallel:
            from numba import get_num_threads

            length = 3 * self._low.size + self._scratch.size
            kernels.interval_batch_parallel(*shared, np.empty((get_num_threads(), length)))
        else:
            kernels.interval_batch(*shared, self._low, self._high, self._magnitude, self._scratch)
        return out

    def logit(self, centre: Floats) -> float:
        """Plain evaluation at one point."""
        return float(self.logits(centre[None, :])[0])

    def logits(self, centres: Floats) -> Floats:
        """Plain evaluation: (w, n) -> (w,)."""
        a = np.maximum(centres @ self.first_t + self.first_b, 0.0)
        for w, b in zip(self.network.weights[1:-1], self.network.biases[1:-1], strict=True):
            a = np.maximum(a @ w.T + b, 0.0)
        out: Floats = (a @ self.network.weights[-1].T + self.network.biases[-1])[:, 0]
        return out
