"""What msgspec refuses, told as where, value and what is allowed."""

from __future__ import annotations

import re
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from streams.errors import BadInput

WORDS = {
    "float": "a number",
    "int": "an integer",
    "str": "a string",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "null": "nothing",
}
"""What msgspec calls types, in words."""


def refuse_unknown(table: Any, kind: type[msgspec.Struct], source: str, where: str = "") -> None:
    """Name an unknown key and those that are allowed, which msgspec's own message does not list."""
    if not isinstance(table, dict):
        return
    hints = get_type_hints(kind)
    for key, value in table.items():
        place = f"{where}.{key}" if where else key
        if key not in hints:
            raise BadInput(f"{source}: key {place}", value, "one of " + ", ".join(sorted(hints)))
        inner = next((k for k in (hints[key], *get_args(hints[key])) if _is_section(k)), None)
        if inner is not None:
            for number, entry in enumerate(value if isinstance(value, list) else [value]):
                refuse_unknown(
                    entry, inner, source, f"{place}[{number}]" if isinstance(value, list) else place
                )


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def explained(
    error: msgspec.ValidationError, document: dict[str, Any], kind: type[msgspec.Struct], source: str
) -> BadInput:
    """msgspec's message, turned into where, value and allowed."""
    text, _, path = str(error).partition(" - at `$")
    path = path.rstrip("`").lstrip(".")
    if missing := re.search(r"missing required field `(.+?)`", text):
        place = f"{path}.{missing[1]}" if path else missing[1]
        return BadInput(f"{source}: {place}", None, "a value; this key is required")
    value: Any = document
    for part in re.findall(r"[^.\[\]]+|\.\.\.", path):
        if isinstance(value, dict):
            value = value.get(part, value)
        elif isinstance(value, list) and part.isdecimal():
            value = value[int(part)]
    allowed = re.sub(r", got .*", "", text.removeprefix("Expected "))
    # A number beside a literal or beside nothing stands as `float | null`.
    named = re.findall(r"`([\w| ]+)`", allowed)
    for words in named:
        said = " or ".join(WORDS.get(word, word) for word in words.split(" | "))
        allowed = allowed.replace(f"`{words}`", said)
    allowed = allowed.replace("`", "")
    if text.startswith("Invalid enum value"):
        allowed = _choices(path, kind)
    return BadInput(f"{source}: {path}", value, allowed)


def _choices(path: str, kind: Any) -> str:
    """Values of the literal field that a path such as "grid.security" or "attack[0].knowledge" names."""
    for part in re.sub(r"\[(\d+|\.\.\.)\]", "", path).split("."):
        hint = get_type_hints(kind)[part]
        kind = next((k for k in (hint, *get_args(hint)) if _is_section(k)), hint)
    # A table by name holds its choices in its values.
    choices = get_args(get_args(kind)[1] if get_origin(kind) is dict else kind)
    return ", ".join(map(_choice, choices))


def _choice(kind: Any) -> str:
    """One value of a literal, or one alternative of a union, in words."""
    if isinstance(kind, str):
        return repr(kind)
    return ", ".join(map(repr, get_args(kind))) if get_origin(kind) is Literal else "a list"
