"""Least margin of a small ReLU chain over a box by enumeration: one linear programme for each pattern of
signs of the ReLU inputs. On the closed piece of the box that has a pattern the network is affine."""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy.optimize import linprog

from detectors.verification.operations import Affine, LeakyRelu, Maximum
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


def least_margin_of_pieces(network, low, high, clauses, more=()):
    """As ``least_margin`` for any graph of affine operations, (leaky) ReLU and maxima: one linear programme
    for every choice of signs and of largest members. more: rows (coefficients, limit) that cut the box,
    coefficients @ x <= limit."""
    nodes, best = network.nodes, np.inf

    def walk(values, rows):
        if len(values) > len(nodes):
            yield values, rows
            return
        operation, inputs = nodes[len(values) - 1]
        given = [values[i] for i in inputs]
        if isinstance(operation, Affine):
            slope = sum(m @ s for m, (s, _) in zip(operation.matrices, given, strict=True))
            shift = operation.bias + sum(m @ b for m, (_, b) in zip(operation.matrices, given, strict=True))
            yield from walk([*values, (slope, shift)], rows)
            return
        slope, shift = (np.concatenate([value[part] for value in given]) for part in (0, 1))
        # Every piece: for each entry of the result the affine function that it is, and where.
        choices = []
        if isinstance(operation, LeakyRelu):
            for s, b in zip(slope, shift, strict=True):
                choices.append([(s, b, [(-s, b)]), (operation.leak * s, operation.leak * b, [(s, -b)])])
        else:
            assert isinstance(operation, Maximum)
            for group in operation.groups:
                beside = {m: [(slope[o] - slope[m], shift[m] - shift[o]) for o in group] for m in group}
                choices.append([(slope[m], shift[m], beside[m]) for m in group])
        for chosen in product(*choices):
            result = np.array([s for s, _, _ in chosen]), np.array([b for _, b, _ in chosen])
            yield from walk([*values, result], [*rows, *(row for _, _, own in chosen for row in own)])

    start = np.eye(len(low)), np.zeros(len(low))
    for values, rows in walk([start], list(more)):
        slope, shift = values[-1]
        left, right = np.array([r for r, _ in rows]), np.array([end for _, end in rows])
        for matrix, limits in clauses:
            above = np.column_stack([matrix @ slope, -np.ones(len(limits))])
            constraints = np.vstack([np.column_stack([left, np.zeros(len(left))]), above])
            bounds = [*zip(low, high, strict=True), (None, None)]
            cost, sides = np.append(np.zeros(len(low)), 1.0), np.concatenate([right, limits - matrix @ shift])
            found = linprog(cost, A_ub=constraints, b_ub=sides, bounds=bounds, method="highs")
            if found.status == 0:
                best = min(best, found.fun)
    return best
