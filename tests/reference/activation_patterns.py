"""Least margin of a small ReLU chain over a box by enumeration: one linear programme for each pattern of
signs of the ReLU inputs. On the closed piece of the box that has a pattern the network is affine."""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy.optimize import linprog

from tests.reference.relaxation import layers_of


def least_margin(network, low, high, clauses):
    """min over the box and the clauses of max over the clause's rows of matrix @ y - limits; low, high: (n,).

    Layers end with an affine one; the ReLU of all together at most a dozen.
    """
    layers = layers_of(network)
    hidden = [weight.shape[0] for weight, _ in layers[:-1]]
    best = np.inf
    for signs in product((0, 1), repeat=sum(hidden)):
        slope, shift = np.eye(len(low)), np.zeros(len(low))
        rows, ends, at = [], [], 0
        for weight, bias in layers[:-1]:
            slope, shift = weight @ slope, weight @ shift + bias
            own = np.array(signs[at : at + len(bias)], dtype=float)
            at += len(bias)
            # z >= 0 where on, z <= 0 where off
            rows.append((1.0 - 2.0 * own)[:, None] * slope)
            ends.append((2.0 * own - 1.0) * shift)
            slope, shift = own[:, None] * slope, own * shift
        weight, bias = layers[-1]
        slope, shift = weight @ slope, weight @ shift + bias
        for matrix, limits in clauses:
            above = np.column_stack([matrix @ slope, -np.ones(len(limits))])
            constraints = np.vstack([np.column_stack([np.vstack(rows), np.zeros(at)]), above])
            sides = np.concatenate([*ends, limits - matrix @ shift])
            bounds = [*zip(low, high, strict=True), (None, None)]
            cost = np.append(np.zeros(len(low)), 1.0)
            found = linprog(cost, A_ub=constraints, b_ub=sides, bounds=bounds, method="highs")
            if found.status == 0:
                best = min(best, found.fun)
    return best
