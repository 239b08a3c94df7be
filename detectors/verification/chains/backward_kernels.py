"""Lines of a chain carried back to its input (Zhang et al. 2018, CROWN), sound in floating point.

A split of a ReLU adds a multiple of its input, which is at most 0 on that side (Wang et al. 2021,
beta-CROWN): ``injected``. What rounding takes is charged as in ``detectors.bounds.linear_kernels``, what
underflow takes from a coefficient with ``TINY`` times the largest value it stands for, that of p by whoever
reads p; see docs/certificates/exact.md.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.bounds.rounding import FLOOR, UNIT, theta
from detectors.verification.chains.compiled import kernel
from detectors.verification.chains.layout import Bounds, Chain, Work

Floats = NDArray[np.float64]

TINY = 1e-300
"""Far above what underflow takes from a coefficient: 2^-1075 for each product in it."""


@kernel  # type: ignore[untyped-decorator]
def pull_back(
    chain: Chain,
    bounds: Bounds,
    work: Work,
    layer: int,
    constant: float,
    spent: float,
    slack: float,
    p: Floats,
) -> float:
    """work.coefficients @ (results of ``layer``) + work.injected @ (inputs of all ReLU) + constant is at
    least p @ x + q for every x of the box; writes p, returns q. layer -1 is the input.

    spent: magnitudes already summed into constant; slack: rounding already to be charged.
    """
    coefficients, passed = work.coefficients, work.passed
    terms = chain.sizes[0]
    if layer < 0:
        for i in range(chain.sizes[0]):
            p[i] = coefficients[i]
    for level in range(layer, -1, -1):
        n, m = chain.sizes[level], chain.sizes[level + 1]
        at, at_weight = chain.neuron_at[level], chain.weight_at[level]
        rectified = chain.rectified[level]
        for i in range(n):
            passed[i] = 0.0
        weight = 0.0
        for j in range(m):
            g = coefficients[j]
            if rectified and g != 0.0:
                low, high = bounds.low[at + j], bounds.high[at + j]
                if high <= 0.0:
                    g = 0.0
                elif low < 0.0:
                    if g < 0.0:
                        # Neither overflow nor underflow must make the upper line flatter.
                        width = high - low
                        slope = high / width * (1.0 + 16.0 * UNIT) + TINY if width < np.inf else 1.0
                        g = g * slope - TINY
                        constant -= g * low
                        spent += abs(g * low)
                    elif high <= -low:
                        g = 0.0
            added = work.injected[at + j]
            if g == 0.0 and added == 0.0:
                continue
            weight += (abs(g) + abs(added)) * bounds.magnitude[at + j]
            g += added
            constant += g * chain.biases[at + j]
            row = at_weight + j * n
            for i in range(n):
                passed[i] += g * chain.weights[row + i]
        slack += theta(n + m) * weight
        spent += weight
        terms += m
        if level > 0:
            for i in range(n):
                slack += TINY * bounds.magnitude[chain.neuron_at[level - 1] + i]
        target = coefficients if level > 0 else p
        for i in range(n):
            target[i] = passed[i]
    wide = theta(terms)
    return float(constant - ((slack + wide * spent) * (1.0 + wide) + FLOOR))


@kernel  # type: ignore[untyped-decorator]
def least(p: Floats, q: float, low: Floats, high: Floats) -> float:
    """At most the least p @ x + q over the box."""
    total, spent, lost = q, abs(q), FLOOR
    for i in range(p.shape[0]):
        least_i = min(p[i] * low[i], p[i] * high[i])
        total += least_i
        spent += abs(least_i)
        lost += TINY * max(abs(low[i]), abs(high[i]))
    return float(total - theta(p.shape[0]) * spent - lost)


@kernel  # type: ignore[untyped-decorator]
def neuron_line(
    chain: Chain, bounds: Bounds, work: Work, layer: int, neuron: int, sign: float, p: Floats
) -> float:
    """sign * (input of a neuron of ``layer``) is at least p @ x + q; writes p, returns q."""
    n = chain.sizes[layer]
    row = chain.weight_at[layer] + neuron * n
    at = chain.neuron_at[layer] + neuron
    for i in range(n):
        work.coefficients[i] = sign * chain.weights[row + i]
    bias = sign * chain.biases[at]
    slack = theta(n) * bounds.magnitude[at]
    return float(pull_back(chain, bounds, work, layer - 1, bias, abs(bias), slack, p))


@kernel  # type: ignore[untyped-decorator]
def row_line(
    chain: Chain, bounds: Bounds, work: Work, row: Floats, limit: float, slack: float, p: Floats
) -> float:
    """row @ outputs - limit + work.injected @ (inputs of ReLU) is at least p @ x + q; writes p, returns q."""
    for j in range(row.shape[0]):
        work.coefficients[j] = row[j]
    layer = chain.rectified.shape[0] - 1
    return float(pull_back(chain, bounds, work, layer, -limit, abs(limit), slack, p))


@kernel  # type: ignore[untyped-decorator]
def blame(chain: Chain, bounds: Bounds, work: Work, row: Floats, score: Floats, gain: Floats) -> None:
    """What makes the bound of row @ outputs loose: gain[neuron], the coefficient times the largest distance
    of ReLU and chord; score[input], the part of it that halving the input would take away, if the distance
    shrinks with the width of the neuron's range. A heuristic: nothing rests on it."""
    coefficients, passed = work.coefficients, work.passed
    for i in range(score.shape[0]):
        score[i] = 0.0
    for j in range(row.shape[0]):
        coefficients[j] = row[j]
    for level in range(chain.rectified.shape[0] - 1, -1, -1):
        n, m = chain.sizes[level], chain.sizes[level + 1]
        at, at_weight = chain.neuron_at[level], chain.weight_at[level]
        for i in range(n):
            passed[i] = 0.0
        for j in range(m):
            g = coefficients[j]
            gain[at + j] = 0.0
            if chain.rectified[level]:
                low, high = bounds.low[at + j], bounds.high[at + j]
                if high <= 0.0:
                    g = 0.0
                elif low < 0.0:
                    width = high - low
                    lost = abs(g) * (high / width) * -low
                    gain[at + j] = lost
                    for i in range(score.shape[0]):
                        score[i] += lost / width * bounds.shares[at + j, i]
                    if g < 0.0:
                        g *= high / width
                    elif high <= -low:
                        g = 0.0
            g += work.injected[at + j]
            if g == 0.0:
                continue
            line = at_weight + j * n
            for i in range(n):
                passed[i] += g * chain.weights[line + i]
        for i in range(n):
            coefficients[i] = passed[i]
