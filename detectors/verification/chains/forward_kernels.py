"""Bounds of every neuron of a chain over one box: affine forms forward, lines back where a ReLU stays open.

Affine forms (zonotopes; Singh et al. 2018, DeepZ) keep what neurons have in common; they cost one pass.
Neurons that they leave undecided are bounded by lines (Zhang et al. 2018) and the tighter end is kept.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.bounds.rounding import FLOOR, UNIT, theta
from detectors.verification.chains.backward_kernels import least, neuron_line
from detectors.verification.chains.compiled import kernel, part
from detectors.verification.chains.layout import Bounds, Chain, Work

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

NOTHING, BOUNDED, STOPPED = 0, 1, 2


@part  # type: ignore[untyped-decorator]
def _of_inputs(low: Floats, high: Floats, work: Work) -> int:
    inputs = low.shape[0]
    for i in range(inputs):
        for k in range(1 + inputs):
            work.forms[i, k] = 0.0
        middle = 0.5 * low[i] + 0.5 * high[i]
        reach = max(high[i] - middle, middle - low[i]) * (1.0 + 4.0 * UNIT)
        work.forms[i, 0] = middle
        work.forms[i, 1 + i] = reach
        work.radius[i] = FLOOR
        work.size[i] = (abs(middle) + reach + FLOOR) * (1.0 + 4.0 * UNIT)
    return int(1 + inputs)


@part  # type: ignore[untyped-decorator]
def _affine(chain: Chain, layer: int, columns: int, bounds: Bounds, work: Work) -> bool:
    """work.forms through the layer's matrix into work.following, with the ends of each form. False where it
    was stopped on the way."""
    n, m, inputs = chain.sizes[layer], chain.sizes[layer + 1], chain.sizes[0]
    at, at_weight, wide = chain.neuron_at[layer], chain.weight_at[layer], theta(chain.sizes[layer])
    for j in range(m):
        if work.stop[0]:
            return False
        form = work.following[j]
        for k in range(columns):
            form[k] = 0.0
        radius, magnitude = 0.0, abs(chain.biases[at + j])
        row = at_weight + j * n
        for i in range(n):
            size = work.size[i]
            if size == 0.0:
                continue
            w = chain.weights[row + i]
            for k in range(columns):
                form[k] += w * work.forms[i, k]
            radius += abs(w) * work.radius[i]
            magnitude += abs(w) * size
        form[0] += chain.biases[at + j]
        magnitude = magnitude * (1.0 + wide) + FLOOR
        radius = (radius + wide * magnitude) * (1.0 + wide) + FLOOR
        spread = radius
        for k in range(1, columns):
            spread += abs(form[k])
        spread = spread * (1.0 + theta(columns)) + 8.0 * UNIT * abs(form[0])
        work.extra[j] = radius
        bounds.magnitude[at + j] = magnitude
        bounds.low[at + j] = form[0] - spread
        bounds.high[at + j] = form[0] + spread
        for i in range(inputs):
            bounds.shares[at + j, i] = abs(form[1 + i])
    for j in range(m):
        work.radius[j] = work.extra[j]
    return True


@part  # type: ignore[untyped-decorator]
def _tighten(chain: Chain, layer: int, low: Floats, high: Floats, bounds: Bounds, work: Work) -> None:
    """Where it is stopped, the other neurons keep the ends they have, which hold as well."""
    at = chain.neuron_at[layer]
    for j in range(chain.sizes[layer + 1]):
        if work.stop[0]:
            break
        if not (bounds.low[at + j] < 0.0 and bounds.high[at + j] > 0.0):
            continue
        q = neuron_line(chain, bounds, work, layer, j, 1.0, work.line)
        bounds.low[at + j] = max(bounds.low[at + j], least(work.line, q, low, high))
        if bounds.low[at + j] < 0.0:
            q = neuron_line(chain, bounds, work, layer, j, -1.0, work.line)
            bounds.high[at + j] = min(bounds.high[at + j], -least(work.line, q, low, high))


@part  # type: ignore[untyped-decorator]
def _relu(chain: Chain, layer: int, columns: int, bounds: Bounds, work: Work) -> int:
    """work.following through the ReLU into work.forms: relu(z) - s z lies in [0, max(-s low, (1 - s) high)]
    for any s in [0, 1], and half of that is a new symbol. Returns the new number of columns."""
    at, m = chain.neuron_at[layer], chain.sizes[layer + 1]
    new = columns
    for j in range(m):
        low, high = bounds.low[at + j], bounds.high[at + j]
        work.extra[j] = 0.0
        if chain.rectified[layer] and high <= 0.0:
            work.size[j], work.radius[j] = 0.0, 0.0
            for k in range(columns):
                work.forms[j, k] = 0.0
            continue
        slope, half = 1.0, 0.0
        if chain.rectified[layer] and not low >= 0.0:
            slope = high / (high - low)
            half = 0.5 * max(-slope * low, (1.0 - slope) * high) * (1.0 + 8.0 * UNIT) + FLOOR
            work.extra[j] = half
            new += 1
        size = 0.0
        for k in range(columns):
            x = slope * work.following[j, k]
            work.forms[j, k] = x
            size += abs(x)
        work.forms[j, 0] += half
        rounded = 0.0 if half == 0.0 else 4.0 * UNIT * (size + 2.0 * half) + FLOOR
        work.radius[j] = (slope * work.radius[j] + rounded) * (1.0 + 8.0 * UNIT)
        work.size[j] = (size + 2.0 * half + work.radius[j]) * (1.0 + theta(columns))
    at_column = columns
    for j in range(m):
        for k in range(columns, new):
            work.forms[j, k] = 0.0
        if work.extra[j] > 0.0:
            work.forms[j, at_column] = work.extra[j]
            at_column += 1
    return new


@kernel  # type: ignore[untyped-decorator]
def bound_neurons(chain: Chain, low: Floats, high: Floats, splits: Ints, bounds: Bounds, work: Work) -> int:
    """Bounds of all neurons for x in the box whose ReLU inputs have the signs of ``splits``: neuron + 1 for
    z >= 0, its negative for z <= 0, ended by 0. NOTHING where no x is left, STOPPED where they are not
    done."""
    columns = _of_inputs(low, high, work)
    for layer in range(chain.rectified.shape[0]):
        if not _affine(chain, layer, columns, bounds, work):
            return STOPPED
        at, m = chain.neuron_at[layer], chain.sizes[layer + 1]
        for split in splits:
            if split == 0:
                break
            neuron = abs(split) - 1
            if at <= neuron < at + m:
                if split > 0:
                    bounds.low[neuron] = max(bounds.low[neuron], 0.0)
                else:
                    bounds.high[neuron] = min(bounds.high[neuron], 0.0)
        if layer > 0 and chain.rectified[layer]:
            _tighten(chain, layer, low, high, bounds, work)
        for j in range(m):
            if bounds.low[at + j] > bounds.high[at + j]:
                return NOTHING
        columns = _relu(chain, layer, columns, bounds, work)
    return BOUNDED
