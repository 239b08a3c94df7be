"""One suite over every sound method: no point may leave a bound, nothing is certified by overflow.

A method that does not apply to a network says so by ``BadInput``; that is checked nowhere else.
"""

from __future__ import annotations

import numpy as np
import pytest

from detectors.verification.methods import METHODS
from detectors.verification.network import Network, Node, chain
from detectors.verification.operations import Affine, Maximum, Product, Relu, Sigmoid, Tanh
from detectors.verification.problem import Clause, Problem, Result, Specification, above_zero, at_most_zero
from detectors.verification.sets import Boxes
from streams.errors import BadInput
from tests.detectors.verification.samples import float32, graph, gru_network, points, relu_network, values32
from tests.reference import exact_operations as oracle

ALL = sorted(name for name, method in METHODS.items() if method.guarantee == "sound")
"""What a probabilistic method says is not of the network itself: test_smoothing.py."""
TIMEOUT_S = 0.5
GENERAL = {"interval", "zonotope", "crown_ibp", "crown"}
"""Apply to every network of known operations."""
NETWORKS = {"relu": relu_network, "graph": graph, "gru": gru_network}


def run(name: str, problem: Problem) -> Result | None:
    """None where the method does not apply; what every result owes is checked here."""
    try:
        result = METHODS[name]().run(problem, TIMEOUT_S)
    except BadInput:
        assert name not in GENERAL
        return None
    assert result.method == name
    assert not np.isnan(result.bound)
    assert result.seconds >= 0.0
    assert (result.verdict == "certified") == (result.bound > 0.0)
    if result.verdict == "falsified":
        assert result.counterexample is not None
        assert problem.region.contains(result.counterexample)
        assert problem.specification.violated(problem.network(result.counterexample[None]))[0]
    return result


def specification(outputs: int, rng: np.random.Generator) -> Specification:
    """Two clauses, one of them of two rows."""
    both = Clause(rng.normal(size=(2, outputs)), rng.normal(size=2))
    return Specification((both, Clause(rng.normal(size=(1, outputs)), np.array([-1.0]))))


def region(kind: str, size: int, rng: np.random.Generator) -> Boxes:
    centre = float32(rng.normal(size=size))
    reach = {"1e-9": 1e-9, "0.1": 0.1, "2": 2.0, "point": 0.0}[kind] * rng.random(size)
    return Boxes(centre - reach, centre + reach)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("kind", sorted(NETWORKS))
@pytest.mark.parametrize("width", ["1e-9", "0.1", "2", "point"])
def test_no_point_leaves_the_bound(name: str, kind: str, width: str) -> None:
    for seed in range(3):
        rng = np.random.default_rng([seed, len(kind), len(width)])
        network = NETWORKS[kind](rng)
        found = region(width, network.inputs, rng)
        stated = specification(network.outputs, rng)
        drawn = points(found.hull, 12, rng)
        matrix, limits = stated.rows
        for evaluation in ("exact", "binary64", "binary32"):
            result = run(name, Problem(network, found, stated, evaluation))
            if result is None or result.verdict == "falsified":
                continue
            for point in drawn[:4]:
                outputs = oracle.values(network, point)[-1]
                rows = [oracle.dot(row, outputs) - oracle.exact(limits)[i] for i, row in enumerate(matrix)]
                assert min(max(rows[:2]), rows[2]) >= result.bound
            if evaluation == "binary64":
                assert stated.margin(network(drawn) @ matrix.T - limits).min() >= result.bound
            if evaluation == "binary32":
                on_grid = float32(np.vstack([drawn, found.hull.middle]))
                on_grid = on_grid[[found.contains(point) for point in on_grid]]
                assert len(on_grid)
                outputs32 = values32(network, on_grid, rng)[-1]
                rows32 = outputs32 @ matrix.astype(np.float32).T - limits.astype(np.float32)
                assert rows32.dtype == np.float32
                assert stated.margin(rows32).min() >= result.bound


def affine(weight: list[list[float]], bias: float = 0.0) -> Affine:
    return Affine([np.array(weight)], np.full(len(weight), bias))


def one(weight: float, bias: float = 0.0) -> Affine:
    return affine([[weight]], bias)


@pytest.mark.parametrize("name", ALL)
def test_a_point_is_decided_where_it_is_clear(name: str) -> None:
    """Without width nothing is left but rounding."""
    for seed in range(3):
        rng = np.random.default_rng(seed)
        network = relu_network(rng)
        point = rng.normal(size=network.inputs)
        margin = float(network(point[None])[0, 0])
        stated = above_zero() if margin > 0 else at_most_zero()
        result = run(name, Problem(network, Boxes(point, point), stated))
        if result is not None:
            assert result.verdict == "certified"
            assert result.bound <= abs(margin) + 1e-12


@pytest.mark.parametrize("name", ALL)
def test_a_violation_at_every_point_is_never_certified(name: str) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        network = relu_network(rng)
        point = rng.normal(size=network.inputs)
        stated = at_most_zero() if float(network(point[None])[0, 0]) > 0 else above_zero()
        result = run(name, Problem(network, Boxes(point, point), stated))
        assert result is None or result.verdict != "certified"


@pytest.mark.parametrize("name", ALL)
def test_two_that_cancel_are_at_least_bounded(name: str) -> None:
    """relu(x) - relu(x) + 3: no worse than what intervals say, 1."""
    network = chain([affine([[1.0], [1.0]]), Relu(), affine([[1.0, -1.0]], 3.0)], 1)
    result = run(name, Problem(network, Boxes(np.array([-2.0]), np.array([2.0])), above_zero()))
    assert result is None or (result.verdict == "certified" and 1.0 - 1e-9 <= result.bound <= 3.0)


OVERFLOWS: dict[str, tuple[Network, float, float, str]] = {
    # The upper line of ReLU had slope h / (h - l) = h / inf = 0: certified at 1 where 1 - 1e8 is reached.
    "wide box": (chain([Relu(), one(-1e-300, 1.0)], 1), -1e308, 1e308, "binary64"),
    # The same by underflow of h / (h - l): certified at 1e-3 where -1 is reached.
    "one-sided box": (chain([Relu(), one(-1e20, 1e-3)], 1), -1e305, 1e-20, "binary64"),
    # In binary32 the product is infinite; it was certified at 1e50.
    "binary32": (chain([one(1e30)], 1), 1e20, 1e21, "binary32"),
    # inf - inf before the activation is NaN in any evaluation, whatever sigmoid's range.
    "lost difference": (
        chain([affine([[1e308], [-1e308]]), affine([[1.0, 1.0]]), Sigmoid(), one(1.0, 0.5)], 1),
        10.0, 11.0, "binary64",
    ),
    "far tanh": (chain([one(1e305), Tanh(), one(1.0, 1.5)], 1), 1.0, 1e4, "binary64"),
    "maximum": (chain([one(1e300), Maximum([[0, 0]], [1]), one(1e-300, 1e9)], 1), -1e8, 1e8, "binary64"),
}  # fmt: skip


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("case", sorted(OVERFLOWS))
def test_overflow_is_unknown(name: str, case: str) -> None:
    network, low, high, evaluation = OVERFLOWS[case]
    result = run(name, Problem(network, Boxes(np.array([low]), np.array([high])), above_zero(), evaluation))
    assert result is None or result.verdict != "certified"


@pytest.mark.parametrize("name", ALL)
def test_denormal_inputs(name: str) -> None:
    """A box of denormal numbers around the kink, magnified: f = 1e200 relu(x) - 1e200 relu(-x) = 1e200 x."""
    network = chain([affine([[1.0], [-1.0]]), Relu(), affine([[1e200, -1e200]])], 1)
    result = run(name, Problem(network, Boxes(np.array([-1e-323]), np.array([1e-323])), above_zero()))
    assert result is None or result.bound <= -1e200 * 1e-323


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("slope", [1e-200, -1e-200])
def test_coefficients_that_underflow(name: str, slope: float) -> None:
    """1e-200 relu(1e-200 x) is not 0 where x is up to 1e298, though the product of the weights is: an upper
    limit of 0.95e-102 is passed, whichever way the values run."""
    inner = affine([[slope], [-slope]])
    network = chain([inner, Relu(), affine([[1e-200, 1e-200]])], 1)
    stated = Specification((Clause(np.array([[-1.0]]), np.array([-0.95e-102])),))
    result = run(name, Problem(network, Boxes(np.array([1e297]), np.array([1e298])), stated))
    assert result is None or result.bound <= -0.4e-103


@pytest.mark.parametrize("name", ALL)
def test_coefficients_that_overflow(name: str) -> None:
    """y = (2 - 3) 1.44e308 relu(x) is below 0 on the whole box, but the partial sum 2 x 1.44e308 is infinite.
    The second clause, which is out of reach, must not stand in for the first."""
    size = 1.2e154
    network = chain([affine([[size]] * 5), Relu(), affine([[size, size, -size, -size, -size]])], 1)
    stated = Specification(tuple(Clause(np.eye(1), np.array([limit])) for limit in (0.0, -1e20)))
    result = run(name, Problem(network, Boxes(np.array([1e-300]), np.array([2e-300])), stated))
    assert result is None or result.verdict != "certified"


@pytest.mark.parametrize("name", ALL)
def test_a_product_is_bounded_by_its_worst_corner(name: str) -> None:
    """x y over [-1, 1]^2 is least at -1, on two corners."""
    factors = [Node(Affine([np.eye(2)[i : i + 1]], np.zeros(1)), (0,)) for i in range(2)]
    network = Network(2, (*factors, Node(Product(), (1, 2))))
    result = run(name, Problem(network, Boxes(-np.ones(2), np.ones(2)), above_zero()))
    assert result is None or (-1.0 - 1e-9 <= result.bound <= -1.0 or result.verdict == "falsified")
