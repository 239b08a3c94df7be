"""Convolution, pooling and padding in one or more dimensions, from the positions that a window covers."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from detectors.exchange.onnx_node import OnnxNode, Value
from detectors.exchange.tensors import Floats, Ints, Tensor
from streams.errors import BadInput

OUTSIDE = -1
"""In place of a position: an element of the padding."""


def convolution(node: OnnxNode) -> Value:
    """Conv with constant weights (out, in / groups, ...); strides, padding, dilation and groups as given."""
    tensor, weights = node.tensor(), node.weights(1)
    groups = int(node.attribute("group", 1))
    if tensor.at.ndim < 3 or weights.ndim != tensor.at.ndim or weights.shape[0] % groups:
        raise BadInput(
            "shapes", (tensor.shape, weights.shape), "(n, channels, ...) and (out, in / groups, ...)"
        )
    if tensor.shape[1] != weights.shape[1] * groups:
        raise BadInput("channels", tensor.shape[1], f"{weights.shape[1] * groups} as the weights have")
    covered = windows(node, own(tensor), weights.shape[2:])
    outs = covered.shape[2 : tensor.at.ndim]
    matrix = _convolution_matrix(node, covered, weights, groups)
    bias = np.zeros(weights.shape[0]) if node.get(2) is None else node.weights(2)
    shape = (tensor.shape[0], weights.shape[0], *outs)
    whole = np.broadcast_to(bias.reshape(-1, *(1 for _ in outs)), shape).ravel()
    return node.build.affine([(matrix, tensor)], whole, shape)


def _convolution_matrix(node: OnnxNode, covered: Ints, weights: Floats, groups: int) -> Floats:
    """(outputs, inputs) from covered (n, channels, outs..., kernel...); every weight in its places, so that
    nothing is rounded."""
    batch, channels, taps = covered.shape[0], covered.shape[1], int(np.prod(weights.shape[2:]))
    per, out = channels // groups, weights.shape[0]
    at = covered.reshape(batch, groups, 1, per, -1, taps)
    places = at.shape[4]
    rows = np.arange(batch * out * places).reshape(batch, groups, out // groups, 1, places, 1)
    values = weights.reshape(1, groups, out // groups, per, 1, taps)
    at, rows, values = np.broadcast_arrays(at, rows, values)
    inside = at != OUTSIDE
    matrix = node.build.zeros(batch * out * places, int(np.prod(node.tensor().shape)))
    matrix[rows[inside], at[inside]] = values[inside]
    return matrix


def average_pool(node: OnnxNode) -> Value:
    """Mean of each window, of the padding too with ``count_include_pad``."""
    tensor = node.tensor()
    return _mean(node, tensor, tuple(node.attribute("kernel_shape", ())))


def global_average_pool(node: OnnxNode) -> Value:
    """Mean of each channel."""
    tensor = node.tensor()
    return _mean(node, tensor, tensor.shape[2:])


def _mean(node: OnnxNode, tensor: Tensor, kernel: tuple[int, ...]) -> Tensor:
    covered = windows(node, own(tensor), kernel)
    shape = covered.shape[: tensor.at.ndim]
    flat = covered.reshape(int(np.prod(shape)), -1)
    inside = flat != OUTSIDE
    count = flat.shape[1] if node.attribute("count_include_pad", 0) else inside.sum(axis=1)
    matrix = node.build.zeros(flat.shape[0], tensor.at.size)
    rows = np.broadcast_to(np.arange(flat.shape[0])[:, None], flat.shape)
    share = np.broadcast_to((1.0 / np.maximum(count, 1) * np.ones(flat.shape[0]))[:, None], flat.shape)
    matrix[rows[inside], flat[inside]] = share[inside]
    return node.build.affine([(matrix, tensor)], np.zeros(flat.shape[0]), shape)


def padding(node: OnnxNode) -> Value:
    """Pad with a constant."""
    mode = node.attribute("mode", b"constant").decode()
    if mode != "constant":
        raise BadInput("mode", mode, "constant")
    tensor, pads = node.tensor(), node.integers("pads", 1) or []
    value = node.option("value", 2, 0.0)
    axes = node.integers("axes", 3) or list(range(tensor.at.ndim))
    half = len(axes)
    if len(pads) != 2 * half or min(pads, default=0) < 0:
        raise BadInput("pads", pads, f"{2 * half} numbers of at least 0")
    widths = [(0, 0)] * tensor.at.ndim
    for axis, before, after in zip(axes, pads[:half], pads[half:], strict=True):
        widths[axis] = (before, after)
    if not any(pads):
        return tensor
    node.build.check(*(size + sum(more) for size, more in zip(tensor.shape, widths, strict=True)))
    at = np.pad(tensor.at, widths, constant_values=OUTSIDE)
    return node.build.select(tensor.value, at, float(np.asarray(value).reshape(())))


def windows(node: OnnxNode, at: Ints, kernel: tuple[int, ...]) -> Ints:
    """(n, channels, outs..., kernel...) positions that each window covers, OUTSIDE in the padding.

    at: (n, channels, ...). Raises BadInput where attributes and shapes do not fit.
    """
    dims = at.ndim - 2
    strides = list(node.attribute("strides", [1] * dims))
    dilations = list(node.attribute("dilations", [1] * dims))
    if dims < 1 or not len(kernel) == len(strides) == len(dilations) == dims:
        raise BadInput(
            "kernel_shape, strides, dilations", (kernel, strides, dilations), f"{dims} numbers each"
        )
    if min(*kernel, *strides, *dilations) < 1:
        raise BadInput("kernel_shape, strides, dilations", (kernel, strides, dilations), "numbers from 1 up")
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    before, after = _pads(node, at.shape[2:], spans, strides)
    widths = [(0, 0), (0, 0), *zip(before, after, strict=True)]
    node.build.check(*(size + sum(more) for size, more in zip(at.shape, widths, strict=True)))
    padded = np.pad(at, widths, constant_values=OUTSIDE)
    left = [size - span for size, span in zip(padded.shape[2:], spans, strict=True)]
    if min(left) < 0:
        raise BadInput("kernel_shape", kernel, f"at most the padded input {padded.shape[2:]}")
    if node.attribute("ceil_mode", 0) and any(n % s for n, s in zip(left, strides, strict=True)):
        raise BadInput("ceil_mode", 1, "0, or windows that end with the input")
    views = sliding_window_view(padded, spans, axis=tuple(range(2, at.ndim)))
    steps = [slice(None, None, s) for s in strides]
    taps = [slice(None, None, d) for d in dilations]
    return views[(slice(None), slice(None), *steps, *taps)]


def _pads(
    node: OnnxNode, sizes: tuple[int, ...], spans: list[int], strides: list[int]
) -> tuple[list[int], list[int]]:
    """Before and after each spatial axis."""
    dims, automatic = len(sizes), node.attribute("auto_pad", b"NOTSET").decode()
    if automatic == "NOTSET":
        pads = list(node.attribute("pads", [0] * 2 * dims))
        if len(pads) != 2 * dims or min(pads) < 0:
            raise BadInput("pads", pads, f"{2 * dims} numbers of at least 0")
        return pads[:dims], pads[dims:]
    if automatic == "VALID":
        return [0] * dims, [0] * dims
    whole = [
        max((-(-size // s) - 1) * s + span - size, 0)
        for size, span, s in zip(sizes, spans, strides, strict=True)
    ]
    less, more = [w // 2 for w in whole], [w - w // 2 for w in whole]
    return (less, more) if automatic == "SAME_UPPER" else (more, less)


def own(tensor: Tensor) -> Ints:
    """Positions within the tensor itself."""
    return np.arange(tensor.at.size).reshape(tensor.shape)
