"""Small random networks for tests."""

from __future__ import annotations

import numpy as np

from detectors.verification.network import Network, Node, chain
from detectors.verification.operations import Affine, LeakyRelu, Operation, Relu, Sigmoid, Tanh


def affine(rng: np.random.Generator, outputs: int, *inputs: int) -> Affine:
    matrices = [rng.standard_normal((outputs, n)) / np.sqrt(n) for n in inputs]
    return Affine(matrices, 0.3 * rng.standard_normal(outputs))


def activation(rng: np.random.Generator) -> Operation:
    kinds: list[Operation] = [Relu(), LeakyRelu(0.1), Tanh(), Sigmoid()]
    return kinds[int(rng.integers(len(kinds)))]


def network(rng: np.random.Generator, inputs: int, outputs: int = 1, hidden: int = 6) -> Network:
    """A chain of two hidden layers, or one with a branch that skips the second."""
    first, second = activation(rng), activation(rng)
    if rng.random() < 0.5:
        layers = [affine(rng, hidden, inputs), first, affine(rng, hidden, hidden), second]
        return chain([*layers, affine(rng, outputs, hidden)], inputs)
    nodes = (
        Node(affine(rng, hidden, inputs), (0,)),
        Node(first, (1,)),
        Node(affine(rng, hidden, hidden), (2,)),
        Node(second, (3,)),
        Node(affine(rng, outputs, hidden, hidden, inputs), (2, 4, 0)),
    )
    return Network(inputs, nodes)
