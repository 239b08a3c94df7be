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
    first_layer,
    layer_bounds,
    live,
    next_layer,
    take_outputs,
)
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
from detectors.bounds.rounding import FLOOR, SPARE, UNIT, theta
from detectors.bounds.sum_kernels import absolute_dot, absolute_total, add_pairs, dot, negative_dot

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CONSTANT, MAGNITUDE, SLACK, LEAST = 0, 1, 2, 3
"""Columns of ``Scratch.ends``."""


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
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


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def account(low: Floats, bias: Floats, p: Floats, charge: float, big: float, ends: Floats) -> None:
    """Add one layer's constants and rounding to a row's ends; p: its coefficients behind the ReLU; charge:
    relative rounding of the layer; big: bound on every partial sum of it."""
    pulled, reached = negative_dot(p, low), absolute_total(p) * big
    ends[CONSTANT] += dot(p, bias) - pulled
    ends[MAGNITUDE] += pulled + reached
    ends[SLACK] += charge * reached


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def carry(layer: int, first: int, per: int, net: Layers, s: Scratch, p: Floats, q: Floats) -> None:
    """q = p @ W of ``layer``; p: (rows, neurons) with zeros where neurons are off."""
    m, before = net.sizes[layer], net.sizes[layer - 1]
    weights = matrix(net.backward, weights_before(net.sizes, layer), m, before)
    if len(p) >= FEW:
        np.dot(p, weights, q)
        return
    q[:] = 0.0
    high = layer_bounds(layer, net, s)[1]
    for r in range(0, len(p), 2):
        count = live(high[first + r // per], s.used)
        add_pairs(weights, s.used, count, p[r : r + 2], q[r : r + 2])


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def descend(
    top: int, first: int, per: int, rows: int, net: Layers, box: Reach, centres: Floats, s: Scratch
) -> None:
    """Least values of rows of coefficients of the layer before ``top``, which lie in ``s.one``, into
    ``s.ends``. Row r belongs to window first + r // per."""
    here, there = s.one, s.two
    for layer in range(top - 1, 0, -1):
        m, before = net.sizes[layer], net.sizes[layer - 1]
        p, q = matrix(here, 0, rows, m), matrix(there, 0, rows, before)
        low, high = layer_bounds(layer, net, s)
        start = neurons_before(net.sizes, layer)
        charge = theta((box.width if layer == 1 else before) + m)
        for r in range(rows):
            w = first + r // per
            relax(low[w], high[w], p[r])
            bias = net.biases[start : start + m]
            account(low[w], bias, p[r], charge, s.magnitude[layer, w], s.ends[r])
        carry(layer, first, per, net, s, p, q)
        here, there = there, here
    n = net.sizes[0]
    wide = theta(n + len(net.biases))
    p = matrix(here, 0, rows, n)
    for r in range(rows):
        least = s.ends[r, CONSTANT] + dot(p[r], centres[first + r // per]) - absolute_dot(p[r], box.reach)
        lost = s.ends[r, SLACK] + wide * s.ends[r, MAGNITUDE]
        s.ends[r, LEAST] = least - (lost * (1.0 + wide) + FLOOR)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def tighten(
    layer: int, first: int, windows: int, neurons: Ints, net: Layers, box: Reach, centres: Floats, s: Scratch
) -> None:
    """Meet the interval bounds of some neurons of ``layer`` (from 2) with linear ones in windows from
    ``first`` on. The layer's error is added, so that evaluations are covered too."""
    n, start, per = net.sizes[layer - 1], neurons_before(net.sizes, layer), 2 * len(neurons)
    weights = matrix(net.backward, weights_before(net.sizes, layer), net.sizes[layer], n)
    p = matrix(s.one, 0, windows * per, n)
    for r in range(windows * per):
        j, w = neurons[r % per // 2], first + r // per
        sign = 1.0 if r % 2 == 0 else -1.0
        for i in range(n):
            p[r, i] = sign * weights[j, i]
        s.ends[r, CONSTANT], s.ends[r, MAGNITUDE] = sign * net.biases[start + j], s.magnitude[layer, w]
        s.ends[r, SLACK] = theta(n) * s.magnitude[layer, w]
    descend(layer, first, per, windows * per, net, box, centres, s)
    low, high = layer_bounds(layer, net, s)
    for r in range(0, windows * per, 2):
        j, w = neurons[r % per // 2], first + r // per
        error = s.error[layer, w] * SPARE
        least, most = s.ends[r, LEAST] - error, error - s.ends[r + 1, LEAST]
        least -= abs(least) * 4.0 * UNIT
        most += abs(most) * 4.0 * UNIT
        # A comparison with NaN keeps the interval.
        low[w, j] = least if least > low[w, j] else low[w, j]
        high[w, j] = most if most < high[w, j] else high[w, j]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def tighten_open(layer: int, net: Layers, box: Reach, centres: Floats, s: Scratch) -> None:
    """Meet the interval bounds of ``layer`` with linear ones where the sign is open."""
    low, high = layer_bounds(layer, net, s)
    neurons = s.used[net.sizes.max() :]
    for w in range(s.windows):
        count = 0
        for j in range(net.sizes[layer]):
            neurons[count] = j
            count += low[w, j] < 0.0 and high[w, j] > 0.0
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
    """Bounds of the outputs by lines, met with intervals, for windows, centres and sizes (windows, n): out
    (windows, outputs, 2). every_layer: CROWN; else CROWN-IBP (Zhang et al. 2020), which has interval bounds
    inside."""
    net, box = open_network(values, layout)
    last = len(net.sizes) - 1
    outputs = used[net.sizes.max() :][: net.sizes[last]]
    for a in range(0, len(centres), BLOCK):
        b = min(a + BLOCK, len(centres))
        s = open_scratch(space, used, net.sizes, b - a)
        first_layer(net, box, centres[a:b], sizes[a:b], s)
        for layer in range(2, last + 1):
            next_layer(layer, net, s)
            if every_layer and layer < last:
                tighten_open(layer, net, box, centres[a:b], s)
        for j in range(len(outputs)):
            outputs[j] = j
        if last > 1:
            tighten(last, 0, b - a, outputs, net, box, centres[a:b], s)
        take_outputs(net, s, out[a:b])
