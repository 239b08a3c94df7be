"""Layers that are several operations: a GRU unrolled over the window, a temporal convolution block.

Each function appends to the nodes of a network and gives back the numbers of its results.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.verification.network import Node
from detectors.verification.operations.activations import Relu
from detectors.verification.operations.affine import Affine
from detectors.verification.operations.affine_forms import addition, convolution
from detectors.verification.operations.base import Operation
from detectors.verification.operations.mixture import Mixture
from detectors.verification.operations.product import Product
from detectors.verification.operations.s_shaped import Sigmoid, Tanh
from streams.errors import BadInput

Floats = NDArray[np.float64]


class Gru(NamedTuple):
    """Weights as torch.nn.GRU holds them, rows for reset, update and new gate in this order: input (3 h, n),
    hidden (3 h, h), input_bias and hidden_bias (3 h,)."""

    input: Floats
    hidden: Floats
    input_bias: Floats
    hidden_bias: Floats


class Part(NamedTuple):
    """Entries first, first + 1, ... of value number ``value``, which has ``size`` of them."""

    value: int
    size: int
    first: int = 0


def append(nodes: list[Node], operation: Operation, *inputs: int) -> int:
    """Number of the result."""
    nodes.append(Node(operation, inputs))
    return len(nodes)


def steps_of(value: int, steps: int, features: int) -> list[Part]:
    """The steps of a value (steps, features), oldest first."""
    return [Part(value, steps * features, features * step) for step in range(steps)]


def gru(nodes: list[Node], steps: Sequence[Part], weights: Gru, start: Floats | None = None) -> list[Part]:
    """The hidden state (h,) after each step; start: before the first, zeros where None.

    Its result, or every state of it, may be the steps of another layer. Raises BadInput where the weights do
    not fit together or with the steps.
    """
    size = weights.hidden.shape[1]
    features = weights.input.shape[1]
    shapes = tuple(part.shape for part in weights)
    if shapes != ((3 * size, features), (3 * size, size), (3 * size,), (3 * size,)):
        raise BadInput("GRU, weights", shapes, "(3 h, n), (3 h, h), (3 h,), (3 h,)")
    if not steps or any(not 0 <= part.first <= part.size - features for part in steps):
        raise BadInput(
            "GRU, steps", [tuple(part) for part in steps], f"one or more that hold {features} entries"
        )
    first = np.zeros(size) if start is None else start
    state = append(nodes, Affine([np.zeros((size, steps[0].size))], first), steps[0].value)
    states = []
    for step in steps:
        state = _gru_step(nodes, step, state, weights)
        states.append(Part(state, size))
    return states


def _gru_step(nodes: list[Node], step: Part, state: int, weights: Gru) -> int:
    """Cho et al. 2014, with the reset behind the product with the state, as torch has it."""
    of_input = np.zeros((len(weights.input), step.size))
    of_input[:, step.first : step.first + weights.input.shape[1]] = weights.input
    size = weights.hidden.shape[1]
    reset_rows, update_rows, new_rows = (slice(i * size, (i + 1) * size) for i in range(3))
    gates = []
    for rows in (reset_rows, update_rows):
        bias = weights.input_bias[rows] + weights.hidden_bias[rows]
        both = Affine([of_input[rows], weights.hidden[rows]], bias)
        gates.append(append(nodes, Sigmoid(), append(nodes, both, step.value, state)))
    recalled = append(nodes, Affine([weights.hidden[new_rows]], weights.hidden_bias[new_rows]), state)
    kept = append(nodes, Product(), gates[0], recalled)
    drive = Affine([of_input[new_rows], np.eye(size)], weights.input_bias[new_rows])
    new = append(nodes, Tanh(), append(nodes, drive, step.value, kept))
    return append(nodes, Mixture(), gates[1], new, state)


class TemporalBlock(NamedTuple):
    """Weights of two causal convolutions (out, in, kernel), (out, out, kernel) with biases (out,), and of the
    convolution of length 1 beside them (out, in, 1), None where in = out."""

    first: Floats
    first_bias: Floats
    second: Floats
    second_bias: Floats
    beside: Floats | None = None
    beside_bias: Floats | None = None


def temporal_block(
    nodes: list[Node], value: int, length: int, weights: TemporalBlock, dilation: int = 1
) -> int:
    """Residual block of a temporal convolutional network (Bai et al. 2018) on (channels, length); the number
    of its result, (out, length). Raises BadInput where the weights do not fit together."""
    out, channels, _ = weights.first.shape
    if weights.beside is None and out != channels:
        raise BadInput("temporal block, channels", (channels, out), "equal, or a convolution beside")
    inner = value
    for weight, bias in ((weights.first, weights.first_bias), (weights.second, weights.second_bias)):
        causal = ((weight.shape[2] - 1) * dilation, 0)
        layer = convolution(weight, bias, length, padding=causal, dilation=dilation)
        inner = append(nodes, Relu(), append(nodes, layer, inner))
    if weights.beside is not None:
        value = append(nodes, convolution(weights.beside, weights.beside_bias, length), value)
    return append(nodes, Relu(), append(nodes, addition(out * length), inner, value))
