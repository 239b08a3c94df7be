"""A chain of dense layers, each with or without ReLU, packed for the kernels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.verification.network import Network
from detectors.verification.operations import Affine, Relu

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LARGEST = 1e300
MOST_BYTES = 2**28
"""Of the affine forms, for each lane of the search."""


class Chain(NamedTuple):
    """Layer l: z = W a + b of ``sizes[l]`` values, a' = max(z, 0) where ``rectified[l]``, else z.

    weights: all W one after the other, row by row, W of layer l from ``weight_at[l]``; biases, and all other
    arrays of neurons: layer l from ``neuron_at[l]``; sizes: inputs, then the neurons of each layer.
    """

    weights: Floats
    biases: Floats
    sizes: Ints
    weight_at: Ints
    neuron_at: Ints
    rectified: NDArray[np.bool_]

    @property
    def layers(self) -> int:
        """How many."""
        return len(self.rectified)


def chain_of(network: Network) -> Chain | None:
    """The network as a chain, None where it is not one."""
    weights: list[Floats] = []
    biases: list[Floats] = []
    rectified: list[bool] = []
    for number, (operation, inputs) in enumerate(network.nodes):
        if inputs != (number,):
            return None
        if isinstance(operation, Affine) and len(operation.matrices) == 1:
            weights.append(operation.matrices[0])
            biases.append(operation.bias)
            rectified.append(False)
        elif isinstance(operation, Relu) and rectified:
            rectified[-1] = True
        else:
            return None
    if not weights:
        return None
    ends = np.cumsum([0, *(w.size for w in weights)]), np.cumsum([0, *(len(b) for b in biases)])
    sizes = np.array([network.inputs, *(len(b) for b in biases)], dtype=np.int64)
    flat = np.concatenate([w.ravel() for w in weights])
    return Chain(flat, np.concatenate(biases), sizes, ends[0], ends[1], np.array(rectified, dtype=np.bool_))


def in_range(chain: Chain, matrix: Floats, low: Floats, high: Floats) -> bool:
    """Whether nothing can overflow that the kernels compute for matrix @ outputs, (rows, outputs), over any
    part of the box low <= x <= high, (n,) each; far from the edge.

    Values: affine forms widen at most 8 times a layer. Coefficients: a row of the specification, or of a
    layer and hence at most 1 before that layer, and at most 1 more for a held ReLU in each layer.
    """
    values = np.maximum(np.abs(low), np.abs(high)) + 1.0
    most, sums = [float(values.max())], []
    for layer in range(chain.layers):
        start, end = chain.weight_at[layer : layer + 2]
        weights = np.abs(chain.weights[start:end].reshape(-1, chain.sizes[layer]))
        biases = chain.biases[chain.neuron_at[layer] : chain.neuron_at[layer + 1]]
        values = 8.0 * (weights @ values + np.abs(biases) + 1.0)
        most.append(float(values.max()))
        sums.append(float(weights.sum(axis=0).max()))
    steep = [max(1.0, float(np.abs(matrix).max()))]
    for through in reversed(sums):
        steep.append(2.0 * (steep[-1] + 1.0) * max(through, 1.0))
    return bool(max(most) * max(steep) * (chain.sizes.sum() + 1.0) < LARGEST)


def affordable(network: Network) -> bool:
    """Whether there is room for the affine forms of the widest layer, if the network is a chain."""
    return 2 * 8 * max(network.sizes) * (1 + sum(network.sizes)) <= MOST_BYTES


class Bounds(NamedTuple):
    """What one pass finds of every neuron before its ReLU. low, high, magnitude (no partial sum is larger):
    (neurons,); shares: (neurons, inputs) half of the width that each input by itself accounts for."""

    low: Floats
    high: Floats
    magnitude: Floats
    shares: Floats


class Work(NamedTuple):
    """Scratch of the passes. forms, following: (widest, 1 + inputs + neurons) affine forms: centre, inputs,
    one symbol for every undecided ReLU; radius, size: (widest,) what the form leaves out, and the sum of its
    magnitudes; coefficients, passed, extra: (widest,); line: (inputs,); injected:
    (neurons,) coefficients to add before a ReLU, all 0 between calls; stop: (1,) true from the moment when
    the search is to end, set from outside."""

    forms: Floats
    following: Floats
    radius: Floats
    size: Floats
    coefficients: Floats
    passed: Floats
    extra: Floats
    injected: Floats
    line: Floats
    stop: NDArray[np.bool_]


def new_bounds(chain: Chain) -> Bounds:
    """Empty."""
    neurons = len(chain.biases)
    return Bounds(
        np.zeros(neurons), np.zeros(neurons), np.zeros(neurons), np.zeros((neurons, chain.sizes[0]))
    )


def new_work(chain: Chain) -> Work:
    """Empty."""
    neurons, widest, inputs = len(chain.biases), int(chain.sizes.max()), int(chain.sizes[0])
    columns = 1 + inputs + neurons
    return Work(
        np.zeros((widest, columns)),
        np.zeros((widest, columns)),
        np.zeros(widest),
        np.zeros(widest),
        np.zeros(widest),
        np.zeros(widest),
        np.zeros(widest),
        np.zeros(neurons),
        np.zeros(inputs),
        np.zeros(1, dtype=np.bool_),
    )
