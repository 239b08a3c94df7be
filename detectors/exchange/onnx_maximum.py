"""Largest of several entries: MaxPool, Max and ReduceMax."""

from __future__ import annotations

import numpy as np

from detectors.exchange.onnx_node import OnnxNode, Value
from detectors.exchange.onnx_windows import OUTSIDE, own, windows
from detectors.exchange.tensors import Ints, Tensor
from detectors.verification.operations import Maximum
from streams.errors import BadInput


def max_pool(node: OnnxNode) -> Value:
    """Largest of each window; the padding never is."""
    tensor = node.tensor()
    covered = windows(node, own(tensor), tuple(node.attribute("kernel_shape", ())))
    shape = covered.shape[: tensor.at.ndim]
    flat = covered.reshape(int(np.prod(shape)), -1)
    inside = flat.max(axis=1, keepdims=True)
    if (inside == OUTSIDE).any():
        raise BadInput("pads", "a window of padding only", "windows that cover the input")
    return _largest(node, [tensor], np.where(flat == OUTSIDE, inside, flat), shape)


def maximum(node: OnnxNode) -> Value:
    """Element by element of two or more values."""
    tensors = [node.tensor(number) for number in range(len(node.inputs))]
    spread = np.broadcast_arrays(*(t.at for t in tensors))
    tensors = [Tensor(t.value, at) for t, at in zip(tensors, spread, strict=True)]
    groups = np.arange(spread[0].size * len(tensors)).reshape(len(tensors), -1).T
    return _largest(node, tensors, groups, spread[0].shape)


def reduce_max(node: OnnxNode) -> Value:
    """Along ``axes``, by default along all."""
    tensor, axes = node.tensor(), node.integers("axes", 1)
    dims = tensor.at.ndim
    gone = sorted({axis % dims for axis in (range(dims) if axes is None else axes)})
    kept = [axis for axis in range(dims) if axis not in gone]
    sizes = [tensor.shape[axis] for axis in kept]
    if node.attribute("keepdims", 1):
        shape = tuple(1 if axis in gone else tensor.shape[axis] for axis in range(dims))
    else:
        shape = tuple(sizes)
    groups = own(tensor).transpose(*kept, *gone).reshape(int(np.prod(sizes)), -1)
    return _largest(node, [tensor], groups, shape)


def _largest(node: OnnxNode, tensors: list[Tensor], groups: Ints, shape: tuple[int, ...]) -> Tensor:
    """groups (size, k): positions in the tensors joined end to end."""
    build, values = node.build, tuple(t.value for t in tensors)
    lengths = [build.length(value) for value in values]
    starts = np.cumsum([0, *lengths[:-1]])
    joined = np.concatenate([t.at.ravel() + start for t, start in zip(tensors, starts, strict=True)])
    build.check(groups.size, sum(lengths))
    return build.apply(Maximum(joined[groups], lengths), values, shape)
