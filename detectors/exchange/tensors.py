"""Tensors of an ONNX graph as positions in the values of a ``Network``, and the network built from them.

Whatever only moves elements (Reshape, Transpose, Slice, Gather, ...) changes positions and adds no operation.
Affine operations are kept one by one: a product of two weight matrices would be rounded, and the certified
function would no longer be the one in the file. Only what is exact is merged (``shifted``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.verification.network import Network, Node
from detectors.verification.operations import Affine, Operation
from streams.errors import BadInput

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
LARGEST = 2**26
"""Most elements of one explicit matrix: 0.5 GB."""


@dataclass(frozen=True)
class Tensor:
    """Element i of a tensor of shape ``at.shape`` is element at[i] of the network's value ``value``."""

    value: int
    at: Ints

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tensor in the file."""
        return self.at.shape


class Builder:
    """Collects operations in order; value 0 is the input of ``shape``, row-major."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._nodes: list[Node] = []
        self.check(*shape)
        self._sizes = [int(np.prod(shape))]
        self.input = Tensor(0, np.arange(self._sizes[0]).reshape(shape))

    def apply(self, operation: Operation, values: tuple[int, ...], shape: tuple[int, ...]) -> Tensor:
        """A new value of this shape. Raises BadInput where the operation does not take those values."""
        size = operation.size(tuple(self._sizes[v] for v in values))
        self._nodes.append(Node(operation, values))
        self._sizes.append(size)
        return Tensor(len(self._nodes), np.arange(size).reshape(shape))

    def elementwise(self, operation: Operation, tensor: Tensor) -> Tensor:
        """An operation that acts on every element by itself and keeps its place."""
        whole = tensor if self._is_permutation(tensor) else self.select(tensor.value, tensor.at)
        return Tensor(self.apply(operation, (whole.value,), (whole.at.size,)).value, whole.at)

    def select(self, value: int, at: Ints, fill: float = 0.0) -> Tensor:
        """Elements of a value as a value of their own; -1 stands for ``fill``."""
        flat = at.ravel()
        matrix = self.zeros(flat.size, self._sizes[value])
        there = np.flatnonzero(flat >= 0)
        matrix[there, flat[there]] = 1.0
        return self.apply(Affine([matrix], np.where(flat >= 0, 0.0, fill)), (value,), at.shape)

    def affine(self, parts: Sequence[tuple[Floats, Tensor]], bias: Floats, shape: tuple[int, ...]) -> Tensor:
        """sum of matrix (rows, elements) @ tensor, plus bias (rows,), as a tensor of this shape."""
        matrices, values = [], []
        for matrix, tensor in parts:
            at = tensor.at.ravel()
            if np.unique(at).size < at.size:
                # Columns of one element would be added up, which rounds.
                tensor = self.select(tensor.value, tensor.at)
                at = tensor.at.ravel()
            if at.size == self._sizes[tensor.value] and (at == np.arange(at.size)).all():
                matrices.append(matrix)
            else:
                matrices.append(self.zeros(matrix.shape[0], self._sizes[tensor.value]))
                matrices[-1][:, at] = matrix
            values.append(tensor.value)
        return self.apply(Affine(matrices, bias), tuple(values), shape)

    def shifted(self, tensor: Tensor, shift: Floats) -> Tensor:
        """tensor + shift, broadcast. The shift joins the bias of the operation before where that is exact."""
        at, by = np.broadcast_arrays(tensor.at, shift)
        tensor, flat = Tensor(tensor.value, at), by.ravel()
        if not flat.any():
            return tensor
        before = self._nodes[tensor.value - 1] if tensor.value else None
        if before is not None and isinstance(before.operation, Affine) and self._is_permutation(tensor):
            bias = before.operation.bias.copy()
            bias[at.ravel()] += flat
            if _exact_sum(before.operation.bias[at.ravel()], flat):
                joined = Affine(before.operation.matrices, bias)
                return Tensor(self.apply(joined, before.inputs, (bias.size,)).value, at)
        return self.affine([(self.identity(flat.size), tensor)], flat, at.shape)

    def scaled(self, tensor: Tensor, factor: Floats) -> Tensor:
        """tensor * factor, broadcast."""
        at, by = np.broadcast_arrays(tensor.at, factor)
        tensor, flat = Tensor(tensor.value, at), by.ravel()
        if (flat == 1.0).all():
            return tensor
        matrix = self.zeros(flat.size, flat.size)
        np.fill_diagonal(matrix, flat)
        return self.affine([(matrix, tensor)], np.zeros(flat.size), at.shape)

    def identity(self, size: int) -> Floats:
        """(size, size). Raises BadInput where that is too large."""
        matrix = self.zeros(size, size)
        np.fill_diagonal(matrix, 1.0)
        return matrix

    def network(self, output: Tensor) -> Network:
        """What the output needs, in order."""
        at = output.at.ravel()
        whole = at.size == self._sizes[output.value] and (at == np.arange(at.size)).all()
        if not whole or output.value == 0:
            output = self.select(output.value, output.at)
        needed = {output.value}
        for number in range(output.value, 0, -1):
            if number in needed:
                needed.update(self._nodes[number - 1].inputs)
        kept = sorted(needed | {0})
        renumbered = {old: new for new, old in enumerate(kept)}
        nodes = [self._nodes[number - 1] for number in kept if number]
        placed = tuple(Node(n.operation, tuple(renumbered[v] for v in n.inputs)) for n in nodes)
        return Network(self._sizes[0], placed)

    def _is_permutation(self, tensor: Tensor) -> bool:
        flat = tensor.at.ravel()
        return flat.size == self._sizes[tensor.value] == np.unique(flat).size

    def zeros(self, rows: int, columns: int) -> Floats:
        """(rows, columns) of 0. Raises BadInput where that is too large."""
        self.check(rows, columns)
        return np.zeros((rows, columns))

    def check(self, *sizes: int) -> None:
        """Raises BadInput where an array of these sizes is too large."""
        if math.prod(sizes) > LARGEST:
            shape = " x ".join(map(str, sizes))
            raise BadInput("matrix or tensor of the operation", shape, f"at most {LARGEST} elements")

    def length(self, value: int) -> int:
        """Of one value."""
        return self._sizes[value]


def _exact_sum(first: Floats, second: Floats) -> bool:
    """Whether first + second is not rounded anywhere (Knuth's two-sum)."""
    total = first + second
    part = total - first
    return bool((((first - (total - part)) + (second - part)) == 0.0).all())
