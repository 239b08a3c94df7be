"""A TOML writer for what a scenario holds: tables, arrays of tables, strings, numbers, booleans, lists."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def to_toml(document: Mapping[str, Any]) -> str:
    """Text that ``tomllib`` reads back to the same document; one level of tables below the top.

    A value of None, which TOML cannot say, is left out.
    """
    parts = []
    for name, value in document.items():
        if isinstance(value, Mapping):
            parts.append(_table(f"[{name}]", value))
        elif isinstance(value, list | tuple) and value and all(isinstance(v, Mapping) for v in value):
            parts += [_table(f"[[{name}]]", entry) for entry in value]
        elif value not in ([], ()):
            raise TypeError(f"{name}: the top level holds tables only")
    return "\n".join(parts)


def _table(head: str, values: Mapping[str, Any]) -> str:
    lines = [f"{_key(key)} = {_value(value)}" for key, value in values.items() if value is not None]
    return "\n".join([head, *lines, ""])


def _key(key: str) -> str:
    bare = key.replace("_", "").replace("-", "")
    return key if bare.isascii() and bare.isalnum() else json.dumps(key, ensure_ascii=False)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        # JSON strings are TOML basic strings, but for DEL, which JSON leaves as it is.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + " }"
    raise TypeError(f"{value!r} has no place in a scenario")
