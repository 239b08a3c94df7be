"""Exact and complete methods against enumeration of activation patterns, and CROWN against linear
programmes."""

import numpy as np
import pytest

from detectors.verification.backward import lowest
from detectors.verification.methods import METHODS
from detectors.verification.methods.alpha_crown import ascend
from detectors.verification.methods.crown import tighten_by_lines
from detectors.verification.operations import Relu
from detectors.verification.propagation import propagate
from detectors.verification.rounding import ARITHMETICS
from tests.detectors.verification import chains
from tests.reference.activation_patterns import least_margin
from tests.reference.relaxation import least_row

SOUND = [name for name, method in METHODS.items() if method.guarantee == "sound"]


def drawn(seed):
    generator = np.random.default_rng(seed)
    sizes = [int(generator.integers(2, 4)), 4, 3, 2]
    net, region = chains.network(generator, sizes), chains.box(generator, sizes[0])
    clauses = [
        (generator.normal(size=(int(generator.integers(1, 4)), 2)), np.zeros(0)) for _ in range(1 + seed % 2)
    ]
    middle = net(region.hull.middle)[0]
    return net, region, [(m, m @ middle - 0.5) for m, _ in clauses]


@pytest.mark.parametrize("seed", range(12))
def test_exact_methods_agree_with_enumeration_of_patterns(seed):
    net, region, clauses = drawn(seed)
    exact = least_margin(net, region.low[0], region.high[0], clauses)
    for distance in (0.05, 1e-3, 1e-5):
        held = chains.problem(net, region, chains.shifted(clauses, exact - distance))
        broken = chains.problem(net, region, chains.shifted(clauses, exact + distance))
        # The solver's tolerances cost the mixed-integer method its last digits.
        for name in ("branch_and_bound", "milp")[: 2 if distance > 1e-4 else 1]:
            assert METHODS[name]().run(held, 20.0).verdict == "certified", (name, distance)
            found = METHODS[name]().run(broken, 20.0)
            assert found.verdict == "falsified", (name, distance)
            assert region.contains(found.counterexample)
            assert broken.specification.violated(net(found.counterexample[None]))[0]
    plain = chains.problem(net, region, chains.shifted(clauses, exact - 0.05))
    found = METHODS["milp"]().run(plain, 20.0)
    assert 0.05 - found.detail["safety_margin"] - 1e-7 <= found.bound <= 0.05 + 1e-7
    assert found.detail["safety_margin"] < 1e-4


@pytest.mark.parametrize("seed", range(12))
def test_no_method_bounds_above_the_exact_margin(seed):
    net, region, clauses = drawn(seed)
    exact = least_margin(net, region.low[0], region.high[0], clauses)
    held = chains.problem(net, region, chains.shifted(clauses, exact - 0.01))
    bounds = {name: METHODS[name]().run(held, 20.0).bound for name in SOUND}
    assert all(bound <= 0.01 + 1e-8 for bound in bounds.values()), bounds
    assert bounds["interval"] <= bounds["crown_ibp"] <= bounds["crown"] + 1e-12 or bounds["crown"] > 0.0
    assert bounds["crown"] <= bounds["alpha_crown"]


@pytest.mark.parametrize("seed", range(8))
def test_crown_is_below_the_triangle_programme_which_is_below_the_exact_bound(seed):
    net, region, _ = drawn(seed)
    trace = propagate(net, region, ARITHMETICS["exact"])
    tighten_by_lines(trace)
    boxes = [(region.low[0], region.high[0])]
    boxes += [
        (trace.values[inputs[0]].box.low[0], trace.values[inputs[0]].box.high[0])
        for operation, inputs in net.nodes
        if isinstance(operation, Relu)
    ]
    for row in np.vstack([np.eye(2), -np.eye(2)]):
        crown = lowest(trace, len(trace.values) - 1, row[None, None])[0, 0]
        programme = least_row(net, boxes, row)
        exact = least_margin(net, region.low[0], region.high[0], [(row[None], np.zeros(1))])
        best, _ = ascend(trace, len(trace.values) - 1, row[None], 200)
        assert crown <= best[0] + 1e-12
        assert best[0] <= programme + 1e-7
        assert programme <= exact + 1e-7


@pytest.mark.parametrize("seed", range(8))
def test_with_one_hidden_layer_optimised_slopes_reach_the_triangle_programme(seed):
    generator = np.random.default_rng(100 + seed)
    net, region = chains.network(generator, [2, 4, 1]), chains.box(generator, 2)
    trace = propagate(net, region, ARITHMETICS["exact"])
    low, high = trace.values[1].box
    row = np.ones((1, 1))
    best, _ = ascend(trace, 3, row, 400)
    programme = least_row(net, [(region.low[0], region.high[0]), (low[0], high[0])], row[0])
    assert best[0] <= programme + 1e-9
    assert best[0] == pytest.approx(programme, abs=1e-5)
