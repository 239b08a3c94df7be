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
    Layers,
    Reach,
    Scratch,
    ENDS,
    neurons_before,
    open_network,
    open_scratch,
    row,
    weights_before,
)
from detectors.bounds.rounding import FLOOR, SPARE, UNIT, theta
from detectors.bounds.sum_kernels import absolute_dot, absolute_total, add_pairs, dot, negative_dot

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
def carry(
    layer: int, first: int, per: int, rows: int, net: Layers, s: Scratch, p: Floats, q: Floats
) -> None:
    """q = p @ W of ``layer``; p: (rows, neurons) flat, zero where neurons are off; q: (rows, inputs) flat."""
    m, before, start = net.sizes[layer], net.sizes[layer - 1], weights_before(net.sizes, layer)
    weights = net.backward[start : start + m * before]
    if per >= FEW:
        product(p[: rows * m], weights, q[: rows * before], rows)
        return
    q[: rows * before] = 0.0
    high = ends_of(s.high, layer, net, s)
    for r in range(0, rows, 2):
        count = live(row(high, first + r // per, m), s.used)
        a, b, at, bt = row(p, r, m), row(p, r + 1, m), row(q, r, before), row(q, r + 1, before)
        add_pairs(weights, s.used, count, a, b, at, bt)


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def descend(
    top: int, first: int, per: int, rows: int, net: Layers, box: Reach, centres: Floats, s: Scratch
) -> None:
    """Least values of rows of coefficients of the layer before ``top``, which lie in ``s.one``, into
    ``s.ends``. Row r belongs to window first + r // per."""
    here, there = s.one, s.two
    for layer in range(top - 1, 0, -1):
        m, before = net.sizes[layer], net.sizes[layer - 1]
        low, high = ends_of(s.low, layer, net, s), ends_of(s.high, layer, net, s)
        start = neurons_before(net.sizes, layer)
        bias = net.biases[start : start + m]
        charge = theta((box.width if layer == 1 else before) + m)
        for r in range(rows):
            w, p = first + r // per, row(here, r, m)
            relax(row(low, w, m), row(high, w, m), p)
            big = s.magnitude[layer * s.windows + w]
            account(row(low, w, m), bias, p, charge, big, row(s.ends, r, ENDS))
        carry(layer, first, per, rows, net, s, here, there)
        here, there = there, here
    n = net.sizes[0]
    wide = theta(n + len(net.biases))
    for r in range(rows):
        p, ends = row(here, r, n), row(s.ends, r, ENDS)
        lost = ends[SLACK] + wide * ends[MAGNITUDE]
        least = ends[CONSTANT] + dot(p, row(centres, first + r // per, n)) - absolute_dot(p, box.reach)
        ends[LEAST] = least - (lost * (1.0 + wide) + FLOOR)


@njit(cache=True)  # type: ignore[untyped-decorator]
def tighten(
    layer: int, first: int, windows: int, neurons: Ints, net: Layers, box: Reach, centres: Floats, s: Scratch
) -> None:
    """Meet the interval bounds of some neurons of ``layer`` (from 2) with linear ones in windows from
    ``first`` on. The layer's error is added, so that evaluations are covered too."""
    m, per, count = net.sizes[layer], 2 * len(neurons), len(neurons)
    for w in range(first, first + windows):
        for k in range(count):
            start_rows(layer, neurons[k], w, (w - first) * per + 2 * k, net, s)
    descend(layer, first, per, windows * per, net, box, centres, s)
    low, high = ends_of(s.low, layer, net, s), ends_of(s.high, layer, net, s)
    for w in range(first, first + windows):
        error = s.error[layer * s.windows + w] * SPARE
        for k in range(count):
            r, at = (w - first) * per + 2 * k, w * m + neurons[k]
            least = s.ends[r * ENDS + LEAST] - error
            most = error - s.ends[(r + 1) * ENDS + LEAST]
            least -= abs(least) * 4.0 * UNIT
            most += abs(most) * 4.0 * UNIT
            # A comparison with NaN keeps the interval.
            low[at] = least if least > low[at] else low[at]
            high[at] = most if most < high[at] else high[at]


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def start_rows(layer: int, neuron: int, w: int, r: int, net: Layers, s: Scratch) -> None:
    """One neuron of ``layer`` and its negative as rows r and r + 1."""
    n = net.sizes[layer - 1]
    start = weights_before(net.sizes, layer) + neuron * n
    weights, bias = net.backward[start : start + n], net.biases[neurons_before(net.sizes, layer) + neuron]
    p, q, big = row(s.one, r, n), row(s.one, r + 1, n), s.magnitude[layer * s.windows + w]
    for i in range(n):
        p[i], q[i] = weights[i], -weights[i]
    for ends, constant in ((row(s.ends, r, ENDS), bias), (row(s.ends, r + 1, ENDS), -bias)):
        ends[CONSTANT], ends[MAGNITUDE], ends[SLACK] = constant, big, theta(n) * big


@njit(cache=True)  # type: ignore[untyped-decorator]
def tighten_open(layer: int, net: Layers, box: Reach, centres: Floats, s: Scratch) -> None:
    """Meet the interval bounds of ``layer`` with linear ones where the sign is open."""
    low, high, m = ends_of(s.low, layer, net, s), ends_of(s.high, layer, net, s), net.sizes[layer]
    neurons = s.used[len(s.used) // 2 :]
    for w in range(s.windows):
        count = 0
        for j in range(m):
            neurons[count] = j
            count += low[w * m + j] < 0.0 and high[w * m + j] > 0.0
        if count:
            tighten(layer, w, 1, neurons[:count], net, box, centres, s)


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
    """Bounds of the outputs by lines, met with intervals, of windows: out (windows, outputs, 2);
    centres, sizes: (windows, n), flat. every_layer: CROWN; else CROWN-IBP (Zhang et al. 2020), which has interval bounds
    inside."""
    net, box = open_network(values, layout)
    last = len(net.sizes) - 1
    outputs = used[len(used) // 2 :][: net.sizes[last]]
    n = net.sizes[0]
    for a in range(0, len(out), BLOCK):
        b = min(a + BLOCK, len(out))
        s = open_scratch(space, used, net.sizes, b - a)
        inside = centres[a * n : b * n]
        first_layer(net, box, inside, sizes[a * n : b * n], s)
        for layer in range(2, last + 1):
            next_layer(layer, net, s)
            if every_layer and layer < last:
                tighten_open(layer, net, box, inside, s)
        for j in range(len(outputs)):
            outputs[j] = j
        if last > 1:
            tighten(last, 0, b - a, outputs, net, box, inside, s)
        take_outputs(net, s, out[a:b])
