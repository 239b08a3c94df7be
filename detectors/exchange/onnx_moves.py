"""ONNX operators that only move elements: positions change and no operation is added, but for ``concat``."""

from __future__ import annotations

import numpy as np

from detectors.exchange.onnx_node import OnnxNode, Value
from detectors.exchange.tensors import Tensor
from streams.errors import BadInput


def identity(node: OnnxNode) -> Value:
    """The input as it is."""
    return node.tensor()


def dropout(node: OnnxNode) -> Value:
    """Nothing is dropped at inference."""
    training = node.get(2)
    if training is not None and bool(np.any(node.constant(2))):
        raise BadInput("training_mode", True, "False")
    return node.tensor()


def shape_of(node: OnnxNode) -> Value:
    """Shape: a constant, since all shapes are fixed."""
    whole = np.array(node.tensor().shape, dtype=np.int64)
    return whole[node.attribute("start", 0) : node.attribute("end")]


def flatten(node: OnnxNode) -> Value:
    """To two dimensions, split at ``axis``."""
    tensor, axis = node.tensor(), node.attribute("axis", 1)
    axis += len(tensor.shape) if axis < 0 else 0
    rows = int(np.prod(tensor.shape[:axis]))
    return Tensor(tensor.value, tensor.at.reshape(rows, -1))


def reshape(node: OnnxNode) -> Value:
    """0 keeps a size, -1 takes what is left."""
    tensor, wanted = node.tensor(), node.integers("shape", 1) or []
    if not node.attribute("allowzero", 0):
        wanted = [tensor.shape[i] if size == 0 else size for i, size in enumerate(wanted)]
    return Tensor(tensor.value, tensor.at.reshape(wanted))


def squeeze(node: OnnxNode) -> Value:
    """Without axes, all of size 1 go."""
    tensor, axes = node.tensor(), node.integers("axes", 1)
    return Tensor(tensor.value, np.squeeze(tensor.at, None if axes is None else tuple(axes)))


def unsqueeze(node: OnnxNode) -> Value:
    """New axes of size 1."""
    tensor, axes = node.tensor(), node.integers("axes", 1) or []
    return Tensor(tensor.value, np.expand_dims(tensor.at, tuple(axes)))


def transpose(node: OnnxNode) -> Value:
    """Without ``perm``, axes are reversed."""
    tensor = node.tensor()
    return Tensor(tensor.value, np.transpose(tensor.at, node.attribute("perm")))


def gather(node: OnnxNode) -> Value:
    """Constant indices."""
    tensor, indices = node.tensor(), node.constant(1).astype(np.int64)
    return Tensor(tensor.value, np.take(tensor.at, indices, node.attribute("axis", 0)))


def slice_(node: OnnxNode) -> Value:
    """Constant bounds."""
    tensor = node.tensor()
    starts, ends = node.integers("starts", 1) or [], node.integers("ends", 2) or []
    axes = node.integers("axes", 3) or list(range(len(starts)))
    steps = node.integers("steps", 4) or [1] * len(starts)
    cut = [slice(None)] * len(tensor.shape)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        cut[axis] = _cut(tensor.shape[axis], start, end, step)
    return Tensor(tensor.value, tensor.at[tuple(cut)])


def _cut(size: int, start: int, end: int, step: int) -> slice:
    """Negative positions count from the end; what lies outside is moved to the nearest one inside."""
    start, end = (position + size if position < 0 else position for position in (start, end))
    if step > 0:
        return slice(min(max(start, 0), size), min(max(end, 0), size), step)
    stop = min(max(end, -1), size - 1)
    return slice(min(max(start, 0), size - 1), None if stop < 0 else stop, step)


def concat(node: OnnxNode) -> Value:
    """Of values and constants; of parts of one value without a new operation."""
    axis, build = node.attribute("axis", 0), node.build
    tensors = [part for part in node.inputs if isinstance(part, Tensor)]
    if len(tensors) == len(node.inputs) and len({t.value for t in tensors}) == 1:
        return Tensor(tensors[0].value, np.concatenate([t.at for t in tensors], axis))
    ends = np.cumsum([0, *(_elements(part) for part in node.inputs)])
    placed = [
        np.arange(a, b).reshape(part.shape)
        for a, b, part in zip(ends[:-1], ends[1:], node.inputs, strict=True)
        if part is not None
    ]
    order = np.concatenate(placed, axis)
    where = np.argsort(order.ravel())
    bias, parts = np.zeros(order.size), []
    for number, part in enumerate(node.inputs):
        rows = where[placed[number].ravel()]
        if isinstance(part, Tensor):
            parts.append((build.identity(order.size)[:, rows], part))
        else:
            bias[rows] = node.weights(number).ravel()
    return build.affine(parts, bias, order.shape)


def _elements(part: Value | None) -> int:
    if part is None:
        raise BadInput("inputs", "one left out", "all of them")
    return int(np.prod(part.shape))
