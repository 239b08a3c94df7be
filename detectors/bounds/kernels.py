"""Numba kernels of the interval bound (Gowal et al. 2018); private, unvalidated, no allocation.

Every bound is widened by theta(n) * magnitude, which covers the rounding of the bound's own arithmetic and
that of *any* evaluation of the network in binary64 (docs/certificates.md). Four windows of a batch share each
weight of the first layer; behind it each goes its own way and skips neurons that are off.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.bounds.packing import (
    Layer,
    Network,
    Scratch,
    layer_of,
    open_network,
    open_scratch,
    read_of,
    row_of,
)
from detectors.bounds.rounding import FLOOR, SPARE, theta
from detectors.bounds.sum_kernels import absolute_dot, add_products, add_spans, clear, dot, total

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NARROW = 8
"""A layer with fewer outputs is summed along its inputs."""
BLOCK = 16
"""Windows bounded at once: what is known of them stays in the first level of cache."""


MAGNITUDE, ERROR = range(2)
"""Columns of ``Scratch.sums``."""


@njit(cache=True)  # type: ignore[untyped-decorator]
def first_layer(
    values: Floats, net: Network, layer: Layer, read: Ints, centres: Floats, sizes: Floats, a: int,
    space: Floats, s: Scratch,
) -> None:  # fmt: skip
    """Bounds of the composed first layer over boxes about the centres; centres, sizes: (all windows, n), the
    block from window a on."""
    n, m = layer.inputs, layer.outputs
    clear(space, s.low, s.windows, m)
    add_products(values, layer.forward, m, read, len(read), centres, a, s.windows, space, s.low)
    for w in range(s.windows):
        big = absolute_dot(sizes, a + w, values, net.input_size, n) * (1.0 + theta(n)) + net.constant
        error = net.wide * big
        space[s.sums + w, MAGNITUDE], space[s.sums + w, ERROR] = big, error
        open_box(values, net.biases, net.radius, error, m, space, s.low + w, s.high + w)


@njit(cache=True)  # type: ignore[untyped-decorator]
def open_box(
    values: Floats, bias: int, radius: int, error: float, m: int, space: Floats, low: int, high: int
) -> None:
    """From products of the first layer in ``low`` to lower ends, in place, and upper ends."""
    for j in range(m):
        middle, r = space[low, j] + values[bias, j], (values[radius, j] + error) * SPARE + FLOOR
        space[low, j], space[high, j] = middle - r, middle + r


@njit(cache=True)  # type: ignore[untyped-decorator]
def next_layer(
    values: Floats,
    net: Network,
    layer: Layer,
    number: int,
    window: int,
    space: Floats,
    s: Scratch,
    used: Ints,
) -> None:
    """Interval bounds of a layer, by its number from 2 on, from those of the layer before, its ReLU
    included."""
    n, m, k, wide = layer.inputs, layer.outputs, number - 1, theta(layer.inputs)
    before, at = row_of(number - 1, window, s), row_of(number, window, s)
    z, r = s.low + at, s.high + at
    pass_relu(space, s.low + before, s.high + before, wide, s.mid, s.rad, n)
    big = (values[net.steepest, k] * total(space, s.mid, s.rad, n) + values[net.biggest, k]) * (1.0 + wide)
    grown = values[net.norms, k] * space[s.sums + before, ERROR] + wide * big
    space[s.sums + at, MAGNITUDE], space[s.sums + at, ERROR] = big, grown * (1.0 + wide) + FLOOR
    if m < NARROW:
        for j in range(m):
            space[z, j] = dot(values, layer.backward + j, space, s.mid, n)
            space[r, j] = absolute_dot(values, layer.backward + j, space, s.rad, n)
    else:
        clear(space, z, 1, m)
        clear(space, r, 1, m)
        count = live(space, s.high + before, n, used)
        add_spans(values, layer.forward, m, used, count, space, s.mid, s.rad, z, r)
    close_box(values, net.biases + k, wide, m, space, z, r)


@njit(cache=True)  # type: ignore[untyped-decorator]
def pass_relu(space: Floats, low: int, high: int, wide: float, mid: int, rad: int, n: int) -> None:
    """Midpoint and radius behind the ReLU; the radius with its share of the next layer's rounding."""
    for i in range(n):
        lo, hi = space[low, i], space[high, i]
        # NaN must go on: it is neither on nor off.
        hi = 0.0 if hi <= 0.0 else hi
        lo = 0.0 if lo <= 0.0 else lo
        middle = 0.5 * (lo + hi)
        above, below = hi - middle, middle - lo
        reach = above if above > below else below
        space[mid, i] = middle
        space[rad, i] = reach + wide * ((middle + reach) * SPARE)


@njit(cache=True)  # type: ignore[untyped-decorator]
def close_box(values: Floats, bias: int, wide: float, m: int, space: Floats, z: int, r: int) -> None:
    """From products to lower and upper ends, in place."""
    for j in range(m):
        b = values[bias, j]
        middle = space[z, j] + b
        reach = (space[r, j] + wide * abs(b)) * (1.0 + wide) * SPARE + FLOOR
        space[z, j], space[r, j] = middle - reach, middle + reach


@njit(cache=True)  # type: ignore[untyped-decorator]
def live(space: Floats, high: int, n: int, used: Ints) -> int:
    """List the neurons that are not off, and count; no branch that a processor would have to foresee."""
    count = 0
    for i in range(n):
        used[count] = i
        count += not space[high, i] <= 0.0
    return count


@njit(cache=True)  # type: ignore[untyped-decorator]
def take_outputs(net: Network, space: Floats, s: Scratch, out: Floats, first: int) -> None:
    """Bounds of the last layer into out (all windows, outputs, 2), from window ``first`` on."""
    for w in range(s.windows):
        at = row_of(net.depth, w, s)
        for j in range(out.shape[1]):
            out[first + w, j, 0], out[first + w, j, 1] = space[s.low + at, j], space[s.high + at, j]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def intervals(
    values: Floats, layout: Ints, centres: Floats, sizes: Floats, space: Floats, used: Ints, out: Floats
) -> None:
    """Interval bounds of windows: out (windows, outputs, 2); centres, sizes: (windows, n), flat."""
    net, read = open_network(values, layout), read_of(layout)
    shape = (len(out), net.inputs)
    centre, size = centres.reshape(shape), sizes.reshape(shape)
    for a in range(0, len(out), BLOCK):
        s = open_scratch(net.depth, len(used) // 2, min(BLOCK, len(out) - a))
        first_layer(values, net, layer_of(layout, 1), read, centre, size, a, space, s)
        for number in range(2, net.depth + 1):
            layer = layer_of(layout, number)
            for w in range(s.windows):
                next_layer(values, net, layer, number, w, space, s, used)
        take_outputs(net, space, s, out, a)
