"""Operations of a network with their bound rules. A new one is a file here and a line in ``OPERATIONS``."""

from __future__ import annotations

from detectors.verification.operations.activations import LeakyRelu, Relu
from detectors.verification.operations.affine import Affine
from detectors.verification.operations.base import Operation
from detectors.verification.operations.maximum import Maximum
from detectors.verification.operations.mixture import Mixture
from detectors.verification.operations.product import Product
from detectors.verification.operations.s_shaped import Sigmoid, Tanh

OPERATIONS: dict[str, type[Operation]] = {
    "affine": Affine,
    "relu": Relu,
    "leaky_relu": LeakyRelu,
    "tanh": Tanh,
    "sigmoid": Sigmoid,
    "maximum": Maximum,
    "product": Product,
    "mixture": Mixture,
}

__all__ = [
    "OPERATIONS",
    "Affine",
    "LeakyRelu",
    "Maximum",
    "Mixture",
    "Operation",
    "Product",
    "Relu",
    "Sigmoid",
    "Tanh",
]
