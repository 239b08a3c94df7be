"""Numba kernels of the interval bound (Gowal et al. 2018); private, unvalidated, no allocation.

Every bound is widened by theta(n) * magnitude, which covers the rounding of the bound's own arithmetic and
that of *any* evaluation of the network in binary64 (docs/certificates.md).
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from detectors.bounds.packing import Layers, Reach, Scratch, open_network, open_scratch
from detectors.bounds.rounding import FLOOR, SPARE, theta
from detectors.bounds.sum_kernels import absolute_dot, add_rows, add_spans, dot, total

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NARROW = 8
"""A layer with fewer outputs is summed along its inputs."""


@njit(cache=True)  # type: ignore[untyped-decorator]
def first_values(net: Layers, centre: Floats, z: Floats) -> None:
    """Composed first layer at the centre of the box, into z (h1,)."""
    n, h1 = net.sizes[0], net.sizes[1]
    for j in range(h1):
        z[j] = net.biases[j]
    add_rows(net.forward[: n * h1].reshape((n, h1)), centre, z)


@njit(cache=True)  # type: ignore[untyped-decorator]
def first_magnitude(box: Reach, size: Floats) -> float:
    """Bound on every partial sum of the first layer over the box; |size| >= sum |raw weight * raw
    value|."""
    return float(absolute_dot(size, box.input_size) * (1.0 + theta(len(size))) + box.constant)


@njit(cache=True)  # type: ignore[untyped-decorator]
def first_layer(z: Floats, big: float, box: Reach, s: Scratch) -> None:
    """Bounds of the first layer from its values z (h1,) at the centre and its magnitude ``big``."""
    error = box.wide * big
    s.magnitude[1], s.error[1] = big, error
    for j in range(len(box.radius)):
        r = (box.radius[j] + error) * SPARE + FLOOR
        s.low[j], s.high[j] = z[j] - r, z[j] + r


@njit(cache=True)  # type: ignore[untyped-decorator]
def next_layer(layer: int, net: Layers, s: Scratch) -> None:
    """Interval bounds of ``layer`` (from 2) from those of the layer before, its ReLU included."""
    n, m = net.sizes[layer - 1], net.sizes[layer]
    at_w, out = 0, 0
    for k in range(1, layer):
        at_w += net.sizes[k - 1] * net.sizes[k]
        out += net.sizes[k]
    low, high, mid, rad = s.low[out - n : out], s.high[out - n : out], s.work[0], s.work[1]
    wide = theta(n)
    size = s.work[2]
    for i in range(n):
        # NaN must go on: it is neither on nor off.
        hi = 0.0 if high[i] <= 0.0 else high[i]
        lo = 0.0 if low[i] <= 0.0 else low[i]
        mid[i] = 0.5 * (lo + hi)
        reach = max(hi - mid[i], mid[i] - lo)
        size[i] = (mid[i] + reach) * SPARE
        rad[i] = reach + wide * size[i]
    z, r = s.low[out : out + m], s.high[out : out + m]
    for j in range(m):
        z[j] = net.biases[out + j]
        r[j] = wide * abs(z[j])
    if m < NARROW:
        for j in range(m):
            row = net.backward[at_w + j * n : at_w + (j + 1) * n]
            z[j] += dot(row, mid[:n])
            r[j] += absolute_dot(row, rad[:n])
    else:
        count = live(high, s.used)
        add_spans(net.forward[at_w : at_w + n * m].reshape((n, m)), s.used, count, mid, rad, z, r)
    for j in range(m):
        middle = z[j]
        reach = r[j] * (1.0 + wide) * SPARE + FLOOR
        z[j], r[j] = middle - reach, middle + reach
    steepest = net.steepest[layer - 1]
    s.magnitude[layer] = (steepest * total(size[:n]) + net.biggest[layer - 1]) * (1.0 + wide)
    s.error[layer] = (net.norms[layer - 1] * s.error[layer - 1] + wide * s.magnitude[layer]) * (
        1.0 + wide
    ) + FLOOR


@njit(cache=True)  # type: ignore[untyped-decorator]
def live(high: Floats, used: Ints) -> int:
    """List the neurons that are not off, and count them; no branch that a processor would have to foresee."""
    count = 0
    for i in range(len(high)):
        used[count] = i
        count += not high[i] <= 0.0
    return count


@njit(cache=True)  # type: ignore[untyped-decorator]
def all_layers(z: Floats, big: float, net: Layers, box: Reach, s: Scratch) -> None:
    """Interval bounds of every layer from the first one's values."""
    first_layer(z, big, box, s)
    for layer in range(2, len(net.sizes)):
        next_layer(layer, net, s)


@njit(cache=True)  # type: ignore[untyped-decorator]
def interval_one(
    values: Floats, layout: Ints, centre: Floats, size: Floats, space: Floats, used: Ints, out: Floats
) -> None:
    """Interval bounds of one window, centre and size (n,): out (outputs, 2)."""
    net, box = open_network(values, layout)
    s = open_scratch(space, used, net.sizes)
    z = s.work[4, : net.sizes[1]]
    first_values(net, centre, z)
    all_layers(z, first_magnitude(box, size), net, box, s)
    take_outputs(s, out)


@njit(cache=True)  # type: ignore[untyped-decorator]
def take_outputs(s: Scratch, out: Floats) -> None:
    """Bounds of the last layer into out (outputs, 2)."""
    first = len(s.low) - len(out)
    for j in range(len(out)):
        out[j, 0], out[j, 1] = s.low[first + j], s.high[first + j]


@njit(cache=True)  # type: ignore[untyped-decorator]
def interval_batch(
    values: Floats, layout: Ints, products: Floats, sizes: Floats, space: Floats, used: Ints, out: Floats
) -> None:
    """Interval bounds of many windows: out (windows, outputs, 2).

    products (windows, h1): the composed first layer at each centre, summed in any order; sizes (windows, n).
    """
    net, box = open_network(values, layout)
    s = open_scratch(space, used, net.sizes)
    for w in range(products.shape[0]):
        all_layers(products[w], first_magnitude(box, sizes[w]), net, box, s)
        take_outputs(s, out[w])


@njit(cache=True, parallel=True)  # type: ignore[untyped-decorator]
def interval_batch_parallel(
    values: Floats, layout: Ints, products: Floats, sizes: Floats, space: Floats, used: Ints, out: Floats
) -> None:
    """``interval_batch`` with the windows split over parts, each with a row of ``space`` and ``used``; each
    window's result is the same bit for bit."""
    parts, total = space.shape[0], products.shape[0]
    for p in prange(parts):
        a, b = p * total // parts, (p + 1) * total // parts
        interval_batch(values, layout, products[a:b], sizes[a:b], space[p], used[p], out[a:b])
