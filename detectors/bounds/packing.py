"""A network behind its feature map, a box and the work space, each in one array.

A compiled call costs by the array, so arrays travel packed and are taken apart inside.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ROWS = 5
"""Rows of work space as wide as the widest value."""


class Layers(NamedTuple):
    """Dense layers with ReLU between them; L layers, the first composed with the feature map.

    sizes: (L + 1,) n, h1, ..., outputs. forward: weight matrices transposed, (inputs, outputs), one after the
    other; backward: as they are; biases. (L,) per layer: norms, largest row sum of |W|; steepest,
    largest |W|; biggest, largest |b|.
    """

    sizes: Ints
    forward: Floats
    backward: Floats
    biases: Floats
    norms: Floats
    steepest: Floats
    biggest: Floats


class Reach(NamedTuple):
    """Box of one size about any centre. radius: (h1,) of the first layer, rounded outward; reach: (n,) half
    width; input_size: (n,) largest |raw weight| sum per input; constant: of the first layer's magnitude that
    does not depend on the window; wide: relative rounding of the first layer; width: its terms."""

    radius: Floats
    reach: Floats
    input_size: Floats
    constant: float
    wide: float
    width: int


class Scratch(NamedTuple):
    """low, high: pre-activation bounds of all layers one after the other; magnitude, error: (L + 1,) per
    layer, bound on every partial sum, and on how far any evaluation is from the exact value; work: (ROWS,
    widest value); sums: (6,); used: (widest,)."""

    low: Floats
    high: Floats
    magnitude: Floats
    error: Floats
    work: Floats
    sums: Floats
    used: Ints


def pack(layers: Layers, reach: Reach) -> tuple[Floats, Ints]:
    """(values, layout) for ``open_network``."""
    numbers = np.array([reach.constant, reach.wide])
    parts = (*layers[1:], reach.radius, reach.reach, reach.input_size, numbers)
    layout = np.array([*layers.sizes, reach.width], dtype=np.int64)
    return np.concatenate([np.ravel(part) for part in parts]), layout


def scratch_length(sizes: Ints) -> int:
    """Length of the float work space."""
    return int(2 * sizes[1:].sum() + 2 * len(sizes) + ROWS * sizes.max() + 6)


@njit(cache=True)  # type: ignore[untyped-decorator]
def open_network(values: Floats, layout: Ints) -> tuple[Layers, Reach]:
    """Views of what ``pack`` joined."""
    sizes = layout[:-1]
    count = len(sizes) - 1
    weights, neurons = 0, 0
    for k in range(count):
        weights += sizes[k] * sizes[k + 1]
        neurons += sizes[k + 1]
    a = 2 * weights
    b = a + neurons
    c = b + 3 * count
    d = c + sizes[1]
    e = d + 2 * sizes[0]
    layers = Layers(
        sizes, values[:weights], values[weights:a], values[a:b], values[b : b + count],
        values[b + count : b + 2 * count], values[b + 2 * count : c],
    )  # fmt: skip
    middle = d + sizes[0]
    reach = Reach(values[c:d], values[d:middle], values[middle:e], values[e], values[e + 1], layout[-1])
    return layers, reach


@njit(cache=True)  # type: ignore[untyped-decorator]
def open_scratch(space: Floats, used: Ints, sizes: Ints) -> Scratch:
    """Views of one work space of ``scratch_length``."""
    neurons, widest = 0, sizes[0]
    for k in range(1, len(sizes)):
        neurons += sizes[k]
        widest = max(widest, sizes[k])
    a = 2 * neurons
    b = a + len(sizes)
    c = b + len(sizes)
    d = c + ROWS * widest
    return Scratch(
        space[:neurons], space[neurons:a], space[a:b], space[b:c], space[c:d].reshape((ROWS, widest)),
        space[d:], used,
    )  # fmt: skip
