"""Branch and bound: its kernels, its general form, its limits."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from detectors.verification.chains import search
from detectors.verification.chains.layout import chain_of, new_bounds, new_work
from detectors.verification.chains.parts import Rows
from detectors.verification.chains.programme_kernels import new_dictionary
from detectors.verification.deadline import Deadline
from detectors.verification.methods import BranchAndBound
from detectors.verification.network import Network, Node, chain
from detectors.verification.operations import Affine, LeakyRelu, Relu, Tanh
from detectors.verification.problem import above_zero
from detectors.verification.sets import Boxes
from tests.detectors.verification import chains
from tests.detectors.verification.kernels import bound_neurons, least, least_greatest, row_line

EXAMPLES = settings(derandomize=True, deadline=None, max_examples=60)


@EXAMPLES
@given(
    seed=st.integers(0, 10**6),
    reach=st.sampled_from([0.0, 1e-9, 1e-3, 0.3, 5.0]),
    scale=st.sampled_from([1e-8, 1.0, 1e8]),
)
def test_no_point_leaves_the_bounds_of_a_part(seed, reach, scale):
    """Of all neurons and of a row, also with ReLU held at one sign: then for the points with that sign."""
    generator = np.random.default_rng(seed)
    net = chains.network(generator, [3, 6, 5, 4, 2])
    centre = scale * generator.normal(size=3)
    low, high = centre - reach * scale, centre + reach * scale
    packed = chain_of(net)
    points = Boxes(low, high).draw(200, generator)
    inputs = np.hstack(
        [value for value, node in zip(net.values(points)[1:], net.nodes, strict=True) if is_affine(node)]
    )
    splits = np.zeros(4, dtype=np.int32)
    held = generator.choice(15, size=int(generator.integers(0, 4)), replace=False)
    splits[: len(held)] = (held + 1) * np.where(inputs[0, held] >= 0.0, 1, -1)
    inside = np.all(inputs[:, held] * np.sign(splits[: len(held)]) >= 0.0, axis=1)
    bounds, work = new_bounds(packed), new_work(packed)
    assert bound_neurons(packed, low, high, splits, bounds, work)
    spare = 1e-13 * bounds.magnitude + 1e-290
    assert (inputs[inside] >= bounds.low - spare).all()
    assert (inputs[inside] <= bounds.high + spare).all()
    row, p = generator.normal(size=2), np.zeros(3)
    q = row_line(packed, bounds, work, row, 0.0, 0.0, p)
    outputs = net(points[inside]) @ row
    assert (outputs >= points[inside] @ p + q - 1e-12 * bounds.magnitude.max()).all()
    assert (outputs >= least(p, q, low, high) - 1e-12 * bounds.magnitude.max()).all()


def is_affine(node):
    """Whether the node's result enters a ReLU or is the output."""
    return isinstance(node.operation, Affine)


def test_contradicting_signs_leave_nothing():
    packed = chain_of(chain([Affine([np.eye(1)], np.ones(1)), Relu(), Affine([np.eye(1)], np.zeros(1))], 1))
    low, high = np.array([0.0]), np.array([1.0])
    bounds, work = new_bounds(packed), new_work(packed)
    assert not bound_neurons(packed, low, high, np.array([-1, 0], dtype=np.int32), bounds, work)
    assert bound_neurons(packed, low, high, np.array([1, 0], dtype=np.int32), bounds, work)


@EXAMPLES
@given(seed=st.integers(0, 10**6), rows=st.integers(1, 8), inputs=st.integers(1, 6))
def test_the_small_programme_agrees_with_highs(seed, rows, inputs):
    generator = np.random.default_rng(seed)
    p, q = generator.normal(size=(rows, inputs)), generator.normal(size=rows)
    low = generator.normal(size=inputs)
    high = low + generator.random(inputs) * (generator.random(inputs) > 0.1)
    multipliers, x = np.zeros(rows), np.zeros(inputs)
    least_greatest(p, q, rows, low, high, new_dictionary(rows, inputs), multipliers, x)
    found = linprog(
        np.append(np.zeros(inputs), 1.0),
        A_ub=np.column_stack([p, -np.ones(rows)]),
        b_ub=-q,
        bounds=[*zip(low, high, strict=True), (None, None)],
    )
    assert (p @ x + q).max() == pytest.approx(found.fun, abs=1e-9)
    assert (multipliers >= 0.0).all()
    assert multipliers.sum() == pytest.approx(1.0)
    combined = multipliers @ p
    assert multipliers @ q + np.minimum(combined * low, combined * high).sum() == pytest.approx(
        found.fun, abs=1e-9
    )


@EXAMPLES
@given(seed=st.integers(0, 10**6), reach=st.sampled_from([1e-9, 0.05, 0.5]))
def test_no_drawn_point_breaks_a_certificate_and_every_counterexample_violates(seed, reach):
    generator = np.random.default_rng(seed)
    sizes = [int(generator.integers(1, 5)), 8, 8, 3]
    net, region = chains.network(generator, sizes), chains.box(generator, sizes[0], reach)
    margin = reach * generator.normal()
    clauses = []
    for _ in range(int(generator.integers(1, 3))):
        matrix = generator.normal(size=(int(generator.integers(1, 4)), 3))
        clauses.append((matrix, matrix @ net(region.hull.middle)[0] + margin))
    found = (case := chains.problem(net, region, clauses)) and BranchAndBound().run(case, 5.0)
    assert found.verdict != "unknown"
    if found.verdict == "certified":
        assert not case.specification.violated(net(region.draw(2000, generator))).any()
    else:
        assert region.contains(found.counterexample)
        assert case.specification.violated(net(found.counterexample[None]))[0]


def test_the_result_does_not_depend_on_the_threads(monkeypatch):
    net, region, clauses = hard()
    case = chains.problem(net, region, clauses)
    results = []
    for cores in ({0}, {0, 1, 2}):
        monkeypatch.setattr("os.sched_getaffinity", lambda _, cores=cores: cores)
        found = BranchAndBound().run(case, 60.0)
        results.append((found.verdict, found.bound, found.detail["parts"]))
    assert results[0] == results[1]
    assert results[0][2] > 20


def hard(wide=2.0):
    """A net that takes some hundred parts."""
    generator = np.random.default_rng(5)
    net, region = chains.network(generator, [4, 20, 20, 20, 2]), chains.box(generator, 4, wide)
    matrix = generator.normal(size=(1, 2))
    least_drawn = (net(region.draw(20000, generator)) @ matrix.T).min()
    return net, region, [(matrix, np.array([least_drawn - 2.0]))]


def test_a_timeout_is_kept_and_says_unknown():
    generator = np.random.default_rng(7)
    net, region = chains.network(generator, [12, 60, 60, 60, 2]), chains.box(generator, 12, 3.0)
    matrix = np.array([[1.0, -1.0]])
    least_drawn = (net(region.draw(20000, generator)) @ matrix.T).min()
    case = chains.problem(net, region, [(matrix, np.array([4.0 * least_drawn]))])
    BranchAndBound().run(case, 0.01)
    started = time.perf_counter()
    found = BranchAndBound().run(case, 0.5)
    assert found.verdict == "unknown"
    assert found.bound < 0.0
    assert found.detail["open"] > 0
    assert time.perf_counter() - started < 5.0


def test_overflow_certifies_nothing():
    net = chain(
        [Affine([np.full((2, 1), 1e200)], np.zeros(2)), Relu(), Affine([np.full((1, 2), 1e200)], np.ones(1))],
        1,
    )
    case = chains.problem(net, Boxes(np.array([-1.0]), np.array([1.0])), [(np.ones((1, 1)), np.zeros(1))])
    assert BranchAndBound().run(case, 1.0).verdict == "unknown"


def test_any_other_network_is_split_along_its_inputs():
    """tanh(x) + leaky(x - y) + 3 > 0 on [-1, 1]^2: least is tanh(-1) - 0.2 + 3 at (-1, 1)."""
    net = Network(
        2,
        (
            Node(Affine([np.array([[1.0, -1.0]])], np.zeros(1)), (0,)),
            Node(LeakyRelu(0.1), (1,)),
            Node(Affine([np.array([[1.0, 0.0]])], np.zeros(1)), (0,)),
            Node(Tanh(), (3,)),
            Node(Affine([np.eye(1), np.eye(1)], np.array([3.0])), (2, 4)),
        ),
    )
    region, least_value = Boxes(np.array([-1.0, -1.0]), np.array([1.0, 1.0])), np.tanh(-1.0) - 0.2 + 3.0
    for shift, verdict in ((-0.05, "certified"), (0.05, "falsified")):
        case = chains.problem(net, region, [(np.eye(1), np.array([least_value + shift]))])
        found = BranchAndBound().run(case, 20.0)
        assert found.verdict == verdict
        assert found.bound <= -shift


def test_one_relu_by_hand():
    """relu(x) - relu(-x) = x on [0.25, 1]: least 0.25, which lines over the whole box do not see on
    [-1, 1]."""
    net = chain(
        [
            Affine([np.array([[1.0], [-1.0]])], np.zeros(2)),
            Relu(),
            Affine([np.array([[1.0, 1.0]])], np.array([0.25])),
        ],
        1,
    )
    case = chains.problem(net, Boxes(np.array([-1.0]), np.array([1.0])), [(np.eye(1), np.zeros(1))])
    found = BranchAndBound().run(case, 5.0)
    assert found.verdict == "certified"
    assert 0.0 < found.bound <= 0.25
    assert case.specification.clauses[0].limits == above_zero().clauses[0].limits


def test_a_long_compilation_is_told_and_a_short_one_is_not(monkeypatch, capsys):
    box = np.zeros(2), np.ones(2)
    net = chains.network(np.random.default_rng(1), [2, 3, 1])
    rows = Rows(np.eye(1), np.array([-100.0]), np.array([0, 1]), np.zeros(1), np.zeros(1))

    def run(seconds):
        monkeypatch.setattr(search, "QUIET_S", seconds)
        return search.search(chain_of(net), rows, *box, Deadline(5.0), lambda point: False)

    run(60.0)
    assert capsys.readouterr().err == ""
    compiled = search.explore

    def slow(*arguments):
        time.sleep(0.2)
        return compiled(*arguments)

    monkeypatch.setattr(search, "explore", slow)
    assert run(0.02).bound > 0.0
    assert capsys.readouterr().err.splitlines() == ["compiling the search once for this machine ..."]
