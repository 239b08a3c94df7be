"""Zonotopes by hand, and against what else is known of a network."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

from detectors.verification.box import Box
from detectors.verification.methods import METHODS
from detectors.verification.methods.zonotope import tighten_by_zonotopes
from detectors.verification.network import Network, Node, chain
from detectors.verification.operations import Affine, Product, Relu
from detectors.verification.operations.affine_forms import addition, subtraction
from detectors.verification.operations.maximum import elementwise
from detectors.verification.problem import Problem, above_zero
from detectors.verification.propagation import propagate
from detectors.verification.rounding import ARITHMETICS
from detectors.verification.sets import Boxes
from detectors.verification.zonotope import Zonotope, around, moved, plus, scaled
from tests.detectors.verification.samples import gru_network, relu_network
from tests.reference import exact_operations as oracle

EXACT = ARITHMETICS["exact"]


def output(network: Network, region: Boxes) -> Box:
    trace = propagate(network, region, EXACT)
    tighten_by_zonotopes(trace)
    return trace.values[-1].box


def test_around_a_box_and_back() -> None:
    """The entry that cannot move has no symbol."""
    given = Box(np.array([[0.0, 5.0, -2.0]]), np.array([[1.0, 5.0, 2.0]]))
    zonotope = around(given)
    assert zonotope.generators.shape == (1, 2, 3)
    assert zonotope.box.low == pytest.approx(given.low)
    assert zonotope.box.high == pytest.approx(given.high)
    assert (zonotope.box.low <= given.low).all()
    assert (zonotope.box.high >= given.high).all()


def test_over_more_symbols_and_fresh_ones() -> None:
    one = Zonotope(np.zeros((1, 2)), np.array([[[1.0, 2.0]]]), np.zeros((1, 2)))
    wide = one.over(3).with_fresh(np.array([[0.0, 0.5]]))
    assert wide.generators[0].tolist() == [[1.0, 2.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.5]]
    assert wide.radius == pytest.approx(np.array([[1.0, 2.5]]))


def test_rounding_of_sums_and_multiples_is_in_the_spread() -> None:
    """At every corner of the symbols, in exact arithmetic; inputs without spread of their own."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        parts = rng.normal(size=(2, 4, 3)) * 10.0 ** rng.integers(-3, 4, (2, 4, 1))
        one, other = (Zonotope(p[None, 0], p[None, 1:], np.zeros((1, 3))) for p in parts)
        slopes, shift = rng.normal(size=(1, 3)), rng.normal(size=(1, 3)) * 1e3
        for corner in itertools.product((-1, 1), repeat=3):
            a, b = (at_corner(z, corner) for z in (one, other))
            wanted = (
                (scaled(slopes, one), [s * v for s, v in zip(oracle.exact(slopes[0]), a, strict=True)]),
                (plus(one, other), [v + w for v, w in zip(a, b, strict=True)]),
                (moved(one, shift), [v + w for v, w in zip(a, oracle.exact(shift[0]), strict=True)]),
            )
            for found, values in wanted:
                known = at_corner(found, corner)
                for value, near, spread in zip(values, known, found.spread[0], strict=True):
                    assert abs(value - near) <= Fraction(float(spread))


def at_corner(zonotope: Zonotope, corner: tuple[int, ...]) -> list[Fraction]:
    columns = zip(oracle.exact(zonotope.centre[0]), zonotope.generators[0].T, strict=True)
    return [centre + oracle.dot(np.array(corner), oracle.exact(column)) for centre, column in columns]


def test_what_cancels_cancels() -> None:
    """(2 x + 1) - 2 x = 1 for every x, where intervals say [-3, 5]."""
    nodes = (
        Node(Affine([np.array([[2.0]])], np.array([1.0])), (0,)),
        Node(Affine([np.array([[2.0]])], np.array([0.0])), (0,)),
        Node(subtraction(1), (1, 2)),
    )
    found = output(Network(1, nodes), Boxes(np.array([-1.0]), np.array([1.0])))
    assert (found.low[0, 0], found.high[0, 0]) == (pytest.approx(1.0), pytest.approx(1.0))


def test_relu_by_hand() -> None:
    """x in [-1, 1]: relu(x) in x / 2 + [0, 1/2], so relu(x) - x / 2 in [0, 1/2]."""
    half = Node(Affine([np.array([[0.5]])], np.zeros(1)), (0,))
    network = Network(1, (Node(Relu(), (0,)), half, Node(subtraction(1), (1, 2))))
    found = output(network, Boxes(np.array([-1.0]), np.array([1.0])))
    assert (found.low[0, 0], found.high[0, 0]) == (pytest.approx(0.0, abs=1e-12), pytest.approx(0.5))


def test_product_by_hand() -> None:
    """x (x + 1) for x in [0, 2]: middles 1 and 2, half widths 1 and 1: 3 x - 1 +- 1 -> [-2, 6]; with the
    interval rule [0, 6]."""
    network = Network(1, (Node(Affine([np.eye(1)], np.ones(1)), (0,)), Node(Product(), (0, 1))))
    found = output(network, Boxes(np.array([0.0]), np.array([2.0])))
    assert (found.low[0, 0], found.high[0, 0]) == (pytest.approx(0.0, abs=1e-12), pytest.approx(6.0))
    box = Boxes(np.array([0.0]), np.array([2.0])).hull
    both = (box, Box(box.low + 1.0, box.high + 1.0))
    zonotope, radii = Product().zonotope(tuple(map(around, both)), both)
    values = (zonotope.centre[0, 0], zonotope.generators[0, 0, 0], radii[0, 0])
    assert values == pytest.approx((2.0, 3.0, 1.0))


def test_maximum_knows_what_is_shared() -> None:
    """max(x, x + 1) - x = 1, although the boxes of both overlap; intervals say [-2, 4]."""
    shifted = Node(Affine([np.eye(1)], np.ones(1)), (0,))
    network = Network(1, (shifted, Node(elementwise(1), (0, 1)), Node(subtraction(1), (2, 0))))
    found = output(network, Boxes(np.array([-1.0]), np.array([2.0])))
    assert (found.low[0, 0], found.high[0, 0]) == (pytest.approx(1.0), pytest.approx(1.0))


def test_residual_connection_keeps_its_symbols() -> None:
    """x + relu(-x) is relu(x) + 2 relu(-x) - ... >= 0 on [-1, 1] by no zonotope, but at least -1/2."""
    negative = Node(Affine([-np.eye(1)], np.zeros(1)), (0,))
    network = Network(1, (negative, Node(Relu(), (1,)), Node(addition(1), (0, 2))))
    found = output(network, Boxes(np.array([-1.0]), np.array([1.0])))
    assert found.low[0, 0] == pytest.approx(-0.5)
    assert found.high[0, 0] == pytest.approx(1.0)


def test_between_intervals_and_the_truth() -> None:
    """Never worse than intervals, often better; the gain over ReLU networks is measured."""
    better = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        network = relu_network(rng) if seed % 3 else gru_network(rng)
        centre = rng.normal(size=network.inputs)
        problem = Problem(network, Boxes(centre - 0.2, centre + 0.2), above_zero())
        plain, ours = (METHODS[name]().run(problem).bound for name in ("interval", "zonotope"))
        assert ours >= plain - 1e-12
        better += ours > plain + 1e-6
    assert better >= 25


def test_affine_chain_is_exact() -> None:
    """Without activations nothing is lost but rounding, however deep."""
    rng = np.random.default_rng(4)
    matrices = [rng.normal(size=(4, 4)) for _ in range(6)]
    network = chain([Affine([m], np.zeros(4)) for m in matrices], 4)
    found = output(network, Boxes(-np.ones(4), np.ones(4)))
    whole = np.linalg.multi_dot(matrices[::-1])
    assert found.high[0] == pytest.approx(np.abs(whole).sum(axis=1), rel=1e-9)
