"""pandapower's own JSON files (versions 2 and 3) as plain columns, read without pandapower and pandas."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.grid.cases.tables import Floats, Index
from streams.errors import BadInput

Flags = NDArray[np.bool_]

ALLOWED = "a network that pandapower's to_json wrote"


@dataclass(frozen=True, eq=False)
class Frame:
    """One element table. where: "FILE TABLE" for messages; index (n,): the elements' numbers."""

    where: str
    index: Index
    columns: dict[str, list[Any]]

    def __len__(self) -> int:
        return len(self.index)

    def has(self, name: str) -> bool:
        """Whether the table has a column."""
        return name in self.columns

    def floats(self, name: str, default: float = np.nan) -> Floats:
        """(n,) a column; what is missing is ``default``. Raises BadInput for text in it."""
        values = self.columns.get(name, [None] * len(self))
        try:
            found = np.array([np.nan if v is None else float(v) for v in values], dtype=np.float64)
        except (TypeError, ValueError):
            wrong = next(v for v in values if not isinstance(v, int | float | None))
            raise BadInput(f"{self.where} {name}", wrong, "numbers") from None
        return np.where(np.isnan(found), default, found)

    def required(self, name: str) -> Floats:
        """(n,) a column without gaps. Raises BadInput that names the element."""
        values = self.floats(name)
        self.refuse(name, values, ~np.isfinite(values), "a finite number")
        return values

    def numbers(self, name: str) -> Index:
        """(n,) a column of element numbers."""
        return self.required(name).astype(np.int64)

    def flags(self, name: str, default: bool = True) -> Flags:
        """(n,) a column of truth values."""
        values = self.columns.get(name, [default] * len(self))
        return np.array([default if v is None else bool(v) for v in values], dtype=np.bool_)

    def texts(self, name: str) -> list[str]:
        """(n,) a column of words, "" where there is none."""
        return [v if isinstance(v, str) else "" for v in self.columns.get(name, [""] * len(self))]

    def refuse(self, name: str, values: Sequence[Any] | Floats, wrong: Flags, allowed: str) -> None:
        """Raise BadInput for the first element where ``wrong`` (n,) holds."""
        if np.any(wrong):
            row = int(np.flatnonzero(wrong)[0])
            value = values[row]
            shown = value.item() if isinstance(value, np.generic) else value
            raise BadInput(f"{self.where} {self.index[row]} {name}", shown, allowed)


@dataclass(frozen=True, eq=False)
class Document:
    """A file: its tables by name and its plain values. source: file name."""

    source: str
    frames: dict[str, Frame]
    values: dict[str, Any]

    @property
    def version(self) -> int:
        """First number of the version of pandapower's format, 3 where the file does not say."""
        first = str(self.values.get("format_version", "3")).split(".")[0]
        return int(first) if first.isdigit() else 3

    def frame(self, name: str) -> Frame:
        """A table, empty where the file has none."""
        empty = Frame(f"{self.source} {name}", np.zeros(0, dtype=np.int64), {})
        return self.frames.get(name, empty)


def read_document(path: Path) -> Document:
    """Raises BadInput for a file that is no pandapower network."""
    source = path.name
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BadInput(source, str(error)[:80], ALLOWED) from None
    if not isinstance(content, dict) or content.get("_class") != "pandapowerNet":
        found = content.get("_class", "no _class") if isinstance(content, dict) else type(content).__name__
        raise BadInput(f"{source} _class", found, f"pandapowerNet, {ALLOWED}")
    inner = content["_object"]
    inner = json.loads(inner) if isinstance(inner, str) else inner
    frames, values = {}, {}
    for name, item in inner.items():
        if isinstance(item, dict) and item.get("_class") == "DataFrame":
            frames[name] = _frame(f"{source} {name}", item)
        elif isinstance(item, int | float | str):
            values[name] = item
    return Document(source, frames, values)


def _frame(where: str, item: dict[str, Any]) -> Frame:
    table = item["_object"]
    table = json.loads(table) if isinstance(table, str) else table
    if item.get("orient", "split") != "split" or not {"columns", "index", "data"} <= set(table):
        raise BadInput(where, item.get("orient"), "a table of orient split")
    rows = table["data"]
    columns = {str(name): [row[i] for row in rows] for i, name in enumerate(table["columns"])}
    index = [i if isinstance(i, int) else -1 for i in table["index"]]
    return Frame(where, np.array(index, dtype=np.int64), columns)
