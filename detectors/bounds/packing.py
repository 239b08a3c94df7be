"""A network behind its feature map, a box and the work space, each in one array.

A compiled call costs by the array, so arrays travel packed and are taken apart inside. Every part starts at
a multiple of a cache line, since vectors that straddle two lines load at half the speed.
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
ENDS = 4
"""Numbers kept for each row of coefficients: constant, magnitude, slack, lowest value."""


class Layers(NamedTuple):
    """Dense layers with ReLU between them; L layers, the first composed with the feature map.

    sizes: (L + 1,) n, h1, ..., outputs. forward: weight matrices transposed, (inputs, outputs), one after the
    other; backward: as they are; biases. (L,) per layer: norms, largest row sum of |W|; steepest, largest
    |W|; biggest, largest |b|.
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
    """Work space for some windows at once, matrices as flat arrays, row after row. low, high: pre-activation
    bounds, layer after layer, each (windows, neurons); magnitude, error: (L + 1, windows) bound on every
    partial sum, and on how far any evaluation is from the exact value; one, two: room for (rows,
    neurons) each, with two rows for each neuron of a layer; ends: (rows, ENDS); used: (2 * widest,)."""

    windows: int
    low: Floats
    high: Floats
    magnitude: Floats
    error: Floats
    one: Floats
    two: Floats
    ends: Floats
    used: Ints


def on_line(length: int) -> Floats:
    """Uninitialised numbers, the first at the start of a cache line."""
    room = np.empty(length + LINE)
    skip = -(room.ctypes.data // room.itemsize) % LINE
    return room[skip : skip + length]


def pack(layers: Layers, reach: Reach) -> tuple[Floats, Ints]:
    """(values, layout) for ``open_network``; layout: sizes, width, start and end of each part."""
    parts = [np.ravel(part) for part in (*layers[1:], *reach[:3], np.array([reach.constant, reach.wide]))]
    ends, start = [], 0
    for part in parts:
        ends += [start, start + part.size]
        start += whole_lines(part.size)
    values = on_line(start)
    for part, first, last in zip(parts, ends[::2], ends[1::2], strict=True):
        values[first:last] = part
    return values, np.array([*layers.sizes, reach.width, *ends], dtype=np.int64)


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def open_network(values: Floats, layout: Ints) -> tuple[Layers, Reach]:
    """Views of what ``pack`` joined."""
    e = layout[-20:]
    layers = Layers(
        layout[:-21], values[e[0] : e[1]], values[e[2] : e[3]], values[e[4] : e[5]], values[e[6] : e[7]],
        values[e[8] : e[9]], values[e[10] : e[11]],
    )  # fmt: skip
    reach = Reach(
        values[e[12] : e[13]], values[e[14] : e[15]], values[e[16] : e[17]], values[e[18]], values[e[18] + 1],
        layout[-21],
    )  # fmt: skip
    return layers, reach


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def whole_lines(length: int) -> int:
    """Length rounded up to whole cache lines."""
    return (length + LINE - 1) // LINE * LINE


@njit(cache=True)  # type: ignore[untyped-decorator]
def scratch_length(sizes: Ints, windows: int) -> int:
    """Length of the work space for that many windows."""
    rows = 2 * widest(sizes)
    return int(
        2 * whole_lines(windows * neurons_before(sizes, len(sizes)))
        + 2 * whole_lines(windows * len(sizes))
        + 2 * whole_lines(rows * widest(sizes))
        + ENDS * rows
    )


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def open_scratch(space: Floats, used: Ints, sizes: Ints, windows: int) -> Scratch:
    """Views of a work space of at least ``scratch_length``; used: (2 * widest,)."""
    neurons, layers = windows * neurons_before(sizes, len(sizes)), windows * len(sizes)
    b = whole_lines(neurons)
    c = b + whole_lines(neurons)
    d = c + whole_lines(layers)
    e = d + whole_lines(layers)
    room = whole_lines(2 * widest(sizes) * widest(sizes))
    f = e + room
    g = f + room
    return Scratch(
        windows, space[:neurons], space[b : b + neurons], space[c:d], space[d:e], space[e:f], space[f:g],
        space[g:], used,
    )  # fmt: skip


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def widest(sizes: Ints) -> int:
    """Largest number of neurons or inputs."""
    most = 0
    for size in sizes:
        most = max(most, int(size))
    return most


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def row(flat: Floats, r: int, width: int) -> Floats:
    """Row r of a matrix that lies flat."""
    return flat[r * width : (r + 1) * width]


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def weights_before(sizes: Ints, layer: int) -> int:
    """Weights of all layers before ``layer`` (from 1)."""
    before = 0
    for k in range(1, layer):
        before += sizes[k - 1] * sizes[k]
    return before


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def neurons_before(sizes: Ints, layer: int) -> int:
    """Neurons of all layers before ``layer`` (from 1)."""
    before = 0
    for k in range(1, layer):
        before += sizes[k]
    return before
