"""Names of branches and units from the names of their buses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def branch_names(start: Sequence[str], end: Sequence[str]) -> tuple[str, ...]:
    """Names "38-65", and "42-49#1", "42-49#2" for parallel branches in either direction, in branch order."""
    pairs = [(a, b) if a <= b else (b, a) for a, b in zip(start, end, strict=True)]
    return _numbered([f"{a}-{b}" for a, b in zip(start, end, strict=True)], pairs, "#")


def unit_names(bus: Sequence[str]) -> tuple[str, ...]:
    """Names "G10", and "G1.1", "G1.2" for several units at one bus, in unit order."""
    return _numbered([f"G{name}" for name in bus], list(bus), ".")


def _numbered(names: list[str], groups: Sequence[object], mark: str) -> tuple[str, ...]:
    count, seen, numbered = Counter(groups), Counter[object](), []
    for name, group in zip(names, groups, strict=True):
        seen[group] += 1
        numbered.append(f"{name}{mark}{seen[group]}" if count[group] > 1 else name)
    return tuple(numbered)
