"""Numba kernels of the linear bounds (Zhang et al. 2018, CROWN); private, unvalidated, no allocation.

Each unstable ReLU is replaced by one line below (slope 0 or 1, both exact) and one above, h / (h - l) (z - l)
with the slope rounded up; the coefficients that come out are taken as they are, for any slope from 0 to 1
below and any from the true one above is valid. What rounding may take elsewhere is charged to ``slack``
(docs/certificates.md).
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from detectors.bounds.kernels import all_layers, first_magnitude, first_values, next_layer, take_outputs
from detectors.bounds.packing import Layers, Reach, Scratch, open_network, open_scratch
from detectors.bounds.rounding import FLOOR, SPARE, UNIT, theta
from detectors.bounds.sum_kernels import absolute_dot, add_pairs, dot

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@njit(cache=True)  # type: ignore[untyped-decorator]
def relax(low: Floats, high: Floats, bias: Floats, p: Floats, q: Floats, used: Ints, sums: Floats) -> int:
    """Carry coefficients p of a lower and q of an upper bound through the ReLU of one layer, in place.

    sums: (constant, magnitude, sum |coefficient|) of the lower bound, then of the upper one; grows. Lists the
    neurons that count in ``used`` and returns how many.
    """
    count = 0
    for j in range(len(low)):
        lo, hi = low[j], high[j]
        if hi <= 0.0:
            continue
        a, b = p[j], q[j]
        if lo < 0.0:
            steep = hi / (hi - lo) * SPARE
            flat = 1.0 if hi > -lo else 0.0
            if a >= 0.0:
                a *= flat
            else:
                a *= steep
                sums[0] -= a * lo
                sums[1] += abs(a * lo)
            if b <= 0.0:
                b *= flat
            else:
                b *= steep
                sums[3] -= b * lo
                sums[4] += abs(b * lo)
            p[j], q[j] = a, b
        sums[0] += a * bias[j]
        sums[2] += abs(a)
        sums[3] += b * bias[j]
        sums[5] += abs(b)
        used[count] = j
        count += 1
    return count


@njit(cache=True)  # type: ignore[untyped-decorator]
def both_ends(
    top: int, neuron: int, net: Layers, box: Reach, centre: Floats, s: Scratch
) -> tuple[float, float]:
    """Linear lower and upper bound of one pre-activation of layer ``top`` (from 2), exact network."""
    sizes, sums = net.sizes, s.sums
    at_w, start = 0, 0
    for k in range(1, top):
        at_w += sizes[k - 1] * sizes[k]
        start += sizes[k]
    n = sizes[top - 1]
    p, q, following, other = s.work[0], s.work[1], s.work[2], s.work[3]
    row = at_w + neuron * n
    for i in range(n):
        p[i] = q[i] = net.backward[row + i]
    sums[0] = sums[3] = net.biases[start + neuron]
    sums[1] = sums[4] = s.magnitude[top]
    slack_low = slack_high = theta(n) * s.magnitude[top]
    for layer in range(top - 1, 0, -1):
        m, before, big = sizes[layer], sizes[layer - 1], s.magnitude[layer]
        start -= m
        at_w -= m * before
        sums[2] = sums[5] = 0.0
        end = start + m
        low, high, bias = s.low[start:end], s.high[start:end], net.biases[start:end]
        count = relax(low, high, bias, p[:m], q[:m], s.used, sums)
        wide = theta((box.width if layer == 1 else before) + m)
        slack_low += wide * (sums[2] * big)
        slack_high += wide * (sums[5] * big)
        sums[1] += sums[2] * big
        sums[4] += sums[5] * big
        following[:before] = 0.0
        other[:before] = 0.0
        rows = net.backward[at_w : at_w + m * before].reshape((m, before))
        add_pairs(rows, s.used, count, p, q, following, other)
        p, q, following, other = following, other, p, q
    n0 = sizes[0]
    wide = theta(n0 + len(s.low))
    least = sums[0] + dot(p[:n0], centre) - absolute_dot(p[:n0], box.reach)
    most = sums[3] + dot(q[:n0], centre) + absolute_dot(q[:n0], box.reach)
    least -= (slack_low + wide * sums[1]) * (1.0 + wide) + FLOOR
    most += (slack_high + wide * sums[4]) * (1.0 + wide) + FLOOR
    return least, most


@njit(cache=True)  # type: ignore[untyped-decorator]
def tighten(layer: int, net: Layers, box: Reach, centre: Floats, s: Scratch) -> None:
    """Meet the interval bounds of ``layer`` (from 2) with linear ones: where the sign is open, and at the
    outputs everywhere. The layer's error is added, so that evaluations are covered too."""
    start = 0
    for k in range(1, layer):
        start += net.sizes[k]
    error = s.error[layer] * SPARE
    last = layer == len(net.sizes) - 1
    for j in range(start, start + net.sizes[layer]):
        lo, hi = s.low[j], s.high[j]
        if last or (lo < 0.0 and hi > 0.0):
            least, most = both_ends(layer, j - start, net, box, centre, s)
            least, most = least - error, most + error
            least -= abs(least) * 4.0 * UNIT
            most += abs(most) * 4.0 * UNIT
            # A comparison with NaN keeps the interval.
            s.low[j] = least if least > lo else lo
            s.high[j] = most if most < hi else hi


@njit(cache=True)  # type: ignore[untyped-decorator]
def by_lines(
    z: Floats, big: float, every_layer: bool, net: Layers, box: Reach, centre: Floats, s: Scratch
) -> None:
    """Bounds of the outputs by lines, met with intervals. every_layer: CROWN; else CROWN-IBP (Zhang et al.
    2020), which has interval bounds inside."""
    all_layers(z, big, net, box, s)
    last = len(net.sizes) - 1
    if every_layer:
        for layer in range(2, last):
            if layer > 2:
                next_layer(layer, net, s)
            tighten(layer, net, box, centre, s)
        if last > 2:
            next_layer(last, net, s)
    if last > 1:
        tighten(last, net, box, centre, s)


@njit(cache=True)  # type: ignore[untyped-decorator]
def lines_one(
    values: Floats,
    layout: Ints,
    every_layer: bool,
    centre: Floats,
    size: Floats,
    space: Floats,
    used: Ints,
    out: Floats,
) -> None:
    """Bounds of one window, centre and size (n,): out (outputs, 2)."""
    net, box = open_network(values, layout)
    s = open_scratch(space, used, net.sizes)
    z = s.work[4, : net.sizes[1]]
    first_values(net, centre, z)
    by_lines(z, first_magnitude(box, size), every_layer, net, box, centre, s)
    take_outputs(s, out)


@njit(cache=True)  # type: ignore[untyped-decorator]
def lines_batch(
    values: Floats,
    layout: Ints,
    every_layer: bool,
    products: Floats,
    centres: Floats,
    sizes: Floats,
    space: Floats,
    used: Ints,
    out: Floats,
) -> None:
    """Bounds of many windows, centres and sizes (windows, n): out (windows, outputs, 2). products: as for
    ``interval_batch``."""
    net, box = open_network(values, layout)
    s = open_scratch(space, used, net.sizes)
    for w in range(products.shape[0]):
        by_lines(products[w], first_magnitude(box, sizes[w]), every_layer, net, box, centres[w], s)
        take_outputs(s, out[w])


@njit(cache=True, parallel=True)  # type: ignore[untyped-decorator]
def lines_batch_parallel(
    values: Floats,
    layout: Ints,
    every_layer: bool,
    products: Floats,
    centres: Floats,
    sizes: Floats,
    space: Floats,
    used: Ints,
    out: Floats,
) -> None:
    """``lines_batch`` with the windows split over parts, each with a row of ``space`` and ``used``."""
    parts, total = space.shape[0], products.shape[0]
    for p in prange(parts):
        a, b = p * total // parts, (p + 1) * total // parts
        lines_batch(
            values, layout, every_layer, products[a:b], centres[a:b], sizes[a:b], space[p], used[p], out[a:b]
        )
