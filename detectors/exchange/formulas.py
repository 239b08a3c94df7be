"""Formulas over the inputs X_i and outputs Y_j of a network, in exact rational numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from itertools import product
from typing import NamedTuple

from detectors.exchange.expressions import Form, Word
from streams.errors import BadInput

MOST_CASES = 100_000
"""Most alternatives of a formula that are told apart."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
_LONGEST = 200


class Linear(NamedTuple):
    """sum of terms[name] * name, plus constant; no term is 0."""

    terms: Mapping[str, Fraction]
    constant: Fraction

    def times(self, factor: Fraction) -> Linear:
        """Every number times the factor."""
        kept = {name: c * factor for name, c in self.terms.items() if factor}
        return Linear(kept, self.constant * factor)

    def plus(self, other: Linear) -> Linear:
        """Term by term."""
        total = dict(self.terms)
        for name, c in other.terms.items():
            total[name] = total.get(name, Fraction(0)) + c
        return Linear({n: c for n, c in total.items() if c}, self.constant + other.constant)

    def at(self, values: Mapping[str, Fraction]) -> Fraction:
        """Its value."""
        return sum((c * values[name] for name, c in self.terms.items()), self.constant)


class Comparison(NamedTuple):
    """left <= 0, or left < 0 where strict; the line of the file on which it stands."""

    left: Linear
    strict: bool
    line: int

    def holds(self, values: Mapping[str, Fraction]) -> bool:
        """Exactly."""
        found = self.left.at(values)
        return found < 0 or (found == 0 and not self.strict)

    def cases(self) -> list[tuple[Comparison, ...]]:
        """Itself."""
        return [(self,)]


class Every(NamedTuple):
    """All parts hold."""

    parts: tuple[Formula, ...]

    def holds(self, values: Mapping[str, Fraction]) -> bool:
        """Exactly."""
        return all(part.holds(values) for part in self.parts)

    def cases(self) -> list[tuple[Comparison, ...]]:
        """Disjunctive normal form: one alternative of each part. Raises BadInput where there are too many."""
        simple = tuple(part for part in self.parts if isinstance(part, Comparison))
        choices = [part.cases() for part in self.parts if not isinstance(part, Comparison)]
        count = 1
        for choice in choices:
            count *= len(choice)
        _check_count(count)
        return [sum(chosen, simple) for chosen in product(*choices)]


class Some(NamedTuple):
    """At least one part holds."""

    parts: tuple[Formula, ...]

    def holds(self, values: Mapping[str, Fraction]) -> bool:
        """Exactly."""
        return any(part.holds(values) for part in self.parts)

    def cases(self) -> list[tuple[Comparison, ...]]:
        """Alternatives of all parts. Raises BadInput where there are too many."""
        found = [case for part in self.parts for case in part.cases()]
        _check_count(len(found))
        return found


Formula = Comparison | Every | Some


def formula_of(form: Word | Form, known: set[str]) -> Formula:
    """known: names that may occur. Raises BadInput naming the line."""
    if isinstance(form, Word):
        raise BadInput(f"line {form.line}", form.text, "a comparison, and or or, in parentheses")
    parts = form.parts[1:]
    if form.head in ("and", "or"):
        if not parts:
            raise BadInput(f"line {form.line}", f"({form.head})", "at least one condition")
        inner = tuple(formula_of(part, known) for part in parts)
        return Every(inner) if form.head == "and" else Some(inner)
    if form.head not in ("<=", ">=", "<", ">", "=") or len(parts) != 2:
        said = f"({form.head} ...) of {len(parts)}"
        raise BadInput(f"line {form.line}", said, "<=, >=, <, > or = of two terms, and, or")
    left, right = (linear_of(part, known) for part in parts)
    less = left.plus(right.times(Fraction(-1)))
    if not less.terms:
        raise BadInput(f"line {form.line}", "a comparison of numbers", "one with an input or output in it")
    if form.head == "=":
        both = (less, less.times(Fraction(-1)))
        return Every(tuple(Comparison(side, False, form.line) for side in both))
    turned = less if form.head[0] == "<" else less.times(Fraction(-1))
    return Comparison(turned, form.head in ("<", ">"), form.line)


def linear_of(form: Word | Form, known: set[str]) -> Linear:
    """A number, a name, or a sum, difference or product with numbers. Raises BadInput naming the line."""
    if isinstance(form, Word):
        return _word(form, known)
    parts = [linear_of(part, known) for part in form.parts[1:]]
    if form.head not in ("+", "-", "*") or not parts:
        raise BadInput(f"line {form.line}", f"({form.head} ...) of {len(parts)}", "+, - or * of terms")
    total = parts[0]
    if form.head == "-" and len(parts) == 1:
        return total.times(Fraction(-1))
    for part in parts[1:]:
        if form.head == "*":
            total = _product(total, part, form.line)
        else:
            total = total.plus(part if form.head == "+" else part.times(Fraction(-1)))
    return total


def _product(first: Linear, second: Linear, line: int) -> Linear:
    if first.terms and second.terms:
        raise BadInput(f"line {line}", "a product of two variables", "products with numbers")
    return first.times(second.constant) if first.terms else second.times(first.constant)


def _word(word: Word, known: set[str]) -> Linear:
    if word.text in known:
        return Linear({word.text: Fraction(1)}, Fraction(0))
    if len(word.text) <= _LONGEST and _NUMBER.fullmatch(word.text):
        return Linear({}, Fraction(word.text))
    allowed = f"a number, or one of the {len(known)} names declared before"
    raise BadInput(f"line {word.line}", word.text, allowed)


def _check_count(count: int) -> None:
    if count > MOST_CASES:
        raise BadInput("alternatives", count, f"at most {MOST_CASES}")
