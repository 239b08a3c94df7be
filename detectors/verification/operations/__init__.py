"""Operations of a network with their bound rules. A new one is a file here and a line in ``OPERATIONS``."""

from __future__ import annotations

from detectors.verification.operations.activations import LeakyRelu, Relu, Sigmoid, Tanh
from detectors.verification.operations.affine import Affine
from detectors.verification.operations.base import Operation

OPERATIONS: dict[str, type[Operation]] = {
    "affine": Affine,
    "relu": Relu,
    "leaky_relu": LeakyRelu,
    "tanh": Tanh,
    "sigmoid": Sigmoid,
}

__all__ = ["OPERATIONS", "Affine", "LeakyRelu", "Operation", "Relu", "Sigmoid", "Tanh"]
