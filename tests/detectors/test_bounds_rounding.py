"""Rounding alone: boxes of no width, sums that cancel to almost nothing."""

from fractions import Fraction

import numpy as np
import pytest

from detectors.bounds import Bounder, Dense, kernels
from detectors.bounds.packing import Layers, open_scratch, scratch_length
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
    sizes, first = np.array([1, n, outputs]), np.zeros(n)
    big, largest = np.full(2, np.abs(weights).sum()), np.full(2, np.abs(bias[0]))
    net = Layers(
        sizes, np.r_[first, weights.T.ravel()], np.r_[first, weights.ravel()], np.r_[first, bias], big, big,
        largest,
    )  # fmt: skip
    space, used = np.zeros(scratch_length(sizes, 1)), np.zeros(2 * n, dtype=np.int64)
    scratch = open_scratch(space, used, sizes, 1)
    scratch.low[:n] = scratch.high[:n] = point
    kernels.next_layer(2, 0, net, scratch)
    low, high = scratch.low, scratch.high
    terms = [Fraction(float(w)) * Fraction(float(x)) for w, x in zip(weights[0], point, strict=True)]
    exact = sum(terms, Fraction(float(bias[0])))
    assert Fraction(low[-1]) <= exact <= Fraction(high[-1])
    for order in (np.arange(n)[::-1], rng.permutation(n)):
        value = float(np.sum(weights[0, order] * point[order]) + bias[0])
        assert low[-1] <= value <= high[-1]
