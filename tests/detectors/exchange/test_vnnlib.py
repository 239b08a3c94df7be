"""VNN-LIB in: boxes and clauses outward, formulas exactly, one sentence on bad files."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.exchange.vnnlib import read_vnnlib, rounded
from streams.errors import BadInput
from tests.detectors.exchange.graphs import spec


def text(tmp_path, body, inputs=1, outputs=2):
    declared = [f"(declare-const X_{i} Real)" for i in range(inputs)]
    declared += [f"(declare-const Y_{j} Real)" for j in range(outputs)]
    (tmp_path / "s.vnnlib").write_text("; a comment (\n" + "\n".join([*declared, body]))
    return tmp_path / "s.vnnlib"


BOX = "(assert (>= X_0 0)) (assert (<= X_0 1))"


def test_a_conjunction_is_one_clause(tmp_path):
    path = spec(tmp_path / "s.vnnlib", [(-0.5, 0.25), (1, 2)], 3, ["(<= Y_0 Y_1)", "(>= Y_2 1.5)"])
    (case,) = read_vnnlib(path, 2, 3).cases
    assert case.region.low.tolist() == [[-0.5, 1.0]]
    assert case.region.high.tolist() == [[0.25, 2.0]]
    (clause,) = case.specification.clauses
    assert clause.matrix.tolist() == [[1, -1, 0], [0, 0, -1]]
    assert clause.limits.tolist() == [0, -1.5]


def test_an_alternative_of_outputs_is_clauses_of_one_box(tmp_path):
    body = f"{BOX} (assert (or (and (<= Y_0 1) (>= Y_1 2)) (and (<= Y_1 Y_0))))"
    (case,) = read_vnnlib(text(tmp_path, body), 1, 2).cases
    assert [c.matrix.shape for c in case.specification.clauses] == [(2, 2), (1, 2)]


def test_an_alternative_of_inputs_is_one_case_each(tmp_path):
    """As ACAS Xu property 6 has it: two boxes, each with every alternative of outputs."""
    body = """(assert (or (and (<= X_0 1) (>= X_0 0)) (and (<= X_0 5) (>= X_0 4))))
    (assert (or (and (<= Y_1 Y_0)) (and (<= Y_0 -1)) (<= Y_1 -1)))"""
    cases = read_vnnlib(text(tmp_path, body), 1, 2).cases
    assert [(c.region.low[0, 0], c.region.high[0, 0]) for c in cases] == [(0, 1), (4, 5)]
    assert [len(c.specification.clauses) for c in cases] == [3, 3]


def test_input_and_output_may_stand_in_one_alternative(tmp_path):
    body = """(assert (or (and (<= X_0 1) (>= X_0 0) (<= Y_0 3)) (and (<= X_0 1) (>= X_0 0) (>= Y_1 4))
    (and (<= X_0 9) (>= X_0 8) (<= Y_0 7))))"""
    cases = read_vnnlib(text(tmp_path, body), 1, 2).cases
    assert [len(c.specification.clauses) for c in cases] == [2, 1]
    assert cases[1].specification.clauses[0].limits.tolist() == [7.0]


def test_linear_terms_in_any_place(tmp_path):
    """2 y0 - (y1 - 3) <= -y0 + 4 * 0.5 is 3 y0 - y1 <= -1; bounds 1 <= 2 x0 and x0 - 1 <= 0.5."""
    body = """(assert (<= 1 (* 2 X_0))) (assert (<= (- X_0 1) 0.5)) (assert (<= X_0 99))
    (assert (<= (- (* 2 Y_0) (- Y_1 3)) (+ (- Y_0) (* 4 0.5))))"""
    (case,) = read_vnnlib(text(tmp_path, body), 1, 2).cases
    assert (case.region.low[0, 0], case.region.high[0, 0]) == (0.5, 1.5)
    assert case.specification.clauses[0].matrix.tolist() == [[3, -1]]
    assert case.specification.clauses[0].limits.tolist() == [-1]


def test_equations_and_strict_comparisons(tmp_path):
    """An equation is two clauses' rows; a strict one counts as closed for bounds, and exactly for points."""
    query = read_vnnlib(text(tmp_path, "(assert (= X_0 0.5)) (assert (< Y_0 1)) (assert (> Y_1 2))"), 1, 2)
    (case,) = query.cases
    assert case.region.low[0, 0] == case.region.high[0, 0] == 0.5
    assert case.specification.violated(np.array([[1.0, 2.0]])).all()
    assert not query.violated([0.5], [1.0, 3.0])
    assert not query.violated([0.5], [0.0, 2.0])
    assert query.violated([0.5], [0.99, 2.01])
    assert not query.violated([0.4], [0.99, 2.01])


def test_coefficients_stay_exact(tmp_path):
    """0.1 and 0.3 are no binary64 numbers: the row is scaled to integers."""
    body = f"{BOX} (assert (<= (+ (* 0.1 Y_0) (* 0.3 Y_1)) 0.7))"
    (clause,) = read_vnnlib(text(tmp_path, body), 1, 2).cases[0].specification.clauses
    assert clause.matrix.tolist() == [[1, 3]]
    assert clause.limits.tolist() == [7]


decimals = st.decimals(-1e6, 1e6, allow_nan=False, places=12).map(str)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(decimals, decimals, decimals)
def test_numbers_are_rounded_outward(tmp_path_factory, one, two, limit):
    low, high = sorted((one, two), key=Fraction)
    path = tmp_path_factory.mktemp("s") / "s.vnnlib"
    query = read_vnnlib(spec(path, [(low, high)], 1, [f"(<= Y_0 {limit})"]), 1, 1)
    (case,) = query.cases
    found = [Fraction(float(end[0, 0])) for end in (case.region.low, case.region.high)]
    assert found[0] <= Fraction(low) <= Fraction(high) <= found[1]
    assert found[0] == Fraction(low) or Fraction(np.nextafter(float(found[0]), np.inf)) > Fraction(low)
    assert Fraction(float(case.specification.clauses[0].limits[0])) >= Fraction(limit)
    assert case.bounds == ((Fraction(low),), (Fraction(high),))


def test_rounding_to_float32():
    third = Fraction(1, 3)
    low, high = rounded(third, np.float32, -np.inf), rounded(third, np.float32, np.inf)
    assert low < third < high
    assert np.nextafter(np.float32(low), np.float32(1)) == np.float32(high)
    assert rounded(Fraction(1, 4), np.float32, np.inf) == 0.25


def test_a_point_is_judged_by_its_decimals(tmp_path):
    """0.1 as binary64 is above one tenth; as it is printed it is one tenth."""
    query = read_vnnlib(spec(tmp_path / "s.vnnlib", [("0.1", "0.1")], 1, ["(<= Y_0 0)"]), 1, 1)
    assert query.violated([0.1], [0.0])
    assert not query.violated([float(np.float32(0.1))], [0.0])


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ("(assert (>= X_0 0)) (assert (<= Y_0 0))", "X_0: 'no upper bound'"),
        ("(assert (<= X_0 0)) (assert (<= Y_0 0))", "X_0: 'no lower bound'"),
        ("(assert (<= X_0 0)) (assert (>= X_0 1)) (assert (<= Y_0 0))", "X_0, upper bound: 0.0"),
        (f"{BOX} (assert (<= Y_7 0))", "line 5: 'Y_7'"),
        (f"{BOX} (assert (<= X_1 0))", "'X_1'"),
        (f"{BOX} (declare-const Y_7 Real)", "'Y_7' is not allowed; allowed: X_0 to X_0 and Y_0 to Y_1"),
        (f"{BOX} (declare-const X_1 Real)", "'X_1'"),
        (f"{BOX} (declare-const Y_00 Real)", "'Y_00'"),
        (f"{BOX} (declare-const Z Real)", "'Z'"),
        (f"{BOX} (declare-const Y_0 Int)", "'declare-const Y_0 Int'"),
        (BOX, "conditions: 'none on an output'"),
        ("", "conditions: 'none'"),
        (f"{BOX} (assert (<= Y_0 0)", "a parenthesis left open"),
        (f"{BOX} (assert (<= Y_0 0)))", "line 5: ')'"),
        (f"{BOX} hello", "line 5: 'hello'"),
        (f"{BOX} (assert Y_0)", "line 5: 'Y_0'"),
        (f"{BOX} (assert (not (<= Y_0 0)))", "'(not ...) of 1'"),
        (f"{BOX} (assert (<= Y_0))", "'(<= ...) of 1'"),
        (f"{BOX} (assert (and))", "'(and)'"),
        (f"{BOX} (assert (<= 1 2))", "a comparison of numbers"),
        (f"{BOX} (assert (<= (* Y_0 Y_1) 2))", "a product of two variables"),
        (f"{BOX} (assert (<= (/ Y_0 2) 2))", "'(/ ...) of 2'"),
        (f"{BOX} (assert (<= Y_0 X_0))", "line 5: 'X_0, Y_0'"),
        (f"{BOX} (assert (<= Y_0 nan))", "'nan'"),
        (f"{BOX} (assert (<= Y_0 1e9999))", "'1e9999'"),
        (f"{BOX} (assert (<= Y_0 1e999))", "beyond 1e308"),
        (f"{BOX} (assert (<= (* 1e-999 Y_0) 1))", "beyond 1e308"),
        (f"{BOX} (assert (<= Y_0 1.5.2))", "'1.5.2'"),
        (f"{BOX} (assert (<= Y_0 (* 1e99 1e99 1e99 1e99)))", "beyond 1e308"),
        ("(assert (>= X_0 0)) (assert (<= X_0 1e999)) (assert (<= Y_0 0))", "beyond 1e308"),
        (f"{BOX} (check-sat)", "'(check-sat ...) of 0'"),
        ("(" * 80, "65 open parentheses"),
        (f"{BOX} (assert (and {'(or (<= Y_0 0) (<= Y_1 0)) ' * 20}))", "alternatives: 1048576"),
        (f"{BOX} (assert (<= (+ (* 0.12345678901234567891 Y_0) Y_1) 0))", "coefficients"),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence(body, part, tmp_path):
    with pytest.raises(BadInput) as refused:
        read_vnnlib(text(tmp_path, body), 1, 2)
    assert part in str(refused.value)
    assert "s.vnnlib" in str(refused.value)


@pytest.mark.parametrize(
    ("content", "part"), [(b"", "an empty file"), (b"\xff\xfe\x00\x01", "not text"), (None, "no such file")]
)
def test_a_file_that_is_none_is_refused(content, part, tmp_path):
    path = tmp_path / "s.vnnlib"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInput) as refused:
        read_vnnlib(path, 1, 1)
    assert part in str(refused.value)
