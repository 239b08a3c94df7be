"""Lipschitz margins: hand-worked, never above a value in the set, local never worse than global."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.verification.jacobian import gradient
from detectors.verification.methods import METHODS, Interval, Lipschitz
from detectors.verification.network import chain
from detectors.verification.operations import Affine, Operation, Relu, Sigmoid
from detectors.verification.problem import Clause, Problem, Specification, above_zero
from detectors.verification.propagation import propagate
from detectors.verification.rounding import ARITHMETICS
from detectors.verification.sets import Ball, Boxes, Consistent, Region, SharedBudget
from streams.errors import BadInput
from tests.detectors.verification.random_networks import network
from tests.detectors.verification.set_cases import CASES, N

A = np.array


def _relu(shift: float) -> Problem:
    """f = 4 - relu(3 x + 4 y + shift) - relu(x - y + shift) around 0."""
    first = Affine([A([[3.0, 4.0], [1.0, -1.0]])], A([shift, shift]))
    return Problem(
        chain([first, Relu(), Affine([A([[-1.0, -1.0]])], A([4.0]))], 2),
        Ball(np.zeros(2), np.ones(2), 0.5),
        above_zero(),
    )


def test_by_hand() -> None:
    """Global: rows (3, 4) and (1, -1) have ||W||^2 = (27 + sqrt(533)) / 2 and the last layer sqrt(2). Far
    below 0 nothing moves; far above, the gradient is exactly -(4, 3)."""
    still = Lipschitz().run(_relu(-9.0))
    assert still.detail["fall of each row"]["local"] == [0.0]
    assert still.bound == pytest.approx(4.0)
    norm = np.sqrt((27 + np.sqrt(533)) / 2)
    assert still.detail["fall of each row"]["product"] == pytest.approx([0.5 * norm * np.sqrt(2)])
    moving = Lipschitz().run(_relu(9.0))
    assert moving.detail["fall of each row"]["gradient"] == pytest.approx([0.5 * 5.0])
    assert moving.bound == pytest.approx(4.0 - 18.0 - 2.5)
    assert moving.verdict == "unknown"
    assert moving.detail["norm"] == "2"


def _problem(rng: np.random.Generator, region: Region, evaluation: str) -> Problem:
    outputs = int(rng.integers(1, 4))
    clauses = tuple(
        Clause(rng.standard_normal((r, outputs)), rng.standard_normal(r)) for r in rng.integers(1, 3, 2)
    )
    return Problem(network(rng, N, outputs), region, Specification(clauses), evaluation)


def test_slopes_count_by_hand() -> None:
    """3 sigmoid(4 x): 3 * 1/4 * 4 * radius anywhere; far from 0 the slope is exp(-16), times 12, less."""
    one = [Affine([A([[4.0]])], A([0.0])), Sigmoid(), Affine([A([[3.0]])], A([0.0]))]
    falls = []
    for centre in (0.0, 5.0):
        problem = Problem(chain(one, 1), Ball(A([centre]), A([2.0]), 0.5), above_zero())
        falls.append(Lipschitz().run(problem).detail["fall of each row"])
    for fall in falls:
        assert fall["product"] == pytest.approx([3.0])
    assert falls[0]["gradient"] == pytest.approx([3.0])
    assert falls[1]["local"] == pytest.approx(falls[1]["gradient"])
    assert falls[1]["local"] == pytest.approx([12 * np.exp(-16)], rel=1e-4)


def test_centre_outside_the_set() -> None:
    """relu(x + y + 1/2) is 0 wherever x + y <= -1, but 1/2 in the middle of the hull: what holds on the set
    does not hold on the way to that middle."""
    base = Boxes(-np.ones(2), np.ones(2))
    region = Consistent(base, A([[1.0, 1.0]]), A([-1.5]), A([-1.0]))
    net = chain([Affine([A([[1.0, 1.0]])], A([0.5])), Relu(), Affine([A([[1.0]])], A([0.0]))], 2)
    assert Lipschitz().run(Problem(net, region, above_zero())).verdict == "unknown"


def _attacked(problem: Problem, rng: np.random.Generator) -> np.ndarray:
    """Points that projected gradient descent on the margin visits (Madry et al. 2018), from random starts."""
    region, reach = problem.region, problem.region.hull.reach[0]
    matrix, limits = problem.specification.rows

    def margins(points: np.ndarray) -> np.ndarray:
        return problem.specification.margin(problem.network(points) @ matrix.T - limits)

    points, visited = region.draw(6, rng), []
    for step in range(12):
        visited.append(points)
        tests = [points + sign * unit for unit in np.diag(1e-4 * reach) for sign in (1.0, -1.0)]
        ends = np.array([margins(test) for test in tests])
        points = region.nearest(points - np.sign(ends[::2] - ends[1::2]).T * reach / (step + 1))
    return np.vstack([*visited, region.draw(40, rng)])


@pytest.mark.parametrize("name", list(CASES))
@pytest.mark.parametrize("method", ["interval", "crown", "lipschitz"])
@given(seed=st.integers(0, 2**31), power=st.floats(-6, 0.5))
@settings(max_examples=10, derandomize=True, deadline=None)
def test_no_point_of_any_set_leaves_the_bound(name: str, method: str, seed: int, power: float) -> None:
    """The margin at every drawn and attacked point, evaluated in binary64, is at least the bound."""
    rng = np.random.default_rng(seed)
    region = CASES[name](rng, 10.0**power).region
    problem = _problem(rng, region, "binary64")
    result = METHODS[method]().run(problem)
    points = _attacked(problem, rng)
    matrix, limits = problem.specification.rows
    rows = problem.network(points) @ matrix.T - limits
    assert result.bound <= problem.specification.margin(rows).min()
    if result.verdict == "certified":
        assert not problem.specification.violated(problem.network(points)).any()


@given(seed=st.integers(0, 2**31), power=st.floats(-3, 0.5), order=st.sampled_from(["1", "2", "inf"]))
@settings(max_examples=40, derandomize=True, deadline=None)
def test_constants_hold_and_are_ordered(seed: int, power: float, order: str) -> None:
    """Each constant bounds the fall that is seen; local is at most global; binary32 costs more."""
    rng = np.random.default_rng(seed)
    centre, scale, radius = rng.standard_normal(N), rng.uniform(0.1, 1, N), 10.0**power
    region: Region = Boxes(centre - radius * scale, centre + radius * scale)
    if order != "inf":
        region = (Ball if order == "2" else SharedBudget)(centre, scale, radius)
    problem = _problem(rng, region, "exact")
    result = Lipschitz().run(problem)
    fall = {k: A(v) for k, v in result.detail["fall of each row"].items()}
    matrix = problem.specification.rows[0]
    seen = np.abs((problem.network(region.draw(60, rng)) - problem.network(centre[None])) @ matrix.T).max(
        axis=0
    )
    assert (fall["local"] <= fall["product"] * (1 + 1e-9)).all()
    for bound in fall.values():
        assert (seen <= bound * (1 + 1e-9) + 1e-12).all()
    coarse = Problem(problem.network, region, problem.specification, "binary32")
    assert Lipschitz().run(coarse).bound <= result.bound


def test_gradient_holds_at_points() -> None:
    """Differences over small steps at drawn points, for every operation."""
    rng = np.random.default_rng(4)
    for _ in range(20):
        net = network(rng, N, 2)
        region = Boxes(-np.ones(N), np.ones(N))
        rows = rng.standard_normal((3, 2))
        steep = gradient(propagate(net, region, ARITHMETICS["exact"]), rows)[0]
        points = 0.99 * region.draw(20, rng)
        for i, unit in enumerate(np.eye(N) * 1e-6):
            slope = (net(points + unit) - net(points - unit)) @ rows.T / 2e-6
            assert (np.abs(slope) <= steep[:, i] * (1 + 1e-6) + 1e-6).all()


def test_batch_is_the_worst_of_its_sets() -> None:
    rng = np.random.default_rng(11)
    net, centre = network(rng, N), rng.standard_normal((3, N))
    found = Lipschitz().run(Problem(net, Boxes(centre - 0.1, centre + 0.1), above_zero())).bound
    each = [Lipschitz().run(Problem(net, Boxes(x - 0.1, x + 0.1), above_zero())).bound for x in centre]
    assert found == pytest.approx(min(each), rel=1e-9)


def test_small_sets_are_certified_as_by_intervals() -> None:
    """Where nothing but the radius is left, all methods agree."""
    rng = np.random.default_rng(6)
    net = network(rng, N)
    region = Ball(np.zeros(N), np.ones(N), 1e-9)
    bounds = [m().run(Problem(net, region, above_zero())).bound for m in (Interval, Lipschitz)]
    assert bounds[0] == pytest.approx(bounds[1], abs=1e-7)


def test_operations_without_slope_are_refused() -> None:
    class Strange(Operation):
        def size(self, inputs: tuple[int, ...]) -> int:
            return inputs[0]

        def evaluate(self, *inputs: np.ndarray) -> np.ndarray:
            return inputs[0]

        bound = pull = error = None

    Strange.__abstractmethods__ = frozenset()
    problem = Problem(chain([Strange()], 1), Boxes(A([0.0]), A([1.0])), above_zero())
    with pytest.raises(BadInput, match="operation 1: 'Strange' is not allowed"):
        Lipschitz().run(problem)


def test_overflow_is_unknown() -> None:
    huge = Affine([A([[1e300]])], A([0.0]))
    problem = Problem(chain([huge, Relu(), huge], 1), Ball(A([1e10]), A([1.0]), 1.0), above_zero())
    assert Lipschitz().run(problem).verdict == "unknown"
