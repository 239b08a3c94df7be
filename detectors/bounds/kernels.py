"""Numba kernels of the interval and linear bounds; private, unvalidated, no allocation, no fastmath.

Names: n inputs (reduced window), h1 neurons of the first layer. The first layer arrives composed with the
feature map, transposed: ``first_t[t, j]`` so that inner loops run over neurons and vectorise without
reordering any sum. Deeper layers are packed in ``flat`` one after the other, transposed in the same way;
``sizes`` = (h1, h2, ..., 1). Hidden activations are ReLU, the last layer is linear.

Every bound is widened by theta(n) * magnitude, with theta(n) = 16 (n + 8) 2**-53, which covers both the
rounding of the bound's own arithmetic and that of *any* evaluation of the network in binary64, in any order
of summation (docs/certificates.md derives it; Higham 2002, section 3.1; interval rules Gowal et al. 2018;
linear rules Zhang et al. 2018, CROWN).
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

UNIT = 2.0**-53
FLOOR = 1e-290
"""Added to every radius: far above what underflow can lose, far below anything that matters."""
PROPORTION = 1e15
"""Sums of magnitudes from here on leave the fast path: something further on could overflow."""


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def theta(n: int) -> float:
    """Relative widening for sums of n products."""
    return 16.0 * (n + 8.0) * UNIT


@njit(cache=True)  # type: ignore[untyped-decorator]
def first_layer(
    first_t: Floats,
    first_b: Floats,
    centre: Floats,
    error: float,
    radius: Floats,
    low: Floats,
    high: Floats,
) -> None:
    """Bounds of the composed first layer: first_t.T @ centre + first_b -+ (radius + error), into low, high.

    radius: per neuron, already rounded outward; error: rounding term common to all neurons.
    """
    n, h1 = first_t.shape
    for j in range(h1):
        low[j] = first_b[j]
    for t in range(n):
        x = centre[t]
        for j in range(h1):
            low[j] += first_t[t, j] * x
    for j in range(h1):
        z = low[j]
        r = (radius[j] + error) * (1.0 + 8.0 * UNIT) + FLOOR
        low[j] = z - r
        high[j] = z + r


@njit(cache=True)  # type: ignore[untyped-decorator]
def deeper_layers(
    flat: Floats, biases: Floats, sizes: Ints, low: Floats, high: Floats, magnitude: Floats, scratch: Floats
) -> None:
    """Interval bounds of all layers after the first, given low[:h1], high[:h1] before its ReLU.

    low, high, magnitude: pre-activations of all layers one after the other, length sum(sizes); magnitude is
    sum |W| max|a| + |b|, an upper bound of the size of every partial sum. scratch: 2 * max(sizes).
    """
    start = 0
    at_w = 0
    at_b = 0
    widest = scratch.shape[0] // 2
    for layer in range(1, sizes.shape[0]):
        n, m = sizes[layer - 1], sizes[layer]
        out = start + n
        wide = theta(n)
        for i in range(n):
            lo = max(low[start + i], 0.0)
            hi = max(high[start + i], 0.0)
            mid = 0.5 * (lo + hi)
            scratch[i] = mid
            scratch[widest + i] = max(hi - mid, mid - lo)
        for j in range(m):
            b = biases[at_b + j]
            low[out + j] = b
            high[out + j] = 0.0
            magnitude[out + j] = abs(b)
        for i in range(n):
            mid = scratch[i]
            rad = scratch[widest + i]
            size = (abs(mid) + rad) * (1.0 + 8.0 * UNIT)
            if size == 0.0:
                continue
            row = at_w + i * m
            for j in range(m):
                w = flat[row + j]
                low[out + j] += w * mid
                high[out + j] += abs(w) * rad
                magnitude[out + j] += abs(w) * size
        for j in range(m):
            z = low[out + j]
            big = magnitude[out + j] * (1.0 + wide)
            magnitude[out + j] = big
            r = (high[out + j] + wide * big) * (1.0 + 8.0 * UNIT) + FLOOR
            low[out + j] = z - r
            high[out + j] = z + r
        start = out
        at_w += n * m
        at_b += m


@njit(cache=True)  # type: ignore[untyped-decorator]
def interval_batch(
    products: Floats,
    errors: Floats,
    radius: Floats,
    flat: Floats,
    biases: Floats,
    sizes: Ints,
    out: Floats,
    low: Floats,
    high: Floats,
    magnitude: Floats,
    scratch: Floats,
) -> None:
    """Interval bounds of many windows from their first-layer values: out[w] = (low, high) of the logit.

    products: (windows, h1), the composed first layer at each centre, summed in any order; errors: (windows,).
    """
    last = low.shape[0] - 1
    h1 = products.shape[1]
    for w in range(products.shape[0]):
        for j in range(h1):
            z = products[w, j]
            r = (radius[j] + errors[w]) * (1.0 + 8.0 * UNIT) + FLOOR
            low[j] = z - r
            high[j] = z + r
        deeper_layers(flat, biases, sizes, low, high, magnitude, scratch)
        out[w, 0] = low[last]
        out[w, 1] = high[last]


@njit(cache=True, parallel=True)  # type: ignore[untyped-decorator]
def interval_batch_parallel(
    products: Floats,
    errors: Floats,
    radius: Floats,
    flat: Floats,
    biases: Floats,
    sizes: Ints,
    out: Floats,
    work: Floats,
) -> None:
    """``interval_batch`` with the windows split over parts; each window's result is the same bit for bit.

    work: (parts, 3 * sum(sizes) + 2 * max(sizes)), one row of scratch per part.
    """
    parts = work.shape[0]
    total = products.shape[0]
    length = int(sizes.sum())
    for p in prange(parts):
        a = p * total // parts
        b = (p + 1) * total // parts
        interval_batch(
            products[a:b], errors[a:b], radius, flat, biases, sizes, out[a:b],
            work[p, :length], work[p, length : 2 * length], work[p, 2 * length : 3 * length], work[p, 3 *
            length :],
        )  # fmt: skip


@njit(cache=True)  # type: ignore[untyped-decorator]
def mean_scans(
    values: Floats,
    statuses: Floats,
    newest: int,
    lowest: Floats,
    highest: Floats,
    floor: Floats,
    roof: Floats,
    centre: Floats,
    size: Floats,
) -> int:
    """Mean and mean magnitude over the scans of one window, the fast path.

    values: (scans, columns) MW; statuses: (scans, branches); both in cyclic order of time, ``newest`` the row
    of the latest scan. lowest, highest: (branches,) statuses that surely show the expected topology; floor,
    roof: (columns,) means that are surely plausible. Sums run from the oldest scan on. Writes centre and size
    (mean of |value|), returns 0 if all is there and inside, 1 where a value is not, 2 where a status is not.
    """
    scans, n = values.shape
    outside = 0
    for s in range(scans):
        for b in range(lowest.shape[0]):
            x = statuses[s, b]
            outside += not (x >= lowest[b] and x <= highest[b])
        if outside:
            return 2
    weight = 1.0 / scans
    total = 0.0
    for t in range(n):
        centre[t] = 0.0
        size[t] = 0.0
    row = newest
    for _ in range(scans):
        row = row + 1 if row + 1 < scans else 0
        for t in range(n):
            x = values[row, t] * weight
            centre[t] += x
            size[t] += abs(x)
    for t in range(n):
        total += size[t]
        outside += not (centre[t] >= floor[t] and centre[t] <= roof[t])
    return 0 if outside == 0 and total < PROPORTION else 1
