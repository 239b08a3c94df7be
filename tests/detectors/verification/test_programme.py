"""Mixed-integer programmes of graphs with maxima and leaky ReLU, against enumeration of their pieces."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.verification.methods import Milp
from detectors.verification.network import Network, Node, chain
from detectors.verification.operations import Affine, LeakyRelu, Maximum, Relu
from detectors.verification.operations.maximum import elementwise, pooling
from detectors.verification.sets import Boxes
from tests.detectors.verification import chains
from tests.reference.activation_patterns import least_margin_of_pieces


def dense(generator, after, before):
    return Affine([generator.normal(size=(after, before))], generator.normal(size=after))


def pooled(generator):
    """Dense, max pooling of three with stride 2, leaky ReLU, dense."""
    return chain([dense(generator, 5, 2), pooling(1, 5, 3, 2), LeakyRelu(0.2), dense(generator, 2, 2)], 2)


def of_two(generator):
    """The larger of two branches entry by entry, one behind a ReLU, and a repeated member."""
    nodes = (
        Node(dense(generator, 2, 2), (0,)),
        Node(Relu(), (1,)),
        Node(dense(generator, 2, 2), (0,)),
        Node(elementwise(2), (2, 3)),
        Node(Maximum([[0, 0], [1, 0]], [2]), (4,)),
        Node(dense(generator, 2, 2), (5,)),
    )
    return Network(2, nodes)


@pytest.mark.parametrize("build", [pooled, of_two])
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("reach", [0.01, 1.0])
def test_the_programme_agrees_with_enumeration(build, seed, reach):
    generator = np.random.default_rng(seed)
    net, region = build(generator), chains.box(generator, 2, reach)
    clauses = [(generator.normal(size=(1 + seed % 2, 2)), np.zeros(1 + seed % 2))]
    exact = least_margin_of_pieces(net, region.low[0], region.high[0], clauses)
    drawn = (net(region.draw(2000, generator)) @ clauses[0][0].T).max(axis=1).min()
    assert exact <= drawn + 1e-9
    held = Milp().run(chains.problem(net, region, chains.shifted(clauses, exact - 0.01)), 20.0)
    assert held.verdict == "certified"
    assert 0.01 - held.detail["safety_margin"] - 1e-7 <= held.bound <= 0.01 + 1e-7
    broken = chains.problem(net, region, chains.shifted(clauses, exact + 0.01))
    found = Milp().run(broken, 20.0)
    assert found.verdict == "falsified"
    assert broken.specification.violated(net(found.counterexample[None]))[0]


def test_the_larger_of_two_by_hand():
    """max(x, 1 - x) over [0, 1] is least at one half."""
    net = chain([Affine([np.array([[1.0], [-1.0]])], np.array([0.0, 1.0])), Maximum([[0, 1]], [2])], 1)
    region = Boxes(np.zeros(1), np.ones(1))
    for limit, verdict in ((0.49, "certified"), (0.51, "falsified")):
        assert (
            Milp().run(chains.problem(net, region, [(np.eye(1), np.array([limit]))]), 5.0).verdict == verdict
        )


def test_members_that_never_win_take_no_binary_column():
    three = Affine([np.ones((3, 1))], np.array([0.0, 0.5, 9.0]))
    net = chain([three, Maximum([[0, 1, 2]], [3])], 1)
    case = chains.problem(net, Boxes(np.zeros(1), np.ones(1)), [(np.eye(1), np.array([8.9]))])
    found = Milp().run(case, 5.0)
    assert (found.verdict, found.detail["binaries"]) == ("certified", 0)
    assert found.bound + found.detail["safety_margin"] == pytest.approx(0.1, abs=1e-7)


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_sizes_far_apart(scale):
    """A huge and a tiny member: max(scale x, x / scale) of x in [1, 2]."""
    net = chain([Affine([np.array([[scale], [1.0 / scale]])], np.zeros(2)), Maximum([[0, 1]], [2])], 1)
    largest = max(scale, 1.0 / scale)
    for share, allowed in ((0.9, {"certified", "unknown"}), (1.1, {"falsified", "unknown"})):
        case = chains.problem(
            net, Boxes(np.ones(1), np.full(1, 2.0)), [(np.eye(1), np.array([share * largest]))]
        )
        assert Milp().run(case, 5.0).verdict in allowed


def test_a_member_far_below_the_others_is_not_lost_in_the_solver():
    """max(x, y) of x in [-1e12, 1] and y = 0 reaches 1: the row y >= x is scaled by 1e12."""
    net = chain([Maximum([[0, 1]], [2])], 2)
    region = Boxes(np.array([-1e12, 0.0]), np.array([1.0, 0.0]))
    case = chains.problem(net, region, [(-np.eye(1), np.array([-0.5]))])
    assert Milp().run(case, 5.0).verdict != "certified"
