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
    FEW,
    ends_of,
    first_layer,
    live,
    next_layer,
    product,
    take_outputs,
)
from detectors.bounds.packing import (
    ENDS,
    Layers,
    Reach,
    Scratch,
    neurons_before,
    open_network,
    open_scratch,
    row,
    weights_before,
)
from detectors.bounds.rounding import FLOOR, SPARE, UNIT, theta
from detectors.bounds.sum_kernels import absolute_dot, absolute_total, add_fours, add_pairs, dot, negative_dot

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CONSTANT, MAGNITUDE, SLACK, LEAST = range(ENDS)
"""Columns of ``Scratch.ends``."""


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def relax(low: Floats, high: Floats, p: Floats) -> None:
    """Carry coefficients p of a lower bound through the ReLU of one layer, in place, but for its constant.

    Conditions choose values only, so that the loop becomes vectors. NaN is neither on nor off and stays.
    """
    for j in range(len(p)):
        below = 0.0 if low[j] >= 0.0 else low[j]
        above = 1.0 if high[j] <= 0.0 else high[j]
        steep = above / (above - below) * SPARE
        flat = 0.0 if above <= -below else 1.0
        slope = steep if p[j] < 0.0 else flat
        slope = 1.0 if low[j] >= 0.0 else slope
        p[j] = 0.0 if high[j] <= 0.0 else p[j] * slope


@njit(cache=True)  # type: ignore[untyped-decorator]
def account(low: Floats, bias: Floats, p: Floats, charge: float, big: float, ends: Floats) -> None:
    """Add one layer's constants and rounding to a row's ends; p: its coefficients behind the ReLU; charge:
    relative rounding of the layer; big: bound on every partial sum of it."""
    pulled, reached = negative_dot(p, low), absolute_total(p) * big
    ends[CONSTANT] += dot(p, bias) - pulled
    ends[MAGNITUDE] += pulled + reached
    ends[SLACK] += charge * reached


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def carry(layer: int, window: int, rows: int, net: Layers, s: Scratch, p: Floats, q: Floats) -> None:
    """q = p @ W of ``layer``; p: (rows, neurons) flat, zero where neurons are off; q: (rows, inputs) flat. A
    few rows skip those neurons."""
    m, before, start = net.sizes[layer], net.sizes[layer - 1], weights_before(net.sizes, layer)
    weights = net.backward[start : start + m * before]
    if rows >= FEW:
        product(p[: rows * m], weights, q[: rows * before], rows)
        return
    q[: rows * before] = 0.0
    count = live(row(ends_of(s.high, layer, net, s), window, m), s.used)
    fours = rows // 4
    for f in range(fours):
        add_fours(weights, s.used, count, row(p, f, 4 * m), row(q, f, 4 * before))
    for r in range(4 * fours, rows, 2):
        a, b, at, bt = row(p, r, m), row(p, r + 1, m), row(q, r, before), row(q, r + 1, before)
        add_pairs(weights, s.used, count, a, b, at, bt)


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def descend(top: int, window: int, rows: int, net: Layers, box: Reach, centre: Floats, s: Scratch) -> None:
    """Least values of rows of coefficients of the layer before ``top``, which lie in ``s.one``, into
    ``s.ends``."""
    here, there = s.one, s.two
    for layer in range(top - 1, 0, -1):
        m, before = net.sizes[layer], net.sizes[layer - 1]
        low = row(ends_of(s.low, layer, net, s), window, m)
        high = row(ends_of(s.high, layer, net, s), window, m)
        start = neurons_before(net.sizes, layer)
        bias, big = net.biases[start : start + m], s.magnitude[layer * s.windows + window]
        charge = theta((box.width if layer == 1 else before) + m)
        for r in range(rows):
            p = row(here, r, m)
            relax(low, high, p)
            account(low, bias, p, charge, big, row(s.ends, r, ENDS))
        carry(layer, window, rows, net, s, here, there)
        here, there = there, here
    n = net.sizes[0]
    wide = theta(n + len(net.biases))
    for r in range(rows):
        p, ends = row(here, r, n), row(s.ends, r, ENDS)
        lost = ends[SLACK] + wide * ends[MAGNITUDE]
        least = ends[CONSTANT] + dot(p, centre) - absolute_dot(p, box.reach)
        ends[LEAST] = least - (lost * (1.0 + wide) + FLOOR)


@njit(cache=True)  # type: ignore[untyped-decorator]
def tighten(layer: int, window: int, net: Layers, box: Reach, centre: Floats, s: Scratch) -> None:
    """Meet the interval bounds of ``layer`` (from 2) with linear ones where the sign is open, and at the
    outputs everywhere. The layer's error is added, so that evaluations are covered too."""
    m, at = net.sizes[layer], layer * s.windows + window
    low, high = row(ends_of(s.low, layer, net, s), window, m), row(ends_of(s.high, layer, net, s), window, m)
    neurons = s.used[len(s.used) // 2 :]
    count = choose(layer == len(net.sizes) - 1, low, high, neurons)
    if count == 0:
        return
    for k in range(count):
        start_rows(layer, neurons[k], 2 * k, s.magnitude[at], net, s)
    descend(layer, window, 2 * count, net, box, centre, s)
    error = s.error[at] * SPARE
    for k in range(count):
        j = neurons[k]
        least = s.ends[2 * k * ENDS + LEAST] - error
        most = error - s.ends[(2 * k + 1) * ENDS + LEAST]
        least -= abs(least) * 4.0 * UNIT
        most += abs(most) * 4.0 * UNIT
        # A comparison with NaN keeps the interval.
        low[j] = least if least > low[j] else low[j]
        high[j] = most if most < high[j] else high[j]


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def start_rows(layer: int, neuron: int, r: int, big: float, net: Layers, s: Scratch) -> None:
    """One neuron of ``layer`` and its negative as rows r and r + 1; big: magnitude of the layer."""
    n = net.sizes[layer - 1]
    start = weights_before(net.sizes, layer) + neuron * n
    weights, bias = net.backward[start : start + n], net.biases[neurons_before(net.sizes, layer) + neuron]
    p, q, ends = row(s.one, r, n), row(s.one, r + 1, n), row(s.ends, r // 2, 2 * ENDS)
    for i in range(n):
        p[i], q[i] = weights[i], -weights[i]
    ends[CONSTANT], ends[ENDS + CONSTANT] = bias, -bias
    ends[MAGNITUDE] = ends[ENDS + MAGNITUDE] = big
    ends[SLACK] = ends[ENDS + SLACK] = theta(n) * big


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def choose(every: bool, low: Floats, high: Floats, neurons: Ints) -> int:
    """List the neurons whose sign is open, or all of them, and count."""
    count = 0
    for j in range(len(low)):
        neurons[count] = j
        count += every or (low[j] < 0.0 and high[j] > 0.0)
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
    net, box = open_network(values, layout)
    n, last = net.sizes[0], len(net.sizes) - 1
    for a in range(0, len(out), BLOCK):
        b = min(a + BLOCK, len(out))
        s = open_scratch(space, used, net.sizes, b - a)
        first_layer(net, box, centres[a * n : b * n], sizes[a * n : b * n], s)
        for w in range(b - a):
            centre = row(centres, a + w, n)
            for layer in range(2, last + 1):
                next_layer(layer, w, net, s)
                if every_layer or layer == last:
                    tighten(layer, w, net, box, centre, s)
        take_outputs(net, s, out[a:b])
