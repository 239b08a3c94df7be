"""MATPOWER case files, version 2: ``mpc`` matrices and the statements that correct them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from simulator.grid.cases import columns as col
from simulator.grid.cases.matlab import Interpreter, NotUnderstood
from simulator.grid.cases.tables import Floats, Tables
from streams.errors import BadInput

MATRICES = ("bus", "gen", "branch", "gencost", "dcline")
NAME_LISTS = ("genfuel", "gentype")
NOT_USED = ("areas", "bus_name")
"""Fields without meaning for the twin; any other unknown field is named in the assumptions."""
ALLOWED = "assignments of numbers, matrices and names to mpc, and arithmetic on mpc.bus, mpc.gen, mpc.branch"

_ASSIGNED = re.compile(r"\s*([A-Za-z_]\w*(?:\.\w+)*)\s*=\s*([\[{])")
# Whichever comes first: a comment, or the rest of a row that goes on in the next line.
_COMMENT_OR_CONTINUED = re.compile(r"%[^\n]*|(\.\.\.)[^\n]*\n")
_BLOCK_COMMENT = re.compile(r"^[ \t]*%\{[ \t]*\n.*?^[ \t]*%\}[ \t]*$", re.MULTILINE | re.DOTALL)
_QUOTED = re.compile(r"'((?:[^'\n]|'')*)'|\"([^\"\n]*)\"")
_NAMED_FUNCTION = re.compile(r"function\s+mpc\s*=\s*(\w+)(?:\s*\((.*)\))?")


class _Statement(NamedTuple):
    """One statement and its line. bracket "[" or "{": ``text`` is what stands inside, ``target`` the name."""

    line: int
    text: str
    target: str = ""
    bracket: str = ""


def read_matpower_file(path: Path) -> Tables:
    """Read a ``.m`` file. Raises BadInput that names file, line or field, and value."""
    return parse_matpower(path.read_text(encoding="utf-8", errors="replace"), path.name, path.stem)


def parse_matpower(text: str, source: str, name: str) -> Tables:
    """Case from the text of a ``.m`` file; ``source`` names it in messages."""
    variables: dict[str, Any] = {}
    notes: list[str] = []
    interpreter = Interpreter(variables)
    skipped = 0
    for statement in _statements(text):
        where = f"{source} line {statement.line}"
        try:
            if statement.text.startswith("else") and not statement.bracket:
                raise NotUnderstood("a block with else")
            if skipped:
                skipped += _opens_block(statement) - (statement.text == "end")
            elif _opens_block(statement):
                skipped = 0 if _holds(statement, interpreter) else 1
            else:
                _carry_out(statement, interpreter, notes, where)
        except (ArithmeticError, IndexError, TypeError, ValueError) as error:
            raise BadInput(f"{where} ({error})", " ".join(statement.text.split())[:80], ALLOWED) from None
    return _tables(variables, source, name, tuple(notes))


def _opens_block(statement: _Statement) -> bool:
    return re.match(r"(if|for|while|switch|try)\b", statement.text) is not None and not statement.bracket


def _holds(statement: _Statement, interpreter: Interpreter) -> bool:
    """Condition of an "if"; its branch ends with "end". Other blocks are not understood."""
    word, _, condition = statement.text.partition(" ")
    if word != "if":
        raise NotUnderstood(f"a block that begins with {word}")
    return bool(np.all(interpreter.evaluate(condition)))


def _carry_out(statement: _Statement, interpreter: Interpreter, notes: list[str], where: str) -> None:
    variables, target = interpreter.variables, statement.target
    field = target.removeprefix("mpc.")
    if statement.bracket and target.startswith("mpc."):
        if field in MATRICES and statement.bracket == "[":
            variables[target] = _matrix(statement.text, f"{where} mpc.{field}", interpreter)
        elif field in NAME_LISTS and statement.bracket == "{":
            found = _QUOTED.findall(statement.text)
            variables[target] = tuple((single or double).strip().lower() for single, double in found)
        elif field == "baseMVA":
            interpreter.run(f"{target} = [{statement.text}]")
        elif field not in NOT_USED:
            notes.append(f"mpc.{field} of {where.split(' line')[0]} is not used.")
        return
    function = _NAMED_FUNCTION.match(statement.text)
    if function:
        if function[2]:
            raise NotUnderstood("a case with arguments")
    elif re.match(r"mpc\.version\s*=", statement.text):
        variables["mpc.version"] = statement.text.split("=", 1)[1].strip(" '\";")
    elif statement.text not in ("end", "return"):
        interpreter.run(statement.text)


def _statements(text: str) -> Iterator[_Statement]:
    """Statements in order. Matrices and cell arrays come whole, so that large files cost little."""
    text = _BLOCK_COMMENT.sub(lambda m: "\n" * m[0].count("\n"), text.replace("\r\n", "\n"))
    at, line = 0, 1
    while at < len(text):
        matrix = _ASSIGNED.match(text, at)
        if matrix and not matrix[1].startswith("mpc.") and matrix[2] == "[":
            matrix = None
        if matrix:
            end = _closing(text, matrix.end(), "]" if matrix[2] == "[" else "}")
            start = line + text.count("\n", at, matrix.start(1))
            yield _Statement(start, text[matrix.end() : end], matrix[1], matrix[2])
            line += text.count("\n", at, end)
            at = end + 1
            continue
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        code, start = _without_comment(text[at:end]), line
        while code.rstrip().endswith("...") and end < len(text):
            begin, end = end + 1, text.find("\n", end + 1)
            end = len(text) if end < 0 else end
            code = code.rstrip()[:-3] + " " + _without_comment(text[begin:end])
        line += text.count("\n", at, end + 1)
        at = end + 1
        for part in _split(code):
            yield _Statement(start, part)


def _split(code: str) -> Iterator[str]:
    """Statements of one line; semicolons and commas inside brackets do not part them."""
    depth, begin = 0, 0
    for i, char in enumerate(code):
        depth += (char in "([{") - (char in ")]}")
        if char == ";" and depth == 0:
            if code[begin:i].strip():
                yield code[begin:i].strip()
            begin = i + 1
    if code[begin:].strip():
        yield code[begin:].strip()


def _closing(text: str, at: int, bracket: str) -> int:
    """Position of the bracket that closes a matrix or cell array, comments and strings passed over."""
    while True:
        end = text.find(bracket, at)
        if end < 0:
            return len(text)
        begin = text.rfind("\n", 0, end) + 1
        if bracket in _without_strings_and_comment(text[begin : end + 1]):
            return end
        at = end + 1


def _without_comment(code: str) -> str:
    if "%" not in code:
        return code
    blank = _QUOTED.sub(lambda m: "_" * len(m[0]), code)
    return code[: blank.index("%")] if "%" in blank else code


def _without_strings_and_comment(code: str) -> str:
    return _without_comment(_QUOTED.sub(lambda m: "_" * len(m[0]), code))


def _matrix(text: str, where: str, interpreter: Interpreter) -> Floats:
    """Numbers in rows; a token that is no number is evaluated as an expression."""
    text = _COMMENT_OR_CONTINUED.sub(lambda found: " " if found[1] else "", text)
    rows = [row for row in text.replace(";", "\n").replace(",", " ").split("\n") if row.strip()]
    if not rows:
        return np.zeros((0, col.WIDTH[where.rsplit(".", 1)[1]]))
    split = [row.split() for row in rows]
    longest = max(map(len, split))
    # Cost curves differ in length, which MATLAB itself wants padded: other matrices have to be full.
    for number, row in enumerate(split, 1):
        if len(row) != longest:
            raise BadInput(f"{where} row {number}", len(row), f"{longest} columns, as in the other rows")
    tokens = [token for row in split for token in row]
    try:
        flat = np.array(list(map(float, tokens)))
    except ValueError:
        flat = np.array([_number(token, where, i // longest, interpreter) for i, token in enumerate(tokens)])
    return flat.reshape(len(rows), longest)


def _number(token: str, where: str, row: int, interpreter: Interpreter) -> float:
    try:
        return float(token)
    except ValueError:
        pass
    try:
        return float(interpreter.evaluate(token))
    except (NotUnderstood, TypeError):
        raise BadInput(f"{where} row {row + 1}", token, "numbers") from None


def _tables(variables: dict[str, Any], source: str, name: str, notes: tuple[str, ...]) -> Tables:
    version = str(variables.get("mpc.version", "none"))
    if version != "2":
        raise BadInput(f"{source} mpc.version", version, "'2'")
    for field in ("baseMVA", "bus", "gen", "branch"):
        if f"mpc.{field}" not in variables:
            raise BadInput(f"{source} mpc.{field}", "missing", "version, baseMVA, bus, gen and branch")
    matrix = {field: variables.get(f"mpc.{field}", np.zeros((0, col.WIDTH[field]))) for field in MATRICES}
    for field, rows in matrix.items():
        if rows.shape[1] < col.WIDTH[field]:
            raise BadInput(f"{source} mpc.{field} columns", rows.shape[1], f"at least {col.WIDTH[field]}")
    base = np.ravel(variables["mpc.baseMVA"])
    if base.size != 1:
        raise BadInput(f"{source} mpc.baseMVA", str(variables["mpc.baseMVA"])[:40], "a number")
    return Tables(
        source=source,
        name=name,
        base_mva=float(base[0]),
        genfuel=variables.get("mpc.genfuel", ()),
        gentype=variables.get("mpc.gentype", ()),
        notes=notes,
        **matrix,
    )
