"""Numba kernels of the interval bound (Gowal et al. 2018); private, unvalidated, no allocation.

Every bound is widened by theta(n) * magnitude, which covers the rounding of the bound's own arithmetic and
that of *any* evaluation of the network in binary64 (docs/certificates.md). Windows of a batch share a matrix
product in the first layer; behind it each goes its own way and skips neurons that are off.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.bounds.packing import (
    Layers,
    Reach,
    Scratch,
    neurons_before,
    open_network,
    open_scratch,
    row,
    weights_before,
)
from detectors.bounds.rounding import FLOOR, SPARE, theta
from detectors.bounds.sum_kernels import absolute_dot, add_rows, add_spans, dot, total

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NARROW = 8
"""A layer with fewer outputs is summed along its inputs."""
FEW = 8
"""Fewer rows than this are multiplied one by one, more by BLAS."""
BLOCK = 64
"""Windows bounded at once: their values and the weights fit into the second level of cache."""


@njit(cache=True)  # type: ignore[untyped-decorator]
def product(a: Floats, weights: Floats, out: Floats, rows: int) -> None:
    """out = a @ weights by BLAS, all three flat; ``rows`` rows in a."""
    m = len(out) // rows
    n = len(weights) // m
    np.dot(a.reshape((rows, n)), weights.reshape((n, m)), out.reshape((rows, m)))


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def ends_of(flat: Floats, layer: int, net: Layers, s: Scratch) -> Floats:
    """Lower or upper ends of one layer, (windows, neurons) flat."""
    start = s.windows * neurons_before(net.sizes, layer)
    return flat[start : start + s.windows * net.sizes[layer]]


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def first_layer(net: Layers, box: Reach, centres: Floats, sizes: Floats, s: Scratch) -> None:
    """Bounds of the composed first layer over boxes about the centres; centres, sizes: (windows, n),
    flat."""
    n, m = net.sizes[0], net.sizes[1]
    z, high, weights = ends_of(s.low, 1, net, s), ends_of(s.high, 1, net, s), net.forward[: n * m]
    if s.windows < FEW:
        z[:] = 0.0
        for w in range(s.windows):
            add_rows(weights, row(centres, w, n), row(z, w, m))
    else:
        product(centres, weights, z, s.windows)
    for w in range(s.windows):
        big = absolute_dot(row(sizes, w, n), box.input_size) * (1.0 + theta(n)) + box.constant
        error = box.wide * big
        s.magnitude[s.windows + w], s.error[s.windows + w] = big, error
        open_box(row(z, w, m), row(high, w, m), net.biases[:m], box.radius, error)


@njit(cache=True)  # type: ignore[untyped-decorator]
def open_box(z: Floats, high: Floats, bias: Floats, radius: Floats, error: float) -> None:
    """From products z to lower ends, in place, and upper ends."""
    for j in range(len(z)):
        middle, r = z[j] + bias[j], (radius[j] + error) * SPARE + FLOOR
        z[j], high[j] = middle - r, middle + r


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def next_layer(layer: int, window: int, net: Layers, s: Scratch) -> None:
    """Interval bounds of ``layer`` (from 2) from those of the layer before, its ReLU included."""
    n, m, at = net.sizes[layer - 1], net.sizes[layer], layer * s.windows + window
    wide = theta(n)
    high = row(ends_of(s.high, layer - 1, net, s), window, n)
    mid, rad = s.one[:n], s.two[:n]
    pass_relu(row(ends_of(s.low, layer - 1, net, s), window, n), high, wide, mid, rad)
    s.magnitude[at] = (net.steepest[layer - 1] * total(mid, rad) + net.biggest[layer - 1]) * (1.0 + wide)
    grown = net.norms[layer - 1] * s.error[at - s.windows] + wide * s.magnitude[at]
    s.error[at] = grown * (1.0 + wide) + FLOOR
    z, r = row(ends_of(s.low, layer, net, s), window, m), row(ends_of(s.high, layer, net, s), window, m)
    start = weights_before(net.sizes, layer)
    if m < NARROW:
        weights = net.backward[start : start + n * m]
        for j in range(m):
            z[j], r[j] = dot(row(weights, j, n), mid), absolute_dot(row(weights, j, n), rad)
    else:
        z[:] = 0.0
        r[:] = 0.0
        add_spans(net.forward[start : start + n * m], s.used, live(high, s.used), mid, rad, z, r)
    out = neurons_before(net.sizes, layer)
    close_box(z, r, net.biases[out : out + m], wide)


@njit(cache=True)  # type: ignore[untyped-decorator]
def pass_relu(low: Floats, high: Floats, wide: float, mid: Floats, rad: Floats) -> None:
    """Midpoint and radius behind the ReLU; the radius with its share of the next layer's rounding."""
    for i in range(len(low)):
        # NaN must go on: it is neither on nor off.
        hi = 0.0 if high[i] <= 0.0 else high[i]
        lo = 0.0 if low[i] <= 0.0 else low[i]
        middle = 0.5 * (lo + hi)
        above, below = hi - middle, middle - lo
        reach = above if above > below else below
        mid[i] = middle
        rad[i] = reach + wide * ((middle + reach) * SPARE)


@njit(cache=True)  # type: ignore[untyped-decorator]
def close_box(z: Floats, r: Floats, bias: Floats, wide: float) -> None:
    """From products to lower and upper ends, in place."""
    for j in range(len(z)):
        middle = z[j] + bias[j]
        reach = (r[j] + wide * abs(bias[j])) * (1.0 + wide) * SPARE + FLOOR
        z[j], r[j] = middle - reach, middle + reach


@njit(cache=True)  # type: ignore[untyped-decorator]
def live(high: Floats, used: Ints) -> int:
    """List the neurons that are not off, and count; no branch that a processor would have to foresee."""
    count = 0
    for i in range(len(high)):
        used[count] = i
        count += not high[i] <= 0.0
    return count


@njit(cache=True)  # type: ignore[untyped-decorator]
def take_outputs(net: Layers, s: Scratch, out: Floats) -> None:
    """Bounds of the last layer into out (windows, outputs, 2)."""
    m = net.sizes[-1]
    first = len(s.low) - s.windows * m
    for w in range(s.windows):
        for j in range(m):
            out[w, j, 0], out[w, j, 1] = s.low[first + w * m + j], s.high[first + w * m + j]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def intervals(
    values: Floats, layout: Ints, centres: Floats, sizes: Floats, space: Floats, used: Ints, out: Floats
) -> None:
    """Interval bounds of windows: out (windows, outputs, 2); centres, sizes: (windows, n), flat."""
    net, box = open_network(values, layout)
    n = net.sizes[0]
    for a in range(0, len(out), BLOCK):
        b = min(a + BLOCK, len(out))
        s = open_scratch(space, used, net.sizes, b - a)
        first_layer(net, box, centres[a * n : b * n], sizes[a * n : b * n], s)
        for w in range(b - a):
            for layer in range(2, len(net.sizes)):
                next_layer(layer, w, net, s)
        take_outputs(net, s, out[a:b])
