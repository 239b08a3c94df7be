"""Numba kernels of the interval bound (Gowal et al. 2018); private, unvalidated, no allocation.

Every bound is widened by theta(n) * magnitude, which covers the rounding of the bound's own arithmetic and
that of *any* evaluation of the network in binary64 (docs/certificates.md). A few windows go one after the
other and skip neurons that are off; many share one matrix product, which reads the weights once.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.bounds.packing import (
    Layers,
    Reach,
    Scratch,
    matrix,
    neurons_before,
    open_network,
    open_scratch,
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


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def layer_bounds(layer: int, net: Layers, s: Scratch) -> tuple[Floats, Floats]:
    """Lower and upper ends of one layer, (windows, neurons) each."""
    start, m = s.windows * neurons_before(net.sizes, layer), net.sizes[layer]
    return matrix(s.low, start, s.windows, m), matrix(s.high, start, s.windows, m)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def first_layer(net: Layers, box: Reach, centres: Floats, sizes: Floats, s: Scratch) -> None:
    """Bounds of the composed first layer over boxes about the centres; centres, sizes: (windows, n)."""
    n, m = net.sizes[0], net.sizes[1]
    z, high = layer_bounds(1, net, s)
    weights = matrix(net.forward, 0, n, m)
    if s.windows < FEW:
        z[:] = 0.0
        for w in range(s.windows):
            add_rows(weights, centres[w], z[w])
    else:
        np.dot(centres, weights, z)
    for w in range(s.windows):
        big = absolute_dot(sizes[w], box.input_size) * (1.0 + theta(n)) + box.constant
        s.magnitude[1, w], s.error[1, w] = big, box.wide * big
        open_box(z[w], high[w], net.biases[:m], box.radius, box.wide * big)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def open_box(z: Floats, high: Floats, bias: Floats, radius: Floats, error: float) -> None:
    """From products z to lower ends, in place, and upper ends."""
    for j in range(len(z)):
        middle, r = z[j] + bias[j], (radius[j] + error) * SPARE + FLOOR
        z[j], high[j] = middle - r, middle + r


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def next_layer(layer: int, net: Layers, s: Scratch) -> None:
    """Interval bounds of ``layer`` (from 2) from those of the layer before, its ReLU included."""
    n, m = net.sizes[layer - 1], net.sizes[layer]
    out = neurons_before(net.sizes, layer)
    low, high = layer_bounds(layer - 1, net, s)
    mid, rad = matrix(s.one, 0, s.windows, n), matrix(s.two, 0, s.windows, n)
    wide = theta(n)
    for w in range(s.windows):
        pass_relu(low[w], high[w], wide, mid[w], rad[w])
        size = net.steepest[layer - 1] * total(mid[w], rad[w]) + net.biggest[layer - 1]
        s.magnitude[layer, w] = size * (1.0 + wide)
        s.error[layer, w] = (
            net.norms[layer - 1] * s.error[layer - 1, w] + wide * s.magnitude[layer, w]
        ) * (1.0 + wide) + FLOOR
    multiply(layer, net, s)
    z, r = layer_bounds(layer, net, s)
    for w in range(s.windows):
        close_box(z[w], r[w], net.biases[out : out + m], wide)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
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


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def multiply(layer: int, net: Layers, s: Scratch) -> None:
    """z = mid @ W.T, r = rad @ |W|.T for each window, into the place of the layer's bounds."""
    n, m = net.sizes[layer - 1], net.sizes[layer]
    mid, rad = matrix(s.one, 0, s.windows, n), matrix(s.two, 0, s.windows, n)
    z, r = layer_bounds(layer, net, s)
    start = weights_before(net.sizes, layer)
    forward = matrix(net.forward, start, n, m)
    if s.windows >= FEW:
        np.dot(mid, forward, z)
        np.dot(rad, matrix(net.absolute, start, n, m), r)
        return
    rows, high = matrix(net.backward, start, m, n), layer_bounds(layer - 1, net, s)[1]
    for w in range(s.windows):
        if m < NARROW:
            for j in range(m):
                z[w, j], r[w, j] = dot(rows[j], mid[w]), absolute_dot(rows[j], rad[w])
        else:
            z[w], r[w] = 0.0, 0.0
            add_spans(forward, s.used, live(high[w], s.used), mid[w], rad[w], z[w], r[w])


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def close_box(z: Floats, r: Floats, bias: Floats, wide: float) -> None:
    """From products to lower and upper ends, in place."""
    for j in range(len(z)):
        middle = z[j] + bias[j]
        reach = (r[j] + wide * abs(bias[j])) * (1.0 + wide) * SPARE + FLOOR
        z[j], r[j] = middle - reach, middle + reach


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def live(high: Floats, used: Ints) -> int:
    """List the neurons that are not off, and count; no branch that a processor would have to foresee."""
    count = 0
    for i in range(len(high)):
        used[count] = i
        count += not high[i] <= 0.0
    return count


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
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
    """Interval bounds of windows, centres and sizes (windows, n): out (windows, outputs, 2)."""
    net, box = open_network(values, layout)
    for a in range(0, len(centres), BLOCK):
        b = min(a + BLOCK, len(centres))
        s = open_scratch(space, used, net.sizes, b - a)
        first_layer(net, box, centres[a:b], sizes[a:b], s)
        for layer in range(2, len(net.sizes)):
            next_layer(layer, net, s)
        take_outputs(net, s, out[a:b])
