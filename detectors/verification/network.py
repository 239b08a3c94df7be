"""The network that is verified: operations in order, each on earlier values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.bounds.dense import Dense
from detectors.verification.operations import Affine, Operation, Relu
from streams.errors import BadInput

Floats = NDArray[np.float64]


class Node(NamedTuple):
    """operation on the values with these numbers; 0 is the network's input, i + 1 the result of node i."""

    operation: Operation
    inputs: tuple[int, ...]


@dataclass(frozen=True)
class Network:
    """inputs: length of the input; nodes: in order; the last one's result is the output.

    sizes: length of every value, the input first; cost: multiplications of the costliest operation on one
    vector. Raises BadInput where operations do not fit.
    """

    inputs: int
    nodes: tuple[Node, ...]
    sizes: tuple[int, ...] = field(init=False)
    cost: int = field(init=False)

    def __post_init__(self) -> None:
        sizes = [self.inputs]
        if not self.nodes or self.inputs < 1:
            raise BadInput("network", (self.inputs, len(self.nodes)), "an input and at least one operation")
        for number, node in enumerate(self.nodes):
            if not node.inputs or not all(0 <= i <= number for i in node.inputs):
                raise BadInput(f"operation {number + 1}, inputs", node.inputs, f"values 0 to {number}")
            try:
                sizes.append(node.operation.size(tuple(sizes[i] for i in node.inputs)))
            except BadInput as error:
                raise BadInput(f"operation {number + 1}: {error.where}", error.value, error.allowed) from None
        object.__setattr__(self, "sizes", tuple(sizes))
        costs = [node.operation.cost(tuple(sizes[i] for i in node.inputs)) for node in self.nodes]
        object.__setattr__(self, "cost", max(costs))

    @property
    def outputs(self) -> int:
        """Length of the output."""
        return self.sizes[-1]

    def values(self, points: Floats) -> list[Floats]:
        """Every value at points (points, inputs), the input first; plain floating point."""
        values = [points]
        for node in self.nodes:
            values.append(node.operation.evaluate(*(values[i] for i in node.inputs)))
        return values

    def __call__(self, points: Floats) -> Floats:
        """Outputs (points, outputs)."""
        return self.values(points)[-1]


def chain(operations: Sequence[Operation], inputs: int) -> Network:
    """A network in which every operation takes the result of the one before."""
    return Network(inputs, tuple(Node(operation, (i,)) for i, operation in enumerate(operations)))


def of_dense(dense: Dense, matrix: Floats | None = None, offset: Floats | None = None) -> Network:
    """Dense ReLU layers, behind the affine map matrix @ x + offset where one is given.

    The map is composed with the first layer, in which the rounding of that product is not charged: the
    composed matrix is the network. Use the kernels of ``detectors.bounds`` for the detector as deployed.
    """
    weights, biases = list(dense.weights), list(dense.biases)
    if matrix is not None:
        shift = np.zeros(matrix.shape[0]) if offset is None else offset
        weights[0], biases[0] = weights[0] @ matrix, weights[0] @ shift + biases[0]
    operations: list[Operation] = []
    for weight, bias in zip(weights, biases, strict=True):
        operations += [Affine([weight], bias), Relu()]
    return chain(operations[:-1], weights[0].shape[1])
