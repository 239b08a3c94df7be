"""Verdicts on files: problems with known answers, and counter-examples that onnxruntime confirms."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from detectors.exchange.onnx_reader import read_onnx
from detectors.exchange.verify import verify_files
from tests.detectors.exchange.graphs import by_onnxruntime, constant, dense, spec, write

SUM_AND_DIFFERENCE = [([[1, 1], [1, -1]], [0, 0]), ([[1, 0], [0, 1]], [0, 0])]
"""y0 = relu(x0 + x1), y1 = relu(x0 - x1): over the unit square 0 <= y0 <= 2, 0 <= y1 <= 1."""
UNIT = [(0, 1), (0, 1)]


def verdict(tmp_path, layers, inputs, asserts, **more):
    net = dense(tmp_path / "n.onnx", layers, **more)
    outputs = len(layers[-1][1])
    # A tie lasts as long as it may.
    return verify_files(net, spec(tmp_path / "s.vnnlib", inputs, outputs, asserts), 2.0)


@pytest.mark.parametrize(
    ("asserts", "wanted"),
    [
        (["(>= Y_0 2.001)"], "certified"),
        (["(>= Y_0 2)"], "falsified"),
        (["(>= Y_0 1.9)", "(<= Y_1 0)"], "falsified"),
        (["(>= Y_0 1.9)", "(>= Y_1 0.2)"], "unknown"),
        (["(>= Y_1 1.001)"], "certified"),
        (["(<= Y_0 -0.001)"], "certified"),
        (["(or (>= Y_0 2.5) (and (>= Y_1 1.5)))"], "certified"),
        (["(or (>= Y_0 2.5) (and (>= Y_1 0.5)))"], "falsified"),
        (["(> Y_0 2)"], "unknown"),
        (["(<= (+ Y_0 Y_1) -0.5)"], "certified"),
        (["(= Y_1 1)"], "falsified"),
    ],
)
def test_hand_worked_problems(asserts, wanted, tmp_path):
    """unknown: y0 >= 1.9 needs x1 >= 0.9, so y1 <= 0.1, which no line of CROWN shows; y0 > 2 is missed by
    nothing at all, which no method can show."""
    answer = verdict(tmp_path, SUM_AND_DIFFERENCE, UNIT, asserts)
    if wanted == "unknown":
        assert answer.verdict != "falsified"
    else:
        assert answer.verdict == wanted
    assert (answer.counterexample is not None) == (answer.verdict == "falsified")
    assert (answer.bound > 0.0) == (answer.verdict == "certified")


def test_the_bound_is_the_margin(tmp_path):
    """One affine layer: y = 2 x0 - x1 + 1 over the unit square is at least 0, so y + 0.5 at least 0.5."""
    answer = verdict(tmp_path, [([[2, -1]], [1])], UNIT, ["(<= Y_0 -0.5)"])
    assert answer.verdict == "certified"
    assert answer.bound == pytest.approx(0.5, abs=1e-9)
    assert answer.bound <= 0.5


def test_every_box_must_hold(tmp_path):
    """Safe for x in [0, 1], not for x in [4, 5]; and then safe for both."""
    net = dense(tmp_path / "n.onnx", [([[1]], [0]), ([[1]], [0])])
    lines = ["(declare-const X_0 Real)", "(declare-const Y_0 Real)"]
    lines += ["(assert (or (and (<= X_0 1) (>= X_0 0)) (and (<= X_0 5) (>= X_0 4))))"]
    for limit, wanted in ((4.5, "falsified"), (5.5, "certified")):
        path = tmp_path / "s.vnnlib"
        path.write_text("\n".join([*lines, f"(assert (>= Y_0 {limit}))"]))
        answer = verify_files(net, path, 10.0)
        assert answer.verdict == wanted
        if wanted == "falsified":
            assert 4.5 <= answer.counterexample[0] <= 5


def test_what_float32_sees_and_exact_numbers_do_not_is_no_verdict(tmp_path):
    """(x + 10^8) - 10^8 - x is 0, but in float32 a multiple of 8 less x: neither statement may be made."""
    nodes = [
        helper.make_node("Add", ["x", "big"], ["a"]),
        helper.make_node("Sub", ["a", "big"], ["b"]),
        helper.make_node("Sub", ["b", "x"], ["y"]),
    ]
    net = write(tmp_path / "n.onnx", nodes, [constant("big", [1e8])], (1, 1))
    assert by_onnxruntime(net, np.array([[2.5]]), (1, 1))[0, 0] == -2.5
    assert read_onnx(net).network(np.array([[2.5]]))[0, 0] == 0.0
    path = spec(tmp_path / "s.vnnlib", [(2, 3)], 1, ["(<= Y_0 -1)"])
    answer = verify_files(net, path, 5.0)
    assert answer.verdict == "unknown"
    assert answer.bound > 0.0


def test_a_violation_between_two_float32_is_none(tmp_path):
    """Only x = 0.1 itself violates, which float32 does not hold."""
    answer = verdict(tmp_path, [([[1]], [0])], [("0.1", "0.2")], ["(<= Y_0 0.1)"])
    assert answer.verdict == "unknown"


def test_a_fixed_input_that_float32_does_not_hold(tmp_path):
    """x0 is 0.1 and nothing else: the decimal stands in the answer, the network receives the nearest."""
    answer = verdict(tmp_path, [([[1, 1]], [0])], [("0.1", "0.1"), (0, 1)], ["(>= Y_0 1.05)"])
    assert answer.verdict == "falsified"
    assert answer.counterexample[0] == 0.1


def test_a_double_network_keeps_double_counterexamples(tmp_path):
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    net = write(tmp_path / "n.onnx", nodes, [constant("w", [[1.0]], np.float64)], (1, 1), kind=11)
    path = spec(tmp_path / "s.vnnlib", [("0.1", "0.10000000001")], 1, ["(>= Y_0 0.100000000005)"])
    answer = verify_files(net, path, 5.0)
    assert answer.verdict == "falsified"
    assert Fraction("0.100000000005") <= Fraction(answer.counterexample[0]) <= Fraction("0.10000000001")


def test_overflow_is_unknown(tmp_path):
    """Ten layers of 3e38: beyond binary64, so no bound, and onnxruntime's infinity is no counter-example."""
    layers = [([[3e38]], [0])] * 10
    for asserted in ("(<= Y_0 0)", "(>= Y_0 0)"):
        answer = verdict(tmp_path, layers, [(1, 2)], [asserted])
        assert (answer.verdict, answer.bound, answer.counterexample) == ("unknown", None, None)


def test_bounds_beyond_float32(tmp_path):
    """The counter-example is a float32, far inside."""
    answer = verdict(tmp_path, [([[1, 0]], [0])], [("-1e99", "1e99"), ("1e99", "2e99")], ["(>= Y_0 0)"])
    assert answer.verdict == "unknown"
    answer = verdict(tmp_path, [([[1]], [0])], [("-1e99", "1e99")], ["(>= Y_0 0)"])
    assert answer.verdict == "falsified"
    assert 0.0 <= answer.counterexample[0] <= float(np.finfo(np.float32).max)


def test_without_time_nothing_is_claimed(tmp_path):
    net = dense(tmp_path / "n.onnx", SUM_AND_DIFFERENCE)
    answer = verify_files(net, spec(tmp_path / "s.vnnlib", UNIT, 2, ["(>= Y_0 2.001)"]), 1e-9)
    assert (answer.verdict, answer.bound) == ("unknown", None)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.floats(-0.5, 0.5), st.sampled_from([1e-9, 0.01, 1.0]))
def test_no_sampled_point_contradicts_a_verdict(tmp_path_factory, seed, shift, eps):
    """Limits about the least sampled output: certified, then no sample violates; falsified, then the
    counter-example lies in the set and onnxruntime finds it to violate."""
    rng = np.random.default_rng(seed)
    layers = [(rng.standard_normal((m, n)), rng.standard_normal(m)) for n, m in ((3, 6), (6, 5), (5, 2))]
    folder = tmp_path_factory.mktemp("v")
    net = dense(folder / "n.onnx", layers)
    centre = rng.standard_normal(3)
    low, high = centre - eps, centre + eps
    points = rng.uniform(low, high, (60, 3)).astype(np.float32)
    points = points[((points >= low) & (points <= high)).all(axis=1)]
    outputs = by_onnxruntime(net, points, (1, 3)) if len(points) else np.zeros((1, 2))
    spread = float(np.ptp(outputs[:, 0])) + eps
    limit = float(outputs[:, 0].min()) + shift * spread
    ends = [(repr(float(a)), repr(float(b))) for a, b in zip(low, high, strict=True)]
    answer = verify_files(net, spec(folder / "s.vnnlib", ends, 2, [f"(<= Y_0 {limit!r})"]), 2.0)
    if answer.verdict == "certified" and len(points):
        assert (outputs[:, 0] > limit).all()
    if answer.verdict == "falsified":
        found = np.array(answer.counterexample)
        assert (found >= low).all()
        assert (found <= high).all()
        assert by_onnxruntime(net, found[None, :], (1, 3))[0, 0] <= limit
