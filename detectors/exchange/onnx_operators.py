"""ONNX operators as operations of a network. A new one is a function here and a line in ``OPERATORS``.

A function takes a node of which at least one input depends on the network's input. Shapes follow NumPy's
broadcasting, as ONNX prescribes. Coefficients that binary64 cannot hold (Div, BatchNormalization,
AveragePool) are off by at most 3 units of roundoff; docs/certificates/exchange.md says why bounds cover it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from detectors.exchange.onnx_maximum import max_pool, maximum, reduce_max
from detectors.exchange.onnx_moves import (
    concat,
    dropout,
    flatten,
    gather,
    identity,
    reshape,
    shape_of,
    slice_,
    squeeze,
    transpose,
    unsqueeze,
)
from detectors.exchange.onnx_node import OnnxNode, Value
from detectors.exchange.onnx_windows import average_pool, convolution, global_average_pool, padding
from detectors.exchange.tensors import Tensor
from detectors.verification.operations import LeakyRelu, Operation, Relu, Sigmoid, Tanh
from streams.errors import BadInput

Floats = NDArray[np.float64]


def _activation(operation: Callable[[], Operation]) -> Callable[[OnnxNode], Value]:
    return lambda node: node.build.elementwise(operation(), node.tensor())


def leaky_relu(node: OnnxNode) -> Value:
    """Slope ``alpha`` below 0, 0.01 by default, as float32 holds it."""
    leak = float(np.float32(node.attribute("alpha", 0.01)))
    return node.build.elementwise(LeakyRelu(leak), node.tensor())


def clip(node: OnnxNode) -> Value:
    """min(max(x, a), b) as a + relu(x - a), then b - relu(b - .): equal in exact arithmetic."""
    low, high = node.option("min", 1), node.option("max", 2)
    result = node.tensor()
    if low is not None and high is not None and not float(low) <= float(high):
        raise BadInput("min, max", (float(low), float(high)), "min at most max")
    if low is not None and float(low) > np.finfo(np.float32).min:
        result = _at_least(node, result, float(low))
    if high is not None and float(high) < np.finfo(np.float32).max:
        result = _negative(node, _at_least(node, _negative(node, result), -float(high)))
    return result


def _at_least(node: OnnxNode, tensor: Tensor, low: float) -> Tensor:
    above = node.build.elementwise(Relu(), node.build.shifted(tensor, np.array(-low)))
    return node.build.shifted(above, np.array(low))


def _negative(node: OnnxNode, tensor: Tensor) -> Tensor:
    return node.build.scaled(tensor, np.array(-1.0))


def add(node: OnnxNode) -> Value:
    """Of a constant, or of two values (a residual connection)."""
    return _sum(node, 1.0)


def subtract(node: OnnxNode) -> Value:
    """First input less the second."""
    return _sum(node, -1.0)


def _sum(node: OnnxNode, sign: float) -> Tensor:
    first, second = node.get(0), node.get(1)
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        at = np.broadcast_arrays(first.at, second.at)
        pair = [Tensor(first.value, at[0]), Tensor(second.value, at[1])]
        one = node.build.identity(at[0].size)
        parts = [(one, pair[0]), (sign * one, pair[1])]
        return node.build.affine(parts, np.zeros(at[0].size), at[0].shape)
    if isinstance(first, Tensor):
        return node.build.shifted(first, sign * node.weights(1))
    tensor = node.tensor(1)
    turned = tensor if sign > 0 else _negative(node, tensor)
    return node.build.shifted(turned, node.weights(0))


def multiply(node: OnnxNode) -> Value:
    """By a constant."""
    both = isinstance(node.get(0), Tensor) and isinstance(node.get(1), Tensor)
    if both:
        raise BadInput("inputs", "two values that depend on the network's input", "one of them a constant")
    number = 0 if isinstance(node.get(0), Tensor) else 1
    return node.build.scaled(node.tensor(number), node.weights(1 - number))


def divide(node: OnnxNode) -> Value:
    """By a constant that is not 0."""
    tensor, divisor = node.tensor(0), node.weights(1)
    if not divisor.all():
        raise BadInput("divisor", 0.0, "numbers other than 0")
    return node.build.scaled(tensor, 1.0 / divisor)


def negate(node: OnnxNode) -> Value:
    """-x."""
    return _negative(node, node.tensor())


def matmul(node: OnnxNode) -> Value:
    """With a constant matrix on either side."""
    if isinstance(node.get(0), Tensor):
        return _times_matrix(node, node.tensor(0), node.weights(1))
    tensor, matrix = node.tensor(1), node.weights(0)
    if tensor.at.ndim > 2 or matrix.ndim > 2:
        raise BadInput("shapes", (matrix.shape, tensor.shape), "at most two dimensions behind a constant")
    shape = np.matmul(np.zeros(matrix.shape), np.zeros(tensor.shape)).shape
    columns = tensor.shape[1] if tensor.at.ndim == 2 else 1
    whole = np.asarray(np.kron(np.atleast_2d(matrix), node.build.identity(columns)), dtype=np.float64)
    return node.build.affine([(whole, tensor)], np.zeros(whole.shape[0]), shape)


def _times_matrix(node: OnnxNode, tensor: Tensor, matrix: Floats) -> Tensor:
    if int(np.prod(matrix.shape[:-2])) != 1:
        raise BadInput("second input, shape", matrix.shape, "one matrix")
    shape = np.matmul(np.zeros(tensor.shape), np.zeros(matrix.shape)).shape
    flat = matrix.reshape(matrix.shape[-2:]) if matrix.ndim > 1 else matrix[:, None]
    return _rows_times(node, tensor, flat, np.zeros(flat.shape[1]), shape)


def _rows_times(
    node: OnnxNode, tensor: Tensor, matrix: Floats, bias: Floats, shape: tuple[int, ...]
) -> Tensor:
    """Every row of a tensor (..., n) times matrix (n, m), plus bias (m,) or (rows, m)."""
    rows = tensor.at.size // matrix.shape[0]
    repeated = matrix.T if rows == 1 else np.kron(node.build.identity(rows), matrix.T)
    whole = np.asarray(repeated, dtype=np.float64)
    offset = np.broadcast_to(bias, (rows, matrix.shape[1])).ravel()
    return node.build.affine([(whole, tensor)], offset, shape)


def gemm(node: OnnxNode) -> Value:
    """alpha A' B' + beta C with constant B and C."""
    alpha, beta = (float(np.float32(node.attribute(name, 1.0))) for name in ("alpha", "beta"))
    tensor, matrix = node.tensor(0), node.weights(1)
    at = tensor.at.T if node.attribute("transA", 0) else tensor.at
    matrix = alpha * (matrix.T if node.attribute("transB", 0) else matrix)
    if at.ndim != 2 or matrix.ndim != 2 or at.shape[1] != matrix.shape[0]:
        raise BadInput("shapes of A' and B'", (at.shape, matrix.shape), "(m, k) and (k, n)")
    shape = (at.shape[0], matrix.shape[1])
    bias = np.zeros(shape) if node.get(2) is None else np.broadcast_to(beta * node.weights(2), shape)
    return _rows_times(node, Tensor(tensor.value, at), matrix, bias, shape)


def batch_normalization(node: OnnxNode) -> Value:
    """(x - mean) * (scale / sqrt(variance + epsilon)) + bias per channel, as at inference."""
    if node.attribute("training_mode", 0):
        raise BadInput("training_mode", 1, "0")
    tensor = node.tensor()
    scale, bias, mean, variance = (node.weights(number) for number in range(1, 5))
    spread = variance + float(np.float32(node.attribute("epsilon", 1e-5)))
    if tensor.at.ndim < 2 or any(p.shape != (tensor.shape[1],) for p in (scale, bias, mean, variance)):
        raise BadInput("shapes", (tensor.shape, scale.shape), "(n, channels, ...) and (channels,)")
    if not (spread > 0.0).all():
        raise BadInput("variance + epsilon", float(spread.min()), "above 0")
    along = (-1,) + (1,) * (tensor.at.ndim - 2)
    centred = node.build.shifted(tensor, -mean.reshape(along))
    scaled = node.build.scaled(centred, (scale / np.sqrt(spread)).reshape(along))
    return node.build.shifted(scaled, bias.reshape(along))


OPERATORS: dict[str, Callable[[OnnxNode], Value]] = {
    "Relu": _activation(Relu),
    "LeakyRelu": leaky_relu,
    "Tanh": _activation(Tanh),
    "Sigmoid": _activation(Sigmoid),
    "Clip": clip,
    "Add": add,
    "Sub": subtract,
    "Mul": multiply,
    "Div": divide,
    "Neg": negate,
    "MatMul": matmul,
    "Gemm": gemm,
    "BatchNormalization": batch_normalization,
    "Conv": convolution,
    "AveragePool": average_pool,
    "GlobalAveragePool": global_average_pool,
    "MaxPool": max_pool,
    "Max": maximum,
    "ReduceMax": reduce_max,
    "Pad": padding,
    "Identity": identity,
    "Dropout": dropout,
    "Shape": shape_of,
    "Flatten": flatten,
    "Reshape": reshape,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Transpose": transpose,
    "Gather": gather,
    "Slice": slice_,
    "Concat": concat,
}
