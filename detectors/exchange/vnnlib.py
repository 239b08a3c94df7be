"""VNN-LIB 1.0 in: a file becomes the problems whose violations it describes.

The file says what is a violation: a formula over inputs X_i and outputs Y_j. Its alternatives (disjunctive
normal form) are gathered by input box: one ``Case`` per box, with one clause per alternative. Numbers are
decimals; boxes and limits are rounded outward to binary64, so that nothing the file describes is lost.
Format: Demarchi et al. 2023, "Supporting standardization of neural networks verification with VNN-LIB and
CoCoNet". The package ``vnnlib`` reads version 2.0 of the format only, which no benchmark up to 2024 is in.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.exchange.expressions import Form, Word, read_forms
from detectors.exchange.formulas import Comparison, Every, Formula, formula_of
from detectors.verification.problem import Clause, Specification
from detectors.verification.sets import Boxes
from streams.errors import BadInput

Floats = NDArray[np.float64]
Bounds = tuple[tuple[Fraction, ...], tuple[Fraction, ...]]
_NAME = re.compile(r"([XY])_(\d{1,9})")


class Case(NamedTuple):
    """region: the box of inputs, outward; bounds: (low, high), each (inputs,), as the file has them;
    specification: a violation is what falls under a clause."""

    region: Boxes
    bounds: Bounds
    specification: Specification


@dataclass(frozen=True)
class Query:
    """cases: any violation is one of some case; formula: what the file says, in exact numbers."""

    formula: Formula
    cases: tuple[Case, ...]

    def violated(self, inputs: Sequence[float], outputs: Sequence[float]) -> bool:
        """Whether inputs, as their shortest decimals read, and outputs, as they are, satisfy the formula."""
        values = {f"X_{i}": Fraction(repr(float(x))) for i, x in enumerate(inputs)}
        values |= {f"Y_{j}": Fraction(float(y)) for j, y in enumerate(outputs)}
        return self.formula.holds(values)


def read_vnnlib(path: Path, inputs: int, outputs: int) -> Query:
    """inputs, outputs: how many the network has. Raises BadInput naming file, line and what is allowed."""
    forms = read_forms(path)
    try:
        formula = _formula(forms, {"X": inputs, "Y": outputs})
        boxes: dict[Bounds, list[Clause]] = {}
        for case in formula.cases():
            bounds, clause = _case(case, inputs, outputs)
            boxes.setdefault(bounds, []).append(clause)
        cases = [Case(_region(b), b, Specification(tuple(clauses))) for b, clauses in boxes.items()]
    except BadInput as error:
        raise BadInput(f"{path}, {error.where}", error.value, error.allowed) from None
    except OverflowError:
        raise BadInput(f"{path}, numbers", "beyond 1e308", "numbers that binary64 holds") from None
    return Query(formula, tuple(cases))


def _formula(forms: list[Form], sizes: dict[str, int]) -> Formula:
    known: set[str] = set()
    parts: list[Formula] = []
    for form in forms:
        if form.head == "declare-const":
            known.add(_declared(form, sizes))
        elif form.head == "assert" and len(form.parts) == 2:
            parts.append(formula_of(form.parts[1], known))
        else:
            said = f"({form.head} ...) of {len(form.parts) - 1}"
            raise BadInput(f"line {form.line}", said, "(declare-const NAME Real) and (assert CONDITION)")
    if not parts:
        raise BadInput("conditions", "none", "at least one (assert CONDITION)")
    return Every(tuple(parts))


def _declared(form: Form, sizes: dict[str, int]) -> str:
    words = [part.text for part in form.parts if isinstance(part, Word)]
    if len(words) != 3 or len(form.parts) != 3 or words[2] != "Real":
        raise BadInput(f"line {form.line}", " ".join(words), "(declare-const NAME Real)")
    match = _NAME.fullmatch(words[1])
    if match is None or words[1] != f"{match[1]}_{int(match[2])}" or int(match[2]) >= sizes[match[1]]:
        allowed = f"X_0 to X_{sizes['X'] - 1} and Y_0 to Y_{sizes['Y'] - 1}, as the network has"
        raise BadInput(f"line {form.line}", words[1], allowed)
    return words[1]


def _case(case: tuple[Comparison, ...], inputs: int, outputs: int) -> tuple[Bounds, Clause]:
    low: list[Fraction | None] = [None] * inputs
    high: list[Fraction | None] = [None] * inputs
    rows: list[Comparison] = []
    for comparison in case:
        kinds = {name[0] for name in comparison.left.terms}
        if kinds == {"Y"}:
            rows.append(comparison)
        elif kinds == {"X"} and len(comparison.left.terms) == 1:
            _bound(comparison, low, high)
        else:
            names = ", ".join(sorted(comparison.left.terms)[:4])
            raise BadInput(f"line {comparison.line}", names, "one input, or outputs only, in each comparison")
    if not rows:
        raise BadInput("conditions", "none on an output", "at least one in every alternative")
    return _bounds(low, high), _clause(rows, outputs)


def _bound(comparison: Comparison, low: list[Fraction | None], high: list[Fraction | None]) -> None:
    ((name, factor),) = comparison.left.terms.items()
    end, number = -comparison.left.constant / factor, int(name[2:])
    if factor > 0:
        known = high[number]
        high[number] = end if known is None else min(known, end)
    else:
        known = low[number]
        low[number] = end if known is None else max(known, end)


def _bounds(low: list[Fraction | None], high: list[Fraction | None]) -> Bounds:
    lows, highs = [], []
    for number, (a, b) in enumerate(zip(low, high, strict=True)):
        if a is None or b is None:
            missing = "no lower bound" if a is None else "no upper bound"
            raise BadInput(f"X_{number}", missing, "a lower and an upper bound for every input")
        if a > b:
            raise BadInput(f"X_{number}, upper bound", float(b), f"at least the lower bound {float(a):g}")
        lows.append(a)
        highs.append(b)
    return tuple(lows), tuple(highs)


def _clause(rows: list[Comparison], outputs: int) -> Clause:
    """Strict comparisons count as the others do, which adds violations and loses none."""
    matrix, limits = np.zeros((len(rows), outputs)), np.zeros(len(rows))
    for number, row in enumerate(rows):
        scale = _scale(row)
        for name, factor in row.left.terms.items():
            matrix[number, int(name[2:])] = float(factor * scale)
        limits[number] = rounded(-row.left.constant * scale, np.float64, np.inf)
    return Clause(matrix, limits)


def _scale(row: Comparison) -> Fraction:
    """1 where binary64 holds every coefficient; else what makes them integers that it does hold."""
    factors = row.left.terms.values()
    if all(_is_exact(factor) for factor in factors):
        return Fraction(1)
    scale = Fraction(math.lcm(*(factor.denominator for factor in factors)))
    if not all(_is_exact(factor * scale) for factor in factors):
        raise BadInput(f"line {row.line}, coefficients", [float(f) for f in factors], "fewer digits")
    return scale


def _is_exact(number: Fraction) -> bool:
    return abs(number) < 2**1000 and Fraction(float(number)) == number


def rounded(number: Fraction, kind: type[np.floating], towards: float) -> float:
    """The nearest float of this kind that is not below (towards inf) or above (towards -inf) the number."""
    near = kind(float(number))
    beyond = Fraction(float(near)) < number if towards > 0 else Fraction(float(near)) > number
    return float(np.nextafter(near, kind(towards))) if beyond else float(near)


def _region(bounds: Bounds) -> Boxes:
    low, high = bounds
    return Boxes(
        np.array([rounded(number, np.float64, -np.inf) for number in low]),
        np.array([rounded(number, np.float64, np.inf) for number in high]),
    )
