"""Random networks of all operations: every value, not only the output, must lie in its box."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.verification.backward import lowest
from detectors.verification.methods.crown import tighten_by_lines
from detectors.verification.methods.zonotope import tighten_by_zonotopes
from detectors.verification.propagation import Trace, propagate
from detectors.verification.rounding import ARITHMETICS, ArithmeticName
from detectors.verification.sets import Boxes
from tests.detectors.verification.samples import float32, graph, gru_network, points, relu_network, values32
from tests.reference import exact_operations as oracle

WAYS = {"interval": lambda trace: None, "lines": tighten_by_lines, "zonotopes": tighten_by_zonotopes}
BOUNDED = settings(max_examples=60, deadline=None, derandomize=True)


def holds(trace: Trace, drawn: np.ndarray, evaluation: ArithmeticName, rng: np.random.Generator) -> None:
    """Every value at the points, as the arithmetic gives it, and what it may be off."""
    errors = [trace.evaluation_error_of(i) for i in range(len(trace.values))]
    region = trace.region
    if evaluation == "binary32":
        drawn = float32(np.vstack([drawn, region.hull.middle]))
        drawn = drawn[[region.contains(point) for point in drawn]]
        plain = [values.astype(np.float64) for values in values32(trace.network, drawn, rng)]
    else:
        plain = trace.network.values(drawn)
    for number, bounded in enumerate(trace.values):
        low, high = bounded.box.low[0], bounded.box.high[0]
        assert (low <= high).all()
        if evaluation != "exact":
            assert (plain[number] >= low).all()
            assert (plain[number] <= high).all()
    for i, point in enumerate(drawn[:4]):
        for number, row in enumerate(oracle.values(trace.network, point)):
            box, error = trace.values[number].box, errors[number]
            for j, value in enumerate(row):
                assert Fraction(float(box.low[0, j])) <= value <= Fraction(float(box.high[0, j]))
                if evaluation != "exact":
                    off = abs(Fraction(float(plain[number][i, j])) - value)
                    assert off <= Fraction(float(error[0, j]))


@pytest.mark.parametrize("way", sorted(WAYS))
@BOUNDED
@given(
    seed=st.integers(0, 2**32),
    width=st.sampled_from([0.0, 1e-9, 1e-3, 0.3, 3.0, 1e4]),
    nodes=st.integers(1, 12),
    evaluation=st.sampled_from(["exact", "binary64", "binary32"]),
)
def test_every_value_lies_in_its_box(
    way: str, seed: int, width: float, nodes: int, evaluation: ArithmeticName
) -> None:
    rng = np.random.default_rng(seed)
    network = graph(rng, nodes=nodes)
    centre, reach = float32(rng.normal(size=4)), width * rng.random(4) * (rng.random(4) < 0.8)
    trace = propagate(network, Boxes(centre - reach, centre + reach), ARITHMETICS[evaluation])
    WAYS[way](trace)
    holds(trace, points(trace.region.hull, 8, rng), evaluation, rng)


@BOUNDED
@given(seed=st.integers(0, 2**32), width=st.sampled_from([0.0, 1e-9, 1e-3, 0.3, 3.0, 1e4]))
def test_linear_bounds_of_any_value_hold_exactly(seed: int, width: float) -> None:
    rng = np.random.default_rng(seed)
    network = graph(rng)
    centre = rng.normal(size=4)
    trace = propagate(network, Boxes(centre - width, centre + width), ARITHMETICS["exact"])
    drawn = points(trace.region.hull, 4, rng)
    for value in {1, len(network.nodes) // 2 + 1, len(network.nodes)}:
        rows = rng.normal(size=(1, 3, network.sizes[value])) * 10.0 ** rng.integers(-3, 4)
        found = lowest(trace, value, rows)[0]
        for point in drawn:
            values = oracle.values(network, point)[value]
            for row, low in zip(rows[0], found, strict=True):
                assert Fraction(float(low)) <= oracle.dot(row, values)


@pytest.mark.parametrize("way", sorted(WAYS))
def test_a_gru_over_a_window(way: str) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        network = gru_network(rng)
        centre = float32(rng.normal(size=network.inputs))
        evaluation: ArithmeticName = "binary32" if seed else "binary64"
        trace = propagate(network, Boxes(centre - 0.2, centre + 0.2), ARITHMETICS[evaluation])
        WAYS[way](trace)
        holds(trace, points(trace.region.hull, 8, rng), evaluation, rng)


def test_a_batch_is_what_its_boxes_are_one_by_one() -> None:
    """But for lines, where an entry that is open in one box is tightened in all: there it only must hold."""
    rng = np.random.default_rng(3)
    for network in (relu_network(rng, (4, 6, 6, 2)), graph(rng), graph(rng, nodes=12)):
        centre = rng.normal(size=(3, 4))
        reach = np.array([0.0, 0.1, 1.0])[:, None] * rng.random((3, 4))
        for name, way in WAYS.items():
            whole = propagate(network, Boxes(centre - reach, centre + reach), ARITHMETICS["binary64"])
            way(whole)
            for i in range(3):
                region = Boxes(centre[i] - reach[i], centre[i] + reach[i])
                alone = propagate(network, region, ARITHMETICS["binary64"])
                way(alone)
                plain = network.values(points(region.hull, 20, rng))
                for one, all_, values in zip(alone.values, whole.values, plain, strict=True):
                    assert ((values >= all_.box.low[i]) & (values <= all_.box.high[i])).all()
                    if name != "lines":
                        assert all_.box.low[i] == pytest.approx(one.box.low[0], rel=1e-9, abs=1e-12)
                        assert all_.box.high[i] == pytest.approx(one.box.high[0], rel=1e-9, abs=1e-12)
