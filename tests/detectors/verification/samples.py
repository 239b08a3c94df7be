"""Operations, boxes and networks to try everything on; a new operation needs an entry in ``SAMPLES``."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from detectors.verification.box import Box
from detectors.verification.network import Network, Node
from detectors.verification.operations import (
    Affine,
    LeakyRelu,
    Maximum,
    Mixture,
    Operation,
    Product,
    Relu,
    Sigmoid,
    Tanh,
)  # fmt: skip
from detectors.verification.operations.affine_forms import average_pooling, convolution
from detectors.verification.operations.maximum import pooling
from detectors.verification.operations.recurrent import Gru, append, gru, steps_of

Draw = np.random.Generator


def _weights(rng: Draw, out: int, *sizes: int) -> list[np.ndarray]:
    return [float32(rng.normal(size=(out, n)) / np.sqrt(n)) for n in sizes]


def float32(values: np.ndarray) -> np.ndarray:
    """Rounded to numbers that binary32 holds."""
    return np.asarray(values, dtype=np.float32).astype(np.float64)


def _affine(rng: Draw) -> tuple[Operation, tuple[int, ...]]:
    return Affine(_weights(rng, 4, 3, 2), float32(rng.normal(size=4))), (3, 2)


def _maximum(rng: Draw) -> tuple[Operation, tuple[int, ...]]:
    # Entries in several groups, and one twice in a group.
    return Maximum([*rng.integers(0, 5, (4, 3)).tolist(), [2, 2, 1], [3, 3, 3]], (3, 2)), (3, 2)


SAMPLES: dict[str, Callable[[Draw], tuple[Operation, tuple[int, ...]]]] = {
    "affine": _affine,
    "relu": lambda rng: (Relu(), (5,)),
    "leaky_relu": lambda rng: (LeakyRelu(float(np.float32(rng.choice([0.0, 0.01, 0.3, 1.0])))), (5,)),
    "tanh": lambda rng: (Tanh(), (5,)),
    "sigmoid": lambda rng: (Sigmoid(), (5,)),
    "maximum": _maximum,
    "product": lambda rng: (Product(), (4, 4)),
    "mixture": lambda rng: (Mixture(), (4, 4, 4)),
}

KINDS = ("usual", "point", "narrow", "kink", "denormal", "wide", "far", "huge", "mixed")


def box(kind: str, size: int, rng: Draw) -> Box:
    """(1, size). narrow: 1e-9; kink: an end at 0 or just beside it; huge: 1e100."""
    if kind == "mixed":
        parts = [box(str(rng.choice(KINDS[:-2])), 1, rng) for _ in range(size)]
        return Box(np.hstack([p.low for p in parts]), np.hstack([p.high for p in parts]))
    centre = rng.normal(0.0, 2.0, (1, size))
    if kind == "kink":
        steps = np.array([0.0, -0.0, 5e-324, 1e-300, 1e-12, 1.0])
        return Box(-rng.choice(steps, (1, size)), rng.choice(steps, (1, size)))
    if kind == "denormal":
        ends = np.sort(rng.integers(-4, 5, (2, size)) * 5e-324, axis=0)
        return Box(ends[:1], ends[1:])
    if kind == "far":
        centre = centre * 200.0
    reach = {"usual": 1.0, "point": 0.0, "narrow": 1e-9, "wide": 1e6, "far": 10.0, "huge": 1e100}[kind]
    ends = np.sort(float32(centre) + reach * rng.uniform(-1.0, 1.0, (2, size)), axis=0)
    return Box(ends[:1], ends[1:])


def points(within: Box, count: int, rng: Draw) -> np.ndarray:
    """(count, size) of the first box, its least and greatest corner and other corners among them."""
    low, high = within.low[0], within.high[0]
    share = rng.random((count, len(low)))
    share[: count // 2] = np.rint(share[: count // 2])
    share[0], share[1] = 0.0, 1.0
    return np.clip(low + share * (high - low), low, high)


def evaluate32(operation: Operation, inputs: list[np.ndarray], rng: Draw) -> np.ndarray:
    """One evaluation in binary32, (points, n_i) each: sums in a random order, by pairs or one by one."""
    given = [np.asarray(values, dtype=np.float32) for values in inputs]
    if not isinstance(operation, Affine):
        return np.asarray(operation.evaluate(*given))
    columns = np.concatenate(given, axis=1)
    weight = np.concatenate(operation.matrices, axis=1).astype(np.float32)
    bias = operation.bias.astype(np.float32)
    terms = np.concatenate(
        [columns[:, None, :] * weight, np.broadcast_to(bias[:, None], (len(columns), len(bias), 1))], 2
    )
    terms = terms[:, :, rng.permutation(terms.shape[2])]
    if rng.random() < 0.5:
        return np.asarray(np.cumsum(terms, axis=2, dtype=np.float32)[:, :, -1])
    while terms.shape[2] > 1:
        pairs = terms[:, :, 0 : terms.shape[2] - 1 : 2] + terms[:, :, 1::2]
        terms = np.concatenate([pairs, terms[:, :, 2 * pairs.shape[2] :]], axis=2)
    return np.asarray(terms[:, :, 0])


def values32(network: Network, inputs: np.ndarray, rng: Draw) -> list[np.ndarray]:
    """Every value of a network evaluated in binary32 at points (points, inputs), the input first."""
    found = [inputs.astype(np.float32)]
    for operation, taken in network.nodes:
        found.append(evaluate32(operation, [found[i] for i in taken], rng))
    return found


def graph(rng: Draw, inputs: int = 4, nodes: int = 8, outputs: int = 2) -> Network:
    """A random network of all operations, with residual connections and shared values."""
    found: list[Node] = []
    sizes = [inputs]

    def add(operation: Operation, *taken: int) -> int:
        number = append(found, operation, *taken)
        sizes.append(operation.size(tuple(sizes[i] for i in taken)))
        return number

    def affine(taken: list[int], out: int) -> int:
        weights = _weights(rng, out, *(sizes[i] for i in taken))
        return add(Affine(weights, float32(0.3 * rng.normal(size=out))), *taken)

    while len(found) < nodes:
        one, other, third = (int(i) for i in rng.integers(0, len(sizes), 3))
        size = sizes[one]
        kind = str(
            rng.choice(["affine", "activation", "maximum", "pool", "product", "mixture", "convolution"])
        )
        if kind == "affine":
            affine([one, other] if other != one else [one], int(rng.integers(2, 5)))
        elif kind == "activation":
            chosen: list[Operation] = [Relu(), LeakyRelu(0.125), Tanh(), Sigmoid()]
            add(chosen[int(rng.integers(4))], affine([one], 3) if one == 0 else one)
        elif kind == "maximum":
            entries = rng.integers(0, size + sizes[other], (3, 2))
            add(Maximum(entries, (size, sizes[other])), one, other)
        elif kind == "pool" and size > 1:
            add(pooling(1, size, 2, 1), one)
            add(average_pooling(1, size, 2, 1), one)
        elif kind == "product":
            add(Product(), affine([other], size), one)
        elif kind == "mixture":
            add(Mixture(), add(Sigmoid(), affine([third], size)), one, affine([other], size))
        elif kind == "convolution" and size > 2:
            weight = float32(rng.normal(size=(1, 1, 2)))
            add(convolution(weight, None, size, padding=(1, 0)), one)
    affine([len(found), len(found) - 1], outputs)
    return Network(inputs, tuple(found))


def relu_network(rng: Draw, sizes: tuple[int, ...] = (3, 6, 6, 1)) -> Network:
    """Dense ReLU layers."""
    found: list[Node] = []
    value = 0
    for number, (own, out) in enumerate(itertools.pairwise(sizes)):
        value = append(found, Affine(_weights(rng, out, own), float32(0.3 * rng.normal(size=out))), value)
        if number < len(sizes) - 2:
            value = append(found, Relu(), value)
    return Network(sizes[0], tuple(found))


def gru_network(rng: Draw, steps: int = 4, features: int = 2, hidden: int = 3) -> Network:
    """A GRU over a window and one output."""
    weights = Gru(
        _weights(rng, 3 * hidden, features)[0], _weights(rng, 3 * hidden, hidden)[0],
        float32(0.3 * rng.normal(size=3 * hidden)), float32(0.3 * rng.normal(size=3 * hidden)),
    )  # fmt: skip
    found: list[Node] = []
    states = gru(found, steps_of(0, steps, features), weights)
    append(found, Affine(_weights(rng, 1, hidden), np.zeros(1)), states[-1].value)
    return Network(steps * features, tuple(found))
