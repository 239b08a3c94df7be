"""Layers and physical features that are affine, as ``Affine`` operations.

Values over time are flattened row by row: (channels, length) for layers over time, as torch and ONNX have
them, (scans, tags) for raw telemetry. ``select`` reorders one into the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.verification.operations.affine import Affine
from streams.errors import BadInput

Floats = NDArray[np.float64]


def dense(weight: Floats, bias: Floats | None = None) -> Affine:
    """weight (out, in) @ x + bias (out,)."""
    return Affine([weight], np.zeros(len(weight)) if bias is None else bias)


def window_starts(
    length: int, kernel: int, stride: int, padding: tuple[int, int], dilation: int
) -> NDArray[np.intp]:
    """First entry of each window along time, below 0 in the padding. Raises BadInput where none fits."""
    smallest = {"length": length, "kernel": kernel, "stride": stride, "dilation": dilation}
    for name, value in smallest.items():
        if value < 1:
            raise BadInput(f"window over time, {name}", value, "1 or more")
    if min(padding) < 0:
        raise BadInput("window over time, padding", padding, "0 or more")
    room = length + sum(padding) - dilation * (kernel - 1)
    if room < 1:
        raise BadInput(
            "window over time, reach", dilation * (kernel - 1) + 1, f"at most {length + sum(padding)}"
        )
    return np.arange(0, room, stride) - padding[0]


def convolution(
    weight: Floats,
    bias: Floats | None,
    length: int,
    stride: int = 1,
    padding: int | tuple[int, int] = 0,
    dilation: int = 1,
    groups: int = 1,
) -> Affine:
    """Cross-correlation over time as torch's Conv1d: weight (out channels, in channels / groups, kernel).

    padding: zeros before and after; (n, 0) makes it causal. Raises BadInput where shapes do not fit.
    """
    if weight.ndim != 3 or groups < 1 or weight.shape[0] % groups:
        raise BadInput(
            "convolution, weight", (weight.shape, groups), "(out, in / groups, kernel), groups | out"
        )
    out, own, kernel = weight.shape
    both = (padding, padding) if isinstance(padding, int) else padding
    starts = window_starts(length, kernel, stride, both, dilation)
    matrix = np.zeros((out, len(starts), own * groups, length))
    for tap in range(kernel):
        times = starts + tap * dilation
        at = np.flatnonzero((times >= 0) & (times < length))
        for channel in range(out):
            first = channel // (out // groups) * own
            matrix[channel, at, first : first + own, times[at]] = weight[channel, :, tap]
    shift = np.zeros(out) if bias is None else bias
    if shift.shape != (out,):
        raise BadInput("convolution, bias", shift.shape, f"({out},)")
    return Affine([matrix.reshape(out * len(starts), -1)], np.repeat(shift, len(starts)))


def average_pooling(
    channels: int, length: int, kernel: int, stride: int | None = None, padding: int = 0
) -> Affine:
    """Means over time as torch's AvgPool1d; padding counts as zeros. stride: the kernel's where None."""
    share = np.full((channels, 1, kernel), 1.0 / kernel)
    return convolution(share, None, length, kernel if stride is None else stride, padding, 1, channels)


def addition(size: int, inputs: int = 2) -> Affine:
    """Sum of that many inputs of one size: a residual connection."""
    return Affine([np.eye(size)] * inputs, np.zeros(size))


def subtraction(size: int) -> Affine:
    """The first input less the second."""
    return Affine([np.eye(size), -np.eye(size)], np.zeros(size))


def concatenation(sizes: Sequence[int]) -> Affine:
    """Inputs of these sizes, end to end."""
    whole = np.eye(sum(sizes))
    return Affine(np.split(whole, np.cumsum(sizes)[:-1], axis=1), np.zeros(sum(sizes)))


def select(entries: Sequence[int] | NDArray[np.intp], size: int) -> Affine:
    """These entries of an input of that size, in this order. Raises BadInput for one that is not there."""
    chosen = np.asarray(entries, dtype=np.intp)
    if chosen.size and not (chosen.min() >= 0 and chosen.max() < size):
        raise BadInput("selection, entries", (int(chosen.min()), int(chosen.max())), f"0 to {size - 1}")
    return Affine([np.eye(size)[chosen]], np.zeros(len(chosen)))


def batch_normalisation(
    mean: Floats, variance: Floats, scale: Floats, shift: Floats, epsilon: float = 1e-5, length: int = 1
) -> Affine:
    """scale (x - mean) / sqrt(variance + epsilon) + shift for each of (channels,), over ``length`` times.

    It is folded: the two numbers per channel, as computed here, are the operation.
    """
    if not (variance + epsilon > 0.0).all():
        raise BadInput("batch normalisation, variance", float(np.min(variance)), f"above {-epsilon}")
    factor = scale / np.sqrt(variance + epsilon)
    return Affine([np.diag(np.repeat(factor, length))], np.repeat(shift - mean * factor, length))


def differences(scans: int, tags: int, lag: int = 1) -> Affine:
    """Change of every tag over ``lag`` scans: (scans, tags) -> (scans - lag, tags)."""
    if not 0 < lag < scans:
        raise BadInput("differences, lag", lag, f"1 to {scans - 1}")
    change = np.eye(scans - lag, scans, lag) - np.eye(scans - lag, scans)
    return dense(np.asarray(np.kron(change, np.eye(tags)), dtype=np.float64))


def scan_means(scans: int, tags: int) -> Affine:
    """Mean of every tag over the scans: (scans, tags) -> (tags,)."""
    return dense(np.kron(np.full((1, scans), 1.0 / scans), np.eye(tags)))


def residuals(
    rows: Sequence[Mapping[str, float]], tags: Sequence[str], offsets: Floats | None = None
) -> Affine:
    """Balances and other linear features of one scan: each row gives a coefficient to tags by name, in the
    tag's unit. Raises BadInput for a tag that is not among ``tags``."""
    column = {tag: number for number, tag in enumerate(tags)}
    matrix = np.zeros((len(rows), len(tags)))
    for number, row in enumerate(rows):
        for tag, coefficient in row.items():
            if tag not in column:
                raise BadInput(f"feature {number + 1}, tag", tag, f"one of {', '.join(tags)}")
            matrix[number, column[tag]] = coefficient
    return dense(matrix, offsets)


def every_scan(feature: Affine, scans: int) -> Affine:
    """A feature of one scan, for each of them: (scans, tags) -> (scans, features)."""
    matrix = np.asarray(np.kron(np.eye(scans), feature.matrices[0]), dtype=np.float64)
    return dense(matrix, np.tile(feature.bias, scans))
