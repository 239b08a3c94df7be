"""A network behind its feature map, a box and the work space, each in one array.

A compiled call costs by the array, and a view or a tuple of views by its counts of references. So everything
lies in rows of one length, in one array for the network and one for the work space; kernels get these two
and the numbers of rows. Of a row that is longer than its vector the first columns are used. Rows start at
multiples of a cache line, since vectors that straddle two lines load at half the speed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LINE = 8
"""Numbers in a cache line."""
HEAD = 4
"""Numbers before the layers in a layout: number of layers, inputs, terms of the first layer's rounding, row
of the biases."""
LAYER = 4
"""Numbers of a layer in a layout, those of ``Layer``."""


class Layer(NamedTuple):
    """A dense layer; the first is composed with the feature map. forward: row in the network's array where
    its weight matrix begins, transposed, (inputs, outputs); backward: where it begins as it is."""

    inputs: int
    outputs: int
    forward: int
    backward: int


class Network(NamedTuple):
    """Layers with ReLU between them, and a box of one size about any centre; but for numbers, all are rows.

    depth: number of layers L; inputs: n. biases: L rows. norms, steepest, biggest: for each layer the largest
    row sum of |W|, largest |W|, largest |b|. radius: (h1,) of the first layer, rounded outward; reach: (n,)
    half width of the box; input_size: (n,) largest |raw weight| sum per input. constant: of the first layer's
    magnitude that does not depend on the window; wide: relative rounding of the first layer; width: its
    terms.
    """

    depth: int
    inputs: int
    width: int
    biases: int
    norms: int
    steepest: int
    biggest: int
    radius: int
    reach: int
    input_size: int
    constant: float
    wide: float


class Scratch(NamedTuple):
    """Rows of the work space for some windows at once. low, high: pre-activation bounds, a row for each layer
    and window (``row_of``); sums: for the same, a bound on every partial sum, and on how far any evaluation
    is from the exact value; one, two: rows of coefficients, two for each neuron of a layer; ends: what is
    kept for each of those; mid, rad, falling, rising: one row each."""

    windows: int
    low: int
    high: int
    sums: int
    one: int
    two: int
    ends: int
    mid: int
    rad: int
    falling: int
    rising: int


def on_line(rows: int, width: int) -> Floats:
    """Uninitialised rows of at least ``width`` numbers, each at the start of a cache line."""
    width = -(-width // LINE) * LINE
    room = np.empty(rows * width + LINE)
    skip = -(room.ctypes.data // room.itemsize) % LINE
    return room[skip : skip + rows * width].reshape(rows, width)


def pack(
    weights: list[Floats], biases: list[Floats], limits: list[Floats], box: list[Floats], width: int
) -> tuple[Floats, Ints]:
    """(values, layout) for ``open_network``; limits: norms, steepest, biggest; box: radius, reach,
    input_size, then constant and wide; width: of ``Network``."""
    depth, sizes = len(weights), [weights[0].shape[1], *(len(w) for w in weights)]
    parts = [*(w.T for w in weights), *weights, *(x[None] for x in (*biases, *limits, *box))]
    starts = np.cumsum([0, *(len(part) for part in parts)])
    values = on_line(int(starts[-1]), max(*sizes, depth))
    values[:] = 0.0
    for part, start in zip(parts, starts[:-1], strict=True):
        values[start : start + len(part), : part.shape[1]] = part
    layers = zip(sizes[:-1], sizes[1:], starts[:depth], starts[depth : 2 * depth], strict=True)
    layout = [depth, sizes[0], width, starts[2 * depth], *(x for layer in layers for x in layer)]
    read = np.flatnonzero(weights[0].any(axis=0))
    return values, np.array([*layout, *read], dtype=np.int64)


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def open_network(values: Floats, layout: Ints) -> Network:
    """Where the parts lie that ``pack`` joined."""
    depth, biases = layout[0], layout[3]
    b = biases + depth
    return Network(
        depth, layout[1], layout[2], biases, b, b + 1, b + 2, b + 3, b + 4, b + 5, values[b + 6, 0],
        values[b + 6, 1],
    )  # fmt: skip


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def layer_of(layout: Ints, layer: int) -> Layer:
    """One layer, from 1."""
    k = HEAD + LAYER * (layer - 1)
    return Layer(layout[k], layout[k + 1], layout[k + 2], layout[k + 3])


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def read_of(layout: Ints) -> Ints:
    """Inputs that any neuron of the first layer has a weight for."""
    return layout[HEAD + LAYER * layout[0] :]


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def open_scratch(depth: int, widest: int, windows: int) -> Scratch:
    """Rows for that many windows; widest: largest number of neurons or inputs."""
    a, rows = windows * depth, 2 * widest
    b = 3 * a
    c = b + 3 * rows
    return Scratch(windows, 0, a, 2 * a, b, b + rows, b + 2 * rows, c, c + 1, c + 2, c + 3)


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def row_of(layer: int, window: int, s: Scratch) -> int:
    """Row of a layer (from 1) and a window, counted from ``low``, ``high`` or ``sums``."""
    return (layer - 1) * s.windows + window
