"""S-expressions, as SMT-LIB and VNN-LIB 1.0 write them: words in nested parentheses, comments from ``;``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from streams.errors import BadInput

DEEPEST = 64
"""Deepest nesting that is read."""
_WORDS = re.compile(r"[()]|[^\s()]+")


class Word(NamedTuple):
    """A name or a number, and its line."""

    text: str
    line: int


class Form(NamedTuple):
    """What stands in one pair of parentheses, and the line on which they open."""

    parts: tuple[Word | Form, ...]
    line: int

    @property
    def head(self) -> str:
        """Its first word, empty where there is none."""
        return self.parts[0].text if self.parts and isinstance(self.parts[0], Word) else ""


def read_forms(path: Path) -> list[Form]:
    """All forms of a file, in order. Raises BadInput where it cannot be read or parentheses do not match."""
    open_: list[tuple[int, list[Word | Form]]] = []
    found: list[Form] = []
    for number, line in enumerate(_text(path).splitlines(), start=1):
        for match in _WORDS.finditer(line.partition(";")[0]):
            word = match.group()
            if word == "(":
                open_.append((number, []))
                if len(open_) > DEEPEST:
                    raise BadInput(
                        f"{path}, line {number}", f"{len(open_)} open parentheses", f"at most {DEEPEST}"
                    )
            elif not open_:
                raise BadInput(f"{path}, line {number}", word, "a form in parentheses")
            elif word == ")":
                start, parts = open_.pop()
                form = Form(tuple(parts), start)
                (open_[-1][1] if open_ else found).append(form)
            else:
                open_[-1][1].append(Word(word, number))
    if open_:
        raise BadInput(f"{path}, line {open_[-1][0]}", "a parenthesis left open", "a closing one for each")
    return found


def _text(path: Path) -> str:
    allowed = "a VNN-LIB 1.0 file"
    if not path.is_file():
        raise BadInput(str(path), "no such file", allowed)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(str(path), error.strerror or "unreadable", allowed) from None
    except UnicodeDecodeError:
        raise BadInput(str(path), "not text", allowed) from None
    if not text.strip():
        raise BadInput(str(path), "an empty file", allowed)
    return text
