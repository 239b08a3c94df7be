"""Numba kernels of the linear bounds (Zhang et al. 2018, CROWN); private, unvalidated, no allocation.

A row of coefficients is a linear lower bound of one value over one window's box; an upper bound is the lower
one of the value's negative. Each unstable ReLU is replaced by one line below (slope 0 or 1, both exact) and
one above, h / (h - l) (z - l) with the slope rounded up; the coefficients that come out are taken as they
are, for any slope from 0 to 1 below and any from the true one above is valid. What rounding may take
elsewhere is charged to the row's slack (docs/certificates.md).
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.bounds.kernels import (
    BLOCK,
    ERROR,
    MAGNITUDE,
    first_layer,
    live,
    next_layer,
    take_outputs,
)
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
from detectors.bounds.rounding import FLOOR, SPARE, UNIT, theta
from detectors.bounds.sum_kernels import absolute_dot, add_products, clear, constants, dot

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CONSTANT, SIZE, SLACK, LEAST = range(4)
"""Columns of ``Scratch.ends``: constant, magnitude, slack, lowest value."""


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def slopes(space: Floats, low: int, high: int, falling: int, rising: int, n: int) -> None:
    """Slopes of the lines that replace each ReLU of one layer under a coefficient below 0, and under others.

    Conditions choose values only, so that the loop becomes vectors. NaN is neither on nor off and stays. An
    interval so wide that its width overflows has slope 1.
    """
    for j in range(n):
        lo, hi = space[low, j], space[high, j]
        below = 0.0 if lo >= 0.0 else lo
        above = 1.0 if hi <= 0.0 else hi
        width = above - below
        steep = 1.0 if width == np.inf else above / width * SPARE
        flat = 0.0 if above <= -below else 1.0
        steep = 1.0 if lo >= 0.0 else steep
        flat = 1.0 if lo >= 0.0 else flat
        space[falling, j] = 0.0 if hi <= 0.0 else steep
        space[rising, j] = 0.0 if hi <= 0.0 else flat


@njit(cache=True)  # type: ignore[untyped-decorator]
def relax(space: Floats, p: int, falling: int, rising: int, n: int) -> None:
    """Carry the coefficients in row p of a lower bound through the ReLU of one layer, in place, but for its
    constant."""
    for j in range(n):
        x, under, over = space[p, j], space[falling, j], space[rising, j]
        space[p, j] = x * (under if x < 0.0 else over)


@njit(cache=True)  # type: ignore[untyped-decorator]
def pass_layer(
    values: Floats, bias: int, layer: Layer, charge: float, at: int, rows: int, p: int, q: int,
    space: Floats, s: Scratch, used: Ints,
) -> None:  # fmt: skip
    """Coefficients of the neurons of a layer, from row p on, to those of its inputs, from row q on; constants
    and rounding to their ends. at: row of the layer and window; charge: relative rounding of the layer."""
    m, low, high, big = layer.outputs, s.low + at, s.high + at, space[s.sums + at, MAGNITUDE]
    slopes(space, low, high, s.falling, s.rising, m)
    for r in range(rows):
        relax(space, p + r, s.falling, s.rising, m)
        constant, pulled, size = constants(space, p + r, low, values, bias, m)
        space[s.ends + r, CONSTANT] += constant - pulled
        space[s.ends + r, SIZE] += pulled + size * big
        space[s.ends + r, SLACK] += charge * (size * big)
    clear(space, q, rows, layer.inputs)
    count = live(space, high, m, used)
    add_products(values, layer.backward, layer.inputs, used, count, space, p, rows, space, q)


@njit(cache=True)  # type: ignore[untyped-decorator]
def descend(
    values: Floats, layout: Ints, net: Network, top: int, window: int, rows: int, space: Floats, s: Scratch,
    used: Ints, centres: Floats, a: int,
) -> None:  # fmt: skip
    """Least values of rows of coefficients of the layer before ``top``, from ``s.one`` on, into their ends;
    centres[a]: of the window's box."""
    here, there, terms, n = s.one, s.two, net.inputs, net.inputs
    for number in range(1, net.depth + 1):
        terms += layer_of(layout, number).outputs
    for number in range(top - 1, 0, -1):
        layer, at = layer_of(layout, number), row_of(number, window, s)
        charge = theta((net.width if number == 1 else layer.inputs) + layer.outputs)
        pass_layer(values, net.biases + number - 1, layer, charge, at, rows, here, there, space, s, used)
        here, there = there, here
    wide = theta(terms)
    for r in range(rows):
        lost = space[s.ends + r, SLACK] + wide * space[s.ends + r, SIZE]
        least = space[s.ends + r, CONSTANT] + dot(space, here + r, centres, a, n)
        least -= absolute_dot(space, here + r, values, net.reach, n)
        space[s.ends + r, LEAST] = least - (lost * (1.0 + wide) + FLOOR)


@njit(cache=True)  # type: ignore[untyped-decorator]
def tighten(
    values: Floats, layout: Ints, net: Network, number: int, window: int, space: Floats, s: Scratch,
    used: Ints, neurons: Ints, centres: Floats, a: int,
) -> None:  # fmt: skip
    """Meet the interval bounds of a layer, by its number from 2 on, with linear ones where the sign is open,
    and at the outputs everywhere. The layer's error is added, so that evaluations are covered too."""
    at, layer = row_of(number, window, s), layer_of(layout, number)
    low, high = s.low + at, s.high + at
    count = choose(number == net.depth, space, low, high, layer.outputs, neurons)
    if count == 0:
        return
    start_rows(
        values, net.biases + number - 1, layer, neurons, count, space[s.sums + at, MAGNITUDE], space, s
    )
    descend(values, layout, net, number, window, 2 * count, space, s, used, centres, a)
    error = space[s.sums + at, ERROR] * SPARE
    for k in range(count):
        j = neurons[k]
        least = space[s.ends + 2 * k, LEAST] - error
        most = error - space[s.ends + 2 * k + 1, LEAST]
        least -= abs(least) * 4.0 * UNIT
        most += abs(most) * 4.0 * UNIT
        # A comparison with NaN keeps the interval.
        space[low, j] = least if least > space[low, j] else space[low, j]
        space[high, j] = most if most < space[high, j] else space[high, j]


@njit(cache=True)  # type: ignore[untyped-decorator]
def start_rows(
    values: Floats, bias: int, layer: Layer, neurons: Ints, count: int, big: float, space: Floats, s: Scratch
) -> None:
    """Neurons of a layer and their negatives as rows from ``s.one`` on; big: magnitude of the layer."""
    n = layer.inputs
    for k in range(count):
        j, r, end = neurons[k], s.one + 2 * k, s.ends + 2 * k
        for i in range(n):
            weight = values[layer.backward + j, i]
            space[r, i], space[r + 1, i] = weight, -weight
        space[end, CONSTANT], space[end + 1, CONSTANT] = values[bias, j], -values[bias, j]
        space[end, SIZE] = space[end + 1, SIZE] = big
        space[end, SLACK] = space[end + 1, SLACK] = theta(n) * big


@njit(cache=True)  # type: ignore[untyped-decorator]
def choose(every: bool, space: Floats, low: int, high: int, m: int, neurons: Ints) -> int:
    """List the neurons whose sign is open, or all of them, and count."""
    count = 0
    for j in range(m):
        neurons[count] = j
        count += every or (space[low, j] < 0.0 and space[high, j] > 0.0)
    return count


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def lines(
    values: Floats,
    layout: Ints,
    every_layer: bool,
    centres: Floats,
    sizes: Floats,
    space: Floats,
    used: Ints,
    out: Floats,
) -> None:
    """Bounds of the outputs by lines, met with intervals: out (windows, outputs, 2); centres, sizes:
    (windows, n), flat. every_layer: CROWN; else CROWN-IBP (Zhang et al. 2020), which has interval bounds
    inside."""
    net, read = open_network(values, layout), read_of(layout)
    shape, widest = (len(out), net.inputs), len(used) // 2
    centre, size, neurons = centres.reshape(shape), sizes.reshape(shape), used[widest:]
    for a in range(0, len(out), BLOCK):
        s = open_scratch(net.depth, widest, min(BLOCK, len(out) - a))
        first_layer(values, net, layer_of(layout, 1), read, centre, size, a, space, s)
        for number in range(2, net.depth + 1):
            layer = layer_of(layout, number)
            for w in range(s.windows):
                next_layer(values, net, layer, number, w, space, s, used)
                if every_layer or number == net.depth:
                    tighten(values, layout, net, number, w, space, s, used, neurons, centre, a + w)
        take_outputs(net, space, s, out, a)
