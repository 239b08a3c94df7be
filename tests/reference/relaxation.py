"""Linear programme over the triangle relaxation of a ReLU chain (Ehlers 2017), given bounds of every ReLU
input: no method that replaces each ReLU by lines can be tighter with the same bounds (Salman et al. 2019)."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linprog

from detectors.verification.operations import Affine


def layers_of(network):
    """[(weight, bias)] of a chain of affine operations with ReLU between them."""
    return [
        (operation.matrices[0], operation.bias)
        for operation, _ in network.nodes
        if isinstance(operation, Affine)
    ]


def least_row(network, boxes, row):
    """min row @ y over the relaxation; boxes: (low, high) of the input, then of every ReLU input."""
    layers = layers_of(network)
    hidden = [weight.shape[0] for weight, _ in layers[:-1]]
    n = len(boxes[0][0])
    total = n + 2 * sum(hidden)
    below, ends, equal, values = [], [], [], []
    bounds = [*zip(*boxes[0], strict=True)]
    at = 0
    width, start = n, 0
    for (weight, bias), (low, high) in zip(layers[:-1], boxes[1:], strict=True):
        z = start + width
        y = z + len(bias)
        bounds += [*zip(low, high, strict=True)] + [(0.0, None)] * len(bias)
        for j in range(len(bias)):
            line = np.zeros(total)
            line[start : start + width], line[z + j] = weight[j], -1.0
            equal.append(line)
            values.append(-bias[j])
            unit = np.zeros(total)
            unit[y + j] = 1.0
            if low[j] >= 0.0 or high[j] <= 0.0:
                unit[z + j] = -1.0 if low[j] >= 0.0 else 0.0
                equal.append(unit)
                values.append(0.0)
                continue
            lower, upper = -unit, unit.copy()
            lower[z + j] = 1.0
            below.append(lower)
            ends.append(0.0)
            slope = high[j] / (high[j] - low[j])
            upper[z + j] = -slope
            below.append(upper)
            ends.append(-slope * low[j])
        start, width, at = y, len(bias), at + 1
    weight, bias = layers[-1]
    cost = np.zeros(total)
    cost[start : start + width] = row @ weight
    found = linprog(
        cost,
        A_ub=np.array(below) if below else None,
        b_ub=ends if below else None,
        A_eq=np.array(equal),
        b_eq=values,
        bounds=bounds,
        method="highs",
    )
    assert found.status == 0
    return found.fun + row @ bias
