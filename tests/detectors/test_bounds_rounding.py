"""Rounding alone: boxes of no width, sums that cancel to almost nothing."""

from fractions import Fraction

import numpy as np
import pytest

from detectors.bounds import Bounder, Dense, kernels
from detectors.bounds.packing import layer_of, open_network, open_scratch, pack
from tests.reference import exact_network


@pytest.mark.parametrize("seed", range(20))
def test_rounding_of_layer_one_is_covered_alone(seed: int) -> None:
    """Huge terms that cancel in layer 1, then one neuron that passes the value on."""
    rng = np.random.default_rng(seed)
    matrix = np.sign(rng.standard_normal((6, 60))) * 10.0 ** rng.uniform(0, 8, (6, 60))
    weights = (rng.standard_normal((1, 6)), np.ones((1, 1)))
    centre = rng.standard_normal(60)
    bias = float(np.sum(weights[0] @ matrix @ centre))
    network = Dense(weights, (np.array([1.0 - bias]), np.zeros(1)))
    bounder = Bounder(network, matrix, np.zeros(6), np.zeros(60), 1)
    exact = exact_network.logit(network, matrix, np.zeros(6), exact_network.exact(centre))
    for found in (bounder.interval(centre), bounder.linear(centre)):
        assert Fraction(found.low) <= exact <= Fraction(found.high)
    assert float(exact) != bounder.logit(centre)


@pytest.mark.parametrize("outputs", [1, kernels.NARROW])
@pytest.mark.parametrize("seed", range(20))
def test_rounding_of_deeper_layers_is_covered_alone(seed: int, outputs: int) -> None:
    """The kernel on points, no width at all from layer 1: weights that cancel to almost nothing."""
    rng = np.random.default_rng(seed)
    n = 50
    weights = np.repeat(np.sign(rng.standard_normal((1, n))) * 10.0 ** rng.uniform(0, 8, (1, n)), outputs, 0)
    point = rng.random(n)
    bias = np.full(outputs, -float(weights[0] @ point))
    first = np.zeros((n, 1))
    biggest = [np.array([size]) for size in (np.abs(weights).sum(), np.abs(weights).sum(), np.abs(bias[0]))]
    limits = [np.repeat(size, 2) for size in biggest]
    box = [np.zeros(n), np.zeros(1), np.zeros(1), np.zeros(2)]
    values, layout = pack([first, weights], [np.zeros(n), bias], limits, box, 1)
    net, scratch = open_network(values, layout), open_scratch(2, n, 1)
    space, used = np.zeros((scratch.rising + 1, values.shape[1])), np.zeros(n, dtype=np.int64)
    space[scratch.low, :n] = space[scratch.high, :n] = point
    kernels.next_layer(values, net, layer_of(layout, 2), 2, 0, space, scratch, used)
    low, high = (space[first + 1, :outputs] for first in (scratch.low, scratch.high))
    terms = [Fraction(float(w)) * Fraction(float(x)) for w, x in zip(weights[0], point, strict=True)]
    exact = sum(terms, Fraction(float(bias[0])))
    assert Fraction(low[-1]) <= exact <= Fraction(high[-1])
    for order in (np.arange(n)[::-1], rng.permutation(n)):
        value = float(np.sum(weights[0, order] * point[order]) + bias[0])
        assert low[-1] <= value <= high[-1]
