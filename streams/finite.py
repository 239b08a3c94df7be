"""Documents read from files hold finite numbers only: NaN and infinity pass range checks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from streams.errors import BadInput


def check_finite(document: Any, source: str) -> None:
    """Raises BadInput that names ``source`` and the first field of a plain document that is not finite."""
    for where, number in _numbers(document, ""):
        if not math.isfinite(number):
            raise BadInput(f"{source}: {where}", number, "a finite number")


def _numbers(value: Any, where: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _numbers(inner, f"{where}.{key}" if where else key)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from _numbers(inner, f"{where}[{i}]")
    elif isinstance(value, float):
        yield where, value
