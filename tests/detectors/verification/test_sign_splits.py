"""Complete verification over other sets than boxes, against enumeration and by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from detectors.verification.cascade import cascade
from detectors.verification.methods import BranchAndBound
from detectors.verification.network import Network, Node, chain
from detectors.verification.operations import Affine, LeakyRelu, Relu, Tanh
from detectors.verification.sets import (
    Ball,
    Boxes,
    Consistent,
    FewTags,
    FreeStations,
    Persistent,
    SharedBudget,
    Union,
)
from tests.detectors.verification import chains
from tests.reference.activation_patterns import least_margin_of_pieces

N = 3


def small(generator, leak=None):
    """Two hidden layers and a way around them."""
    kink = Relu() if leak is None else LeakyRelu(leak)
    first, second, last = (generator.normal(size=size) for size in ((4, N), (3, 4), (2, 3)))
    around = generator.normal(size=(2, N))
    return Network(
        N,
        (
            Node(Affine([first], generator.normal(size=4)), (0,)),
            Node(kink, (1,)),
            Node(Affine([second], generator.normal(size=3)), (2,)),
            Node(kink, (3,)),
            Node(Affine([last, around], generator.normal(size=2)), (4, 0)),
        ),
    )


def consistent(centre, generator):
    row, box = generator.normal(size=(1, N)), (centre - 0.6, centre + 0.6)
    value = row @ centre
    more = [(row[0], value[0] + 0.05), (-row[0], -value[0] + 0.05)]
    return Consistent.balance(Boxes(*box), row, value, np.array([0.05])), [(*box, more)]


def budget(centre, generator):
    scale = 0.5 + generator.random(N)
    rows = [np.array(signs) / scale for signs in itertools.product((-1.0, 1.0), repeat=N)]
    more = [(row, 0.7 + row @ centre) for row in rows]
    return SharedBudget(centre, scale, 0.7), [(centre - 5.0, centre + 5.0, more)]


def few_tags(centre, generator):
    low, high = centre - 1.0, centre + generator.random(N)
    choices = [np.arange(N) == i for i in range(N)]
    boxes = [(np.where(own, low, centre), np.where(own, high, centre), []) for own in choices]
    return FewTags(centre, low, high, 1), boxes


def stations(centre, generator):
    base, low, high = Boxes(centre - 0.05, centre + 0.05), centre - 0.8, centre + 0.8
    groups = {"a": [0, 1], "b": [2]}
    own = [np.array([True, True, False]), np.array([False, False, True])]
    boxes = [(np.where(o, low, base.low[0]), np.where(o, high, base.high[0]), []) for o in own]
    return FreeStations(base, groups, 1, low, high), boxes


def either(centre, generator):
    one, pieces = consistent(centre, generator)
    far = centre + 2.0
    return Union([one, Boxes(far - 0.3, far + 0.3)]), [*pieces, (far - 0.3, far + 0.3, [])]


SETS = {f.__name__: f for f in (consistent, budget, few_tags, stations, either)}


@pytest.mark.parametrize("kind", sorted(SETS))
@pytest.mark.parametrize("seed", range(4))
def test_it_decides_as_enumeration_does(kind, seed):
    generator = np.random.default_rng([seed, len(kind)])
    net = small(generator, 0.1 if seed % 2 else None)
    region, pieces = SETS[kind](generator.normal(size=N), generator)
    rows = 1 + seed // 2
    clauses = [(generator.normal(size=(rows, 2)), np.zeros(rows))]
    exact = min(least_margin_of_pieces(net, low, high, clauses, more) for low, high, more in pieces)
    drawn = (net(region.draw(2000, generator)) @ clauses[0][0].T).max(axis=1).min()
    assert exact <= drawn + 1e-9
    # The ascent need not reach the best multipliers; for linear balances the programme has the last word.
    methods = ["branch_and_bound", "milp"][: 2 if kind == "consistent" else 1]
    held = cascade(chains.problem(net, region, chains.shifted(clauses, exact - 0.05)), 20.0, methods)
    assert held.verdict == "certified"
    assert held.bound <= 0.05 + 1e-8
    broken = chains.problem(net, region, chains.shifted(clauses, exact + 0.05))
    found = BranchAndBound().run(broken, 20.0)
    assert found.verdict == "falsified"
    assert region.contains(found.counterexample)
    assert broken.specification.violated(net(found.counterexample[None]))[0]


def absolute(slope):
    """3 - |slope @ x|."""
    row = np.asarray(slope, dtype=float)
    ends = [
        Affine([np.vstack([row, -row])], np.zeros(2)),
        Relu(),
        Affine([-np.ones((1, 2))], np.array([3.0])),
    ]
    return chain(ends, len(row))


@pytest.mark.parametrize("radius", [0.1, 1.0])
def test_a_ball_by_hand(radius):
    """3 - |a @ x| over a ball about 0: least 3 - radius ||a||."""
    net, exact = absolute([3.0, 4.0]), 3.0 - 5.0 * radius
    region = Ball(np.zeros(2), np.ones(2), radius)
    for shift, verdict in ((-0.01, "certified"), (0.01, "falsified")):
        case = chains.problem(net, region, [(np.eye(1), np.array([exact + shift]))])
        assert BranchAndBound().run(case, 20.0).verdict == verdict


def test_a_bias_by_hand():
    """One bias p in [-1, 1] on both samples of a tag: 3 - |2 p| is least at 1, which no box shows for
    3 - |x_1 + x_2| - |x_1 - x_2|."""
    row = np.array([[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]])
    ends = [Affine([row], np.zeros(4)), Relu(), Affine([-np.ones((1, 4))], np.array([3.0]))]
    region = Persistent.bias(np.zeros((2, 1)), np.array([-1.0]), np.array([1.0]))
    for shift, verdict in ((-0.01, "certified"), (0.01, "falsified")):
        case = chains.problem(chain(ends, 2), region, [(np.eye(1), np.array([1.0 + shift]))])
        assert BranchAndBound().run(case, 20.0).verdict == verdict


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("size", [1e-9, 1.0, 1e9])
def test_no_drawn_point_breaks_a_certificate(seed, size):
    generator = np.random.default_rng(seed)
    net, centre = small(generator), size * generator.normal(size=N)
    region = Ball(centre, size * generator.random(N), 1.0, centre - 0.5 * size, centre + 0.7 * size)
    drawn = net(region.draw(4000, generator))
    matrix = generator.normal(size=(2, 2))
    least = (drawn @ matrix.T).max(axis=1).min()
    case = chains.problem(net, region, [(matrix, np.full(2, least - 1e-3 * abs(least)))])
    found = BranchAndBound().run(case, 2.0)
    if found.verdict == "certified":
        assert not case.specification.violated(drawn).any()
    assert (
        BranchAndBound()
        .run(chains.problem(net, region, [(matrix, np.full(2, least + 1e-9 * abs(least)))]), 1.0)
        .verdict
        != "certified"
    )


def test_a_tie_and_overflow_are_not_certified():
    net, region = absolute([3.0, 4.0]), Ball(np.zeros(2), np.ones(2), 1.0)
    tie = chains.problem(net, region, [(np.eye(1), np.array([-2.0]))])
    assert BranchAndBound().run(tie, 1.0).verdict != "certified"
    first, last = Affine([np.full((2, 2), 1e200)], np.zeros(2)), Affine([np.full((1, 2), 1e200)], np.ones(1))
    case = chains.problem(chain([first, Relu(), last], 2), region, [(np.eye(1), np.zeros(1))])
    assert BranchAndBound().run(case, 1.0).verdict == "unknown"


def test_other_operations_take_pieces_of_the_hull():
    net = chain([Affine([np.ones((1, 2))], np.zeros(1)), Tanh()], 2)
    region = Ball(np.zeros(2), np.ones(2), 1.0)
    case = chains.problem(net, region, [(np.eye(1), np.array([-0.99]))])
    assert BranchAndBound().run(case, 5.0).verdict == "certified"
