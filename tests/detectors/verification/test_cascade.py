"""The cascade and the search for counter-examples."""

import time

import numpy as np
import pytest

from detectors.verification.cascade import cascade
from detectors.verification.falsification import confirmed, falsify, gradients
from detectors.verification.network import Network, Node
from detectors.verification.operations import Affine, LeakyRelu, Relu, Sigmoid, Tanh
from detectors.verification.sets import Boxes
from streams.errors import BadInput
from tests.detectors.verification import chains


def easy(shift):
    """x > shift on [1, 2]."""
    net = chains.chain([Affine([np.eye(1)], np.zeros(1)), Relu()], 1)
    return chains.problem(net, Boxes(np.array([1.0]), np.array([2.0])), [(np.eye(1), np.array([shift]))])


def test_it_stops_at_the_first_method_that_decides():
    found = cascade(easy(0.5))
    assert (found.verdict, found.method) == ("certified", "interval")
    assert [run["method"] for run in found.detail["runs"]] == ["interval"]
    assert found.bound == pytest.approx(0.5)
    found = cascade(easy(1.5))
    assert (found.verdict, found.method) == ("falsified", "falsification")
    assert 1.0 <= found.counterexample[0] <= 1.5
    assert [run["verdict"] for run in found.detail["runs"]] == [*["unknown"] * 4, "falsified"]


def test_it_keeps_the_best_bound_and_skips_what_does_not_apply():
    net = chains.chain([Affine([np.ones((1, 1))], np.zeros(1)), Tanh()], 1)
    case = chains.problem(net, Boxes(np.array([-1.0]), np.array([1.0])), [(np.eye(1), np.array([-0.7]))])
    found = cascade(case, 5.0, ["interval", "milp"])
    assert found.verdict == "unknown"
    assert found.method == "interval"
    assert found.bound == pytest.approx(np.tanh(-1.0) + 0.7)
    assert "affine, ReLU, leaky ReLU or maximum" in found.detail["runs"][1]["skipped"]


def test_the_budget_holds_for_all_methods_together():
    generator = np.random.default_rng(3)
    net, region = chains.network(generator, [12, 60, 60, 60, 2]), chains.box(generator, 12, 3.0)
    matrix = np.array([[1.0, -1.0]])
    least_drawn = (net(region.draw(20000, generator)) @ matrix.T).min()
    case = chains.problem(net, region, [(matrix, np.array([4.0 * least_drawn]))])
    cascade(case, 0.05)
    started = time.perf_counter()
    found = cascade(case, 1.0)
    assert found.verdict == "unknown"
    assert time.perf_counter() - started < 6.0
    assert found.bound == max(run["bound"] for run in found.detail["runs"] if run.get("bound"))


@pytest.mark.parametrize(
    "arguments",
    [(1.0, ["nothing"]), (1.0, ["smoothing"]), (1.0, []), (0.0, ["interval"]), (float("nan"), ["interval"])],
)
def test_bad_input_is_named(arguments):
    with pytest.raises(BadInput):
        cascade(easy(0.5), *arguments)


def test_gradients_are_those_of_finite_differences():
    generator = np.random.default_rng(2)
    first, second = generator.normal(size=(4, 3)), generator.normal(size=(4, 4))
    net = Network(
        3,
        (
            Node(Affine([first], generator.normal(size=4)), (0,)),
            Node(Tanh(), (1,)),
            Node(LeakyRelu(0.2), (1,)),
            Node(Affine([second, second], np.zeros(4)), (2, 3)),
            Node(Sigmoid(), (4,)),
        ),
    )
    points, weights = generator.normal(size=(5, 3)), generator.normal(size=(5, 4))
    found = gradients(net, points, weights)
    for i in range(3):
        step = np.zeros(3)
        step[i] = 1e-6
        slope = ((net(points + step) - net(points - step)) * weights).sum(axis=1) / 2e-6
        assert found[:, i] == pytest.approx(slope, abs=1e-6)


def test_a_violation_that_rounding_could_undo_is_not_confirmed():
    """0.1 + 0.2 <= 0.3 fails by one unit in the last place."""
    net = chains.chain([Affine([np.array([[0.1, 0.2]])], np.zeros(1))], 2)
    region = Boxes(np.ones(2), np.ones(2))
    exact = float(net(np.ones((1, 2)))[0, 0])
    assert not confirmed(chains.problem(net, region, [(np.eye(1), np.array([exact]))]), np.ones(2))
    assert confirmed(chains.problem(net, region, [(np.eye(1), np.array([exact + 1e-12]))]), np.ones(2))
    assert not confirmed(chains.problem(net, region, [(np.eye(1), np.array([9.0]))]), np.full(2, 1.1))
    assert not confirmed(chains.problem(net, region, [(np.eye(1), np.array([9.0]))]), np.array([1.0, np.nan]))


def test_the_same_seed_finds_the_same_point():
    generator = np.random.default_rng(4)
    net, region = chains.network(generator, [6, 30, 30, 2]), chains.box(generator, 6, 0.5)
    values = net(region.draw(5000, generator))
    matrix = np.array([[1.0, 0.0], [0.0, 1.0]])
    limits = np.quantile(values, 0.2, axis=0)
    case = chains.problem(net, region, [(matrix, limits)])
    first, again = falsify(case, 30.0), falsify(case, 30.0)
    assert first is not None
    assert (first == again).all()
