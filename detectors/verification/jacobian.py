"""Interval bounds of a network's gradient over a set, from the output back, for any order of operations
(Hein and Andriushchenko 2017; Weng et al. 2018, Fast-Lip)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.verification.box import Box
from detectors.verification.operations import Affine, LeakyRelu, Operation, Relu, Sigmoid, Tanh
from detectors.verification.operations.activations import Activation
from detectors.verification.propagation import Trace
from detectors.verification.rounding import theta
from streams.errors import BadInput

Floats = NDArray[np.float64]


class Slopes(NamedTuple):
    """low <= slope of an activation <= high between any two points of its box; (batch, n)."""

    low: Floats
    high: Floats


def slopes(operation: Activation, box: Box) -> Slopes:
    """By activation status from the input's box; 0 to the steepest where the activation is not known."""
    if isinstance(operation, Relu | LeakyRelu):
        leak = operation.leak if isinstance(operation, LeakyRelu) else 0.0
        return Slopes(np.where(box.low >= 0.0, 1.0, leak), np.where(box.high <= 0.0, leak, 1.0))
    if isinstance(operation, Tanh | Sigmoid):
        # Even and falling away from 0: least at an end, greatest at the point closest to 0.
        ends = operation.slope(box.low), operation.slope(box.high)
        top = operation.slope(np.clip(0.0, box.low, box.high))
        least = np.minimum(*ends) * (1.0 - 1e-12)
        # Slopes far out underflow.
        low = np.where(least > 1e-200, least, 0.0)
        return Slopes(low, np.minimum(top * (1.0 + 1e-12) + 1e-200, operation.steepest))
    low = np.zeros_like(box.low)
    return Slopes(low, low + operation.steepest)


def supported(number: int, operation: Operation) -> None:
    """Raises BadInput for an operation whose slope is not known."""
    if not isinstance(operation, Affine | Activation):
        allowed = "affine operations and activations, for Lipschitz bounds"
        raise BadInput(f"operation {number + 1}", type(operation).__name__, allowed)


def gradient(trace: Trace, rows: Floats) -> Floats:
    """(batch, rows, inputs): no entry of the gradient of rows @ outputs is larger anywhere in the set, in
    exact arithmetic; rows: (rows, outputs). Raises OutOfTime.

    Between two points x, x' of the trace's set every activation has a secant slope within its range, so
    f(x) - f(x') is a product of matrices within these bounds, times x - x'; nothing is differentiated.
    """
    network, batch = trace.network, trace.region.batch
    start = np.broadcast_to(rows, (batch, *rows.shape))
    waiting = {len(network.nodes): Box(start, start)}
    for node in range(len(network.nodes) - 1, -1, -1):
        carried = waiting.pop(node + 1, None)
        if carried is None:
            continue
        trace.deadline.check()
        operation, inputs = network.nodes[node]
        supported(node, operation)
        if isinstance(operation, Affine):
            parts = [_through(carried, matrix) for matrix in operation.matrices]
        else:
            assert isinstance(operation, Activation)
            parts = [_scaled(carried, slopes(operation, trace.values[inputs[0]].box))]
        for i, part in zip(inputs, parts, strict=True):
            waiting[i] = _sum(waiting[i], part) if i in waiting else part
    zero = np.zeros((batch, len(rows), network.inputs))
    return waiting[0].size if 0 in waiting else zero


def _through(carried: Box, matrix: Floats) -> Box:
    middle, reach, absolute = carried.middle, carried.reach, np.abs(matrix)
    centre, size = middle @ matrix, (np.abs(middle) + reach) @ absolute
    wide = theta(matrix.shape[0])
    spread = (reach @ absolute + wide * size) * (1.0 + wide) + 1e-290
    return Box(centre - spread, centre + spread)


def _scaled(carried: Box, between: Slopes) -> Box:
    low, high = between.low[:, None, :], between.high[:, None, :]
    ends = np.stack([end * slope for end in carried for slope in (low, high)])
    zero = (high == 0.0) & (low == 0.0)
    least, most = np.nextafter(ends.min(axis=0), -np.inf), np.nextafter(ends.max(axis=0), np.inf)
    return Box(np.where(zero, 0.0, least), np.where(zero, 0.0, most))


def _sum(a: Box, b: Box) -> Box:
    return Box(np.nextafter(a.low + b.low, -np.inf), np.nextafter(a.high + b.high, np.inf))
