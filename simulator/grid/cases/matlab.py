"""The small part of the MATLAB language that case files use after their matrices.

Scalars, row vectors, matrices of ``mpc`` with their index constants, arithmetic, a few functions and
assignment to whole columns or found rows. Anything else is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

Value = Any
"""A float or an array; ALL stands for ":"."""

ALL = slice(None)

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?)"
    r"|(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?)"
    r"|(?P<sign>\.\*|\./|\.\^|==|~=|<=|>=|[-+*/^()\[\],:&|<>~]))"
)

COLUMNS: dict[str, tuple[str, ...]] = {
    "idx_bus": (
        *("BUS_I", "BUS_TYPE", "PD", "QD", "GS", "BS", "BUS_AREA", "VM", "VA", "BASE_KV", "ZONE"),
        *("VMAX", "VMIN"),
    ),
    "idx_gen": ("GEN_BUS", "PG", "QG", "QMAX", "QMIN", "VG", "MBASE", "GEN_STATUS", "PMAX", "PMIN"),
    "idx_brch": (
        *("F_BUS", "T_BUS", "BR_R", "BR_X", "BR_B", "RATE_A", "RATE_B", "RATE_C", "TAP", "SHIFT"),
        *("BR_STATUS", "PF", "QF", "PT", "QT", "MU_SF", "MU_ST", "ANGMIN", "ANGMAX"),
    ),
}
"""Names of columns 1, 2, ... as MATPOWER's functions of the same names return them; idx_bus returns the four
bus types first."""
BUS_TYPES = ("PQ", "PV", "REF", "NONE")

FUNCTIONS: dict[str, Callable[..., Value]] = {
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "acos": np.arccos,
    "asin": np.arcsin,
    "atan": np.arctan,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "exp": np.exp,
    "isinf": np.isinf,
    "isnan": np.isnan,
    "find": lambda flags: np.flatnonzero(flags) + 1.0,
}
CONSTANTS = {"Inf": np.inf, "inf": np.inf, "NaN": np.nan, "nan": np.nan, "pi": np.pi}

COMPARE: dict[str, Callable[[Value, Value], Value]] = {
    "==": np.equal,
    "~=": np.not_equal,
    "<": np.less,
    ">": np.greater,
    "<=": np.less_equal,
    ">=": np.greater_equal,
}


class NotUnderstood(ValueError):
    """A statement outside this part of the language."""


class Interpreter:
    """Variables of a case file and the statements that change them; ``mpc.bus`` is one variable's name."""

    def __init__(self, variables: dict[str, Value]) -> None:
        self.variables = variables
        self._tokens: list[tuple[str, str]] = []
        self._at = 0

    def run(self, statement: str) -> None:
        """Carry out one assignment. Raises NotUnderstood."""
        target, equals, expression = _split_assignment(statement)
        if not equals:
            raise NotUnderstood("not an assignment")
        if target.startswith("["):
            self._name_columns(target, expression.strip())
            return
        value = self.evaluate(expression)
        match = re.fullmatch(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?)\s*(?:\((.*)\))?", target, re.DOTALL)
        if match is None:
            raise NotUnderstood(f"assignment to {target!r}")
        name, index = match.groups()
        if index is None:
            self.variables[name] = value
            return
        if name not in self.variables:
            raise NotUnderstood(f"unknown name {name}")
        rows, columns = self._index(index)
        try:
            self.variables[name][_mesh(rows, columns)] = value
        except (IndexError, ValueError) as error:
            raise NotUnderstood(str(error)) from None

    def evaluate(self, expression: str) -> Value:
        """Value of an expression. Raises NotUnderstood."""
        outer, self._tokens, self._at = (self._tokens, self._at), _tokenize(expression), 0
        value = self._any()
        if self._at != len(self._tokens):
            raise NotUnderstood(f"unexpected {self._tokens[self._at][1]!r}")
        self._tokens, self._at = outer
        return value

    def _name_columns(self, target: str, function: str) -> None:
        if function not in COLUMNS:
            raise NotUnderstood(f"function {function}")
        names = re.findall(r"\w+", target)
        values: dict[str, float] = {name: i + 1.0 for i, name in enumerate(COLUMNS[function])}
        if function == "idx_bus":
            values |= {name: i + 1.0 for i, name in enumerate(BUS_TYPES)}
        expected = (*(BUS_TYPES if function == "idx_bus" else ()), *COLUMNS[function])
        for name, known in zip(names, expected, strict=False):
            if name != known:
                raise NotUnderstood(f"{function} gives {known}, not {name}, at this place")
            self.variables[name] = values[known]

    # Grammar, weakest operator first.

    def _any(self) -> Value:
        value = self._all()
        while self._take("|"):
            value = np.logical_or(value, self._all())
        return value

    def _all(self) -> Value:
        value = self._comparison()
        while self._take("&"):
            value = np.logical_and(value, self._comparison())
        return value

    def _comparison(self) -> Value:
        value = self._sum()
        while self._peek() in COMPARE:
            value = COMPARE[self._next()](value, self._sum())
        return value

    def _sum(self) -> Value:
        value = self._product()
        while self._peek() in ("+", "-"):
            value = value + self._product() if self._next() == "+" else value - self._product()
        return value

    def _product(self) -> Value:
        value = self._signed()
        while self._peek() in ("*", "/", ".*", "./"):
            sign = self._next()
            other = self._signed()
            if sign in ("*", "/") and np.ndim(other) and (np.ndim(value) or sign == "/"):
                raise NotUnderstood(f"matrix {sign}")
            value = value * other if sign.endswith("*") else np.divide(value, other)
        return value

    def _signed(self) -> Value:
        if self._take("-"):
            return -self._signed()
        if self._take("+"):
            return self._signed()
        if self._take("~"):
            return np.logical_not(self._signed())
        return self._power()

    def _power(self) -> Value:
        value = self._atom()
        while self._peek() in ("^", ".^"):
            if self._next() == "^" and np.ndim(value):
                raise NotUnderstood("matrix ^")
            exponent = self._signed() if self._peek() in ("-", "+") else self._atom()
            value = value**exponent
        return value

    def _atom(self) -> Value:
        kind, text = self._tokens[self._at] if self._at < len(self._tokens) else ("end", "end of line")
        self._at += 1
        if kind == "number":
            return float(text)
        if text == "(":
            value = self._any()
            self._expect(")")
            return value
        if text == "[":
            return self._vector()
        if kind == "name":
            return self._named(text)
        raise NotUnderstood(f"unexpected {text!r}")

    def _vector(self) -> Value:
        values = []
        while not self._take("]"):
            values.append(self._any())
            self._take(",")
        return np.array(values, dtype=np.float64)

    def _named(self, name: str) -> Value:
        if name in self.variables:
            value = self.variables[name]
            if not self._take("("):
                return value
            rows, columns = self._argument(), ALL
            if self._take(","):
                columns = self._argument()
            self._expect(")")
            return _at(value, rows, columns)
        if name in CONSTANTS:
            return CONSTANTS[name]
        if name in FUNCTIONS and self._take("("):
            value = FUNCTIONS[name](self._any())
            self._expect(")")
            return value
        raise NotUnderstood(f"unknown name {name}")

    def _index(self, text: str) -> tuple[Value, Value]:
        outer, self._tokens, self._at = (self._tokens, self._at), _tokenize(text), 0
        rows = self._argument()
        self._expect(",")
        columns = self._argument()
        self._tokens, self._at = outer
        return rows, columns

    def _argument(self) -> Value:
        return ALL if self._take(":") else self._any()

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1][1]

    def _take(self, sign: str) -> bool:
        taken = self._peek() == sign
        self._at += taken
        return taken

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            raise NotUnderstood(f"{sign!r} expected")


def _split_assignment(statement: str) -> tuple[str, str, str]:
    match = re.search(r"(?<![=~<>])=(?!=)", statement)
    if match is None:
        return statement, "", ""
    return statement[: match.start()].strip(), "=", statement[match.end() :]


def _tokenize(text: str) -> list[tuple[str, str]]:
    tokens, at, text = [], 0, text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise NotUnderstood(f"unexpected {text[at]!r}")
        tokens.append((str(match.lastgroup), match.group(match.lastgroup or 0)))
        at = match.end()
    return tokens


def _positions(index: Value) -> Value:
    """Positions from 0 of a MATLAB index: ":", numbers from 1, or flags."""
    if isinstance(index, slice):
        return index
    array = np.atleast_1d(index)
    return np.flatnonzero(array) if array.dtype == np.bool_ else array.astype(np.int64) - 1


def _mesh(rows: Value, columns: Value) -> Value:
    row, column = _positions(rows), _positions(columns)
    if isinstance(row, slice) or isinstance(column, slice):
        return (row, column if isinstance(column, slice) or len(column) > 1 else column[0])
    return (row, column[0]) if len(column) == 1 else np.ix_(row, column)


def _at(value: Value, rows: Value, columns: Value) -> Value:
    try:
        found = value[_mesh(rows, columns)]
    except (IndexError, TypeError) as error:
        raise NotUnderstood(str(error)) from None
    return float(found[0]) if np.shape(found) == (1,) else found
