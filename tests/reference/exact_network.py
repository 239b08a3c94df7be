"""Slow oracles of the bounds: exact rational arithmetic, and exact optimisation of small networks."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from detectors.bounds import Dense

Row = list[Fraction]


def exact(values: np.ndarray) -> Row:
    return [Fraction(float(v)) for v in values]


def _affine(weights: np.ndarray, bias: np.ndarray, point: Row) -> Row:
    return [
        sum((Fraction(float(w)) * x for w, x in zip(row, point, strict=True)), Fraction(float(b)))
        for row, b in zip(weights, bias, strict=True)
    ]


def logit(network: Dense, matrix: np.ndarray, offset: np.ndarray, point: Row) -> Fraction:
    """The certified function at one rational point, without rounding."""
    return outputs(network, matrix, offset, point)[0]


def outputs(network: Dense, matrix: np.ndarray, offset: np.ndarray, point: Row) -> Row:
    """Every output at one rational point, without rounding."""
    a = _affine(matrix, offset, point)
    for i, (w, b) in enumerate(zip(network.weights, network.biases, strict=True)):
        a = _affine(w, b, a)
        if i < len(network.weights) - 1:
            a = [max(x, Fraction(0)) for x in a]
    return a


def interval(
    network: Dense, matrix: np.ndarray, offset: np.ndarray, centre: np.ndarray, reach: np.ndarray
) -> tuple[Fraction, Fraction]:
    """Interval bound of Gowal et al. 2018 with the first layer composed, without rounding."""
    w, b = network.weights[0], network.biases[0]
    middle = _affine(w, b, _affine(matrix, offset, exact(centre)))
    rows = [exact(r) for r in matrix]
    half = exact(reach)
    radius = []
    for neuron in w:
        coefficients = [
            sum((Fraction(float(neuron[r])) * rows[r][t] for r in range(len(rows))), Fraction(0))
            for t in range(len(half))
        ]
        radius.append(sum((abs(c) * h for c, h in zip(coefficients, half, strict=True)), Fraction(0)))
    low = [m - r for m, r in zip(middle, radius, strict=True)]
    high = [m + r for m, r in zip(middle, radius, strict=True)]
    zero = Fraction(0)
    for w, b in zip(network.weights[1:], network.biases[1:], strict=True):
        low, high = [max(x, zero) for x in low], [max(x, zero) for x in high]
        next_low, next_high = [], []
        for neuron, bias in zip(w, b, strict=True):
            f = exact(neuron)
            lo = hi = Fraction(float(bias))
            for c, x, y in zip(f, low, high, strict=True):
                lo += c * (x if c > 0 else y)
                hi += c * (y if c > 0 else x)
            next_low.append(lo)
            next_high.append(hi)
        low, high = next_low, next_high
    return low[0], high[0]


def true_range(
    network: Dense, matrix: np.ndarray, offset: np.ndarray, centre: np.ndarray, reach: np.ndarray
) -> tuple[float, float]:
    """Least and greatest logit over the box by mixed-integer programming (Tjeng et al. 2019), small nets
    only."""
    weights = [network.weights[0] @ matrix, *network.weights[1:]]
    biases = [network.weights[0] @ offset + network.biases[0], *network.biases[1:]]
    low, high = centre - reach, centre + reach
    lower, upper, kinds = list(low), list(high), [0] * len(centre)
    rows: list[np.ndarray] = []
    row_low: list[float] = []
    row_high: list[float] = []
    total = len(centre) + 2 * sum(w.shape[0] for w in weights[:-1])

    def add(entries: dict[int, float], lo: float, hi: float) -> None:
        row = np.zeros(total)
        for i, v in entries.items():
            row[i] = v
        rows.append(row)
        row_low.append(lo)
        row_high.append(hi)

    inputs, at = list(range(len(centre))), len(centre)
    for w, b in zip(weights[:-1], biases[:-1], strict=True):
        mid, rad = (low + high) / 2, (high - low) / 2
        z_low, z_high = w @ mid + b - np.abs(w) @ rad - 1e-6, w @ mid + b + np.abs(w) @ rad + 1e-6
        outputs = []
        for j in range(w.shape[0]):
            a, d = at, at + 1
            at += 2
            lower += [0.0, 0.0]
            upper += [max(z_high[j], 0.0), 1.0]
            kinds += [0, 1]
            z = {i: float(v) for i, v in zip(inputs, w[j], strict=True)}
            add({a: 1.0, **{i: -v for i, v in z.items()}}, b[j], np.inf)
            add({a: 1.0, **{i: -v for i, v in z.items()}, d: -z_low[j]}, -np.inf, b[j] - z_low[j])
            add({a: 1.0, d: -max(z_high[j], 0.0)}, -np.inf, 0.0)
            outputs.append(a)
        inputs, low, high = outputs, np.maximum(z_low, 0), np.maximum(z_high, 0)
    cost = np.zeros(total)
    cost[inputs] = weights[-1][0]
    ends = []
    for sign in (1.0, -1.0):
        solved = milp(
            sign * cost, constraints=LinearConstraint(np.array(rows), row_low, row_high),
            bounds=Bounds(lower, upper), integrality=kinds,
        )  # fmt: skip
        assert solved.status == 0
        ends.append(sign * solved.fun + biases[-1][0])
    return ends[0], ends[1]
