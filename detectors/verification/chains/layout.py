"""A chain of dense layers, each with or without ReLU, packed for the kernels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.verification.network import Network
from detectors.verification.operations import Affine, Relu

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


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
    (neurons,) coefficients to add before a ReLU, all 0 between calls."""

    forms: Floats
    following: Floats
    radius: Floats
    size: Floats
    coefficients: Floats
    passed: Floats
    extra: Floats
    injected: Floats
    line: Floats


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
    )
