"""Numba kernel of the linear (CROWN) bound; private, unvalidated, no allocation, no fastmath.

Backward pass of Zhang et al. 2018 (CROWN) with interval pre-activation bounds: each unstable ReLU is replaced
by one line below (slope 0 or 1, both exact) and one line above, h / (h - l) * (z - l) with the slope rounded
up. Slopes and coefficients that were rounded are taken as they are wherever any value of that side is valid;
everywhere else the rounding is charged to ``slack`` (docs/certificates.md).
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.bounds.kernels import FLOOR, UNIT, theta

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@njit(cache=True)  # type: ignore[untyped-decorator]
def evaluation_error(
    flat: Floats, sizes: Ints, magnitude: Floats, first_error: float, error: Floats, scratch: Floats
) -> float:
    """Bound of |any binary64 evaluation - exact value| of the logit over the box.

    first_error: theta(n) * magnitude of the first layer. error, scratch: work space, max(sizes).
    """
    h1 = sizes[0]
    for j in range(h1):
        error[j] = first_error
    start = h1
    at_w = 0
    for layer in range(1, sizes.shape[0]):
        n, m = sizes[layer - 1], sizes[layer]
        for j in range(m):
            scratch[j] = 0.0
        for i in range(n):
            e = error[i]
            row = at_w + i * m
            for j in range(m):
                scratch[j] += abs(flat[row + j]) * e
        wide = theta(n)
        for j in range(m):
            error[j] = (scratch[j] + wide * magnitude[start + j]) * (1.0 + 2.0 * wide) + FLOOR
        start += m
        at_w += n * m
    return float(error[0])


@njit(cache=True)  # type: ignore[untyped-decorator]
def linear_lower(
    sign: float,
    first: Floats,
    first_b: Floats,
    centre: Floats,
    reach: Floats,
    first_magnitude: float,
    flat: Floats,
    biases: Floats,
    sizes: Ints,
    low: Floats,
    high: Floats,
    magnitude: Floats,
    coefficient: Floats,
    following: Floats,
    total: Floats,
    width: int,
) -> float:
    """Lower bound of sign * logit over the box |u - centre| <= reach, exact network, before
    ``evaluation_error``.

    first: composed first layer, not transposed, (h1, n). low, high, magnitude: from ``deeper_layers``.
    first_magnitude: bound on the partial sums of the first layer; width: terms per sum of the composed layer.
    coefficient, following: work space, max(sizes); total: work space, n.
    """
    layers = sizes.shape[0]
    at_w = flat.shape[0] - sizes[layers - 2]
    at_b = biases.shape[0] - 1
    start = low.shape[0] - 1
    constant = sign * biases[at_b]
    sizes_sum = magnitude[start]
    slack = theta(sizes[layers - 2]) * magnitude[start]
    for i in range(sizes[layers - 2]):
        coefficient[i] = sign * flat[at_w + i]
    for layer in range(layers - 2, -1, -1):
        m = sizes[layer]
        start -= m
        weight = 0.0
        for j in range(m):
            g = coefficient[j]
            lo, hi = low[start + j], high[start + j]
            if hi <= 0.0:
                coefficient[j] = 0.0
            elif lo < 0.0:
                if g >= 0.0:
                    if hi <= -lo:
                        coefficient[j] = 0.0
                else:
                    p = g * (hi / (hi - lo) * (1.0 + 16.0 * UNIT))
                    coefficient[j] = p
                    constant -= p * lo
                    sizes_sum += abs(p * lo)
            part = first_magnitude if layer == 0 else magnitude[start + j]
            weight += abs(coefficient[j]) * part
        if layer > 0:
            n = sizes[layer - 1]
            slack += theta(n + m) * weight
            sizes_sum += weight
            at_w -= n * m
            at_b -= m
            for j in range(m):
                constant += coefficient[j] * biases[at_b + j]
            for i in range(n):
                s = 0.0
                row = at_w + i * m
                for j in range(m):
                    s += coefficient[j] * flat[row + j]
                following[i] = s
            for i in range(n):
                coefficient[i] = following[i]
        else:
            slack += theta(width + m) * weight
            sizes_sum += weight
    n0 = centre.shape[0]
    for t in range(n0):
        total[t] = 0.0
    for j in range(sizes[0]):
        p = coefficient[j]
        if p != 0.0:
            constant += p * first_b[j]
            for t in range(n0):
                total[t] += p * first[j, t]
    shift = 0.0
    spread = 0.0
    for t in range(n0):
        shift += total[t] * centre[t]
        spread += abs(total[t]) * reach[t]
    count = n0 + low.shape[0]
    charged = (slack + theta(count) * sizes_sum) * (1.0 + theta(count)) + FLOOR
    return float(constant + shift - spread - charged)
