"""Sound bounds of a network over a box of raw telemetry: checks the input, owns the names, calls the kernels.

The certified function is u -> network(matrix @ u + offset), u the reduced window (means, block means,
integrals of raw samples). The first dense layer is composed with ``matrix`` before absolute values are taken,
so the interval bound is exact on that layer.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.bounds import kernels, linear_kernels
from detectors.bounds.dense import Dense
from detectors.bounds.kernels import BLOCK
from detectors.bounds.packing import on_line, open_scratch, pack
from detectors.bounds.rounding import UNIT
from streams.errors import BadInput

Floats = NDArray[np.float64]
BoundMethod = Literal["interval", "crown_ibp", "crown"]

MAGNITUDE_SPARE = 1.0 + 1e-9
"""Covers the rounding of the magnitudes themselves, whose sums have far fewer than 1e6 terms."""


SHARE = 256
"""Windows that are worth another thread: handing over costs some tens of microseconds."""


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    """Threads beside the caller's, kept by each process: to start them costs as much as 100 windows."""
    return ThreadPoolExecutor(max(1, (os.cpu_count() or 1) - 1))


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

    Methods: "interval" (Gowal et al. 2018); "crown_ibp", lines back from the outputs on interval bounds, and
    "crown", lines for every unstable neuron (Zhang et al. 2020, 2018). Each is met with those before it, so
    it is never wider than "interval".
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
        self.first_b = w @ offset + b
        size = np.abs(w) @ np.abs(matrix)
        input_size = size.max(axis=0) * MAGNITUDE_SPARE
        wide = 16.0 * (raw_terms + n + m + 8.0) * UNIT
        self.reach = reach * (1.0 + wide)
        constant = float((np.abs(w) @ np.abs(offset) + np.abs(b)).max()) + float(input_size @ self.reach)
        radius = (np.abs(self.first) @ self.reach) * (1.0 + wide)
        box = [radius, self.reach, input_size, np.array([constant * MAGNITUDE_SPARE, wide])]
        weights, biases = [self.first, *network.weights[1:]], [self.first_b, *network.biases[1:]]
        norms = np.array([np.abs(x).sum(axis=1).max() for x in weights]) * MAGNITUDE_SPARE
        steepest = np.array([np.abs(x).max() for x in weights])
        biggest = np.array([np.abs(x).max() for x in biases])
        bounds = [norms, steepest, biggest]
        self._values, self._layout = pack(weights, biases, bounds, box, int(raw_terms + n + m))
        self._first_t = np.ascontiguousarray(self.first.T)
        self._sizes = np.array([n, *(len(x) for x in weights)])
        self._one = self._scratch(1)
        self._many = [self._one]
        self._out = np.empty((1, network.outputs, 2))
        self._first: Floats = self._out[0]

    def _scratch(self, windows: int) -> tuple[Floats, NDArray[np.int64]]:
        """(space, used) of the kernels."""
        widest = int(self._sizes.max())
        rows = open_scratch(len(self._sizes) - 1, widest, windows).rising + 1
        return on_line(rows, self._values.shape[1]), np.empty(2 * widest, np.int64)

    def outputs(self, centre: Floats, method: BoundMethod, size: Floats | None = None) -> Floats:
        """Bounds of every output over |u - centre| <= reach: (outputs, 2), overwritten by the next call.

        centre: (n,); size: (n,) mean magnitude of the raw samples behind each input, default |centre|.
        """
        self._run(method, centre, centre if size is None else size, self._one, self._out)
        return self._first

    def batch(
        self, centres: Floats, method: BoundMethod, sizes: Floats | None = None, parallel: bool = False
    ) -> Floats:
        """Bounds of many windows, centres and sizes (w, n): (w, outputs, 2). Parallel over windows only, on
        as many cores as there are shares of ``SHARE``; same bits."""
        windows, n = centres.shape
        flat = np.ascontiguousarray(centres).ravel()
        size = flat if sizes is None else np.ascontiguousarray(sizes).ravel()
        out = np.empty((windows, *self._out.shape[1:]))
        blocks = -(-windows // BLOCK)
        parts = max(1, min(os.cpu_count() or 1, windows // SHARE)) if parallel else 1
        if len(self._many) < parts or self._many[0] is self._one:
            self._many = [self._scratch(BLOCK) for _ in range(parts)]

        def run(part: int) -> None:
            a, b = (BLOCK * (blocks * end // parts) for end in (part, part + 1))
            self._run(method, flat[a * n : b * n], size[a * n : b * n], self._many[part], out[a:b])

        others = [_pool(os.getpid()).submit(run, part) for part in range(1, parts)]
        run(0)
        for other in others:
            other.result()
        return out

    def _run(
        self,
        method: BoundMethod,
        centres: Floats,
        sizes: Floats,
        scratch: tuple[Floats, NDArray[np.int64]],
        out: Floats,
    ) -> None:
        if method == "interval":
            kernels.intervals(self._values, self._layout, centres, sizes, *scratch, out)
        else:
            crown = method == "crown"
            linear_kernels.lines(self._values, self._layout, crown, centres, sizes, *scratch, out)

    def interval(self, centre: Floats, size: Floats | None = None) -> Range:
        """Interval bound of the only logit; see ``outputs``."""
        low, high = self.outputs(centre, "interval", size)[0].tolist()
        return Range(low, high)

    def linear(self, centre: Floats, size: Floats | None = None) -> Range:
        """Linear bound (CROWN-IBP) of the only logit, never wider than the interval bound."""
        low, high = self.outputs(centre, "crown_ibp", size)[0].tolist()
        return Range(low, high)

    def intervals(self, centres: Floats, sizes: Floats | None = None, parallel: bool = False) -> Floats:
        """Interval bounds of the only logit for many windows: (w, n) -> (w, 2)."""
        return self.batch(centres, "interval", sizes, parallel)[:, 0]

    def logit(self, centre: Floats) -> float:
        """Plain evaluation at one point."""
        return float(self.logits(centre[None, :])[0])

    def logits(self, centres: Floats) -> Floats:
        """Plain evaluation of the only logit: (w, n) -> (w,)."""
        a = centres @ self._first_t + self.first_b
        for w, b in zip(self.network.weights[1:], self.network.biases[1:], strict=True):
            a = np.maximum(a, 0.0) @ w.T + b
        out: Floats = a[:, 0]
        return out
