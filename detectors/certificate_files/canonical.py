"""One document, one sequence of bytes: sorted keys, no white space, floats as their shortest decimal.

The shortest decimal that reads back as the same binary64 number is unique, so equal numbers have equal text.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray


def encode(document: Any) -> bytes:
    """Canonical JSON of a struct or of plain values."""
    return msgspec.json.encode(msgspec.to_builtins(document), order="sorted")


def digest(document: Any) -> str:
    """sha256 of the canonical JSON, hex."""
    return hashlib.sha256(encode(document)).hexdigest()


def digest_of_values(*arrays: NDArray[np.float64]) -> str:
    """sha256 over shapes and little-endian float64 values, hex; every missing value counts alike."""
    total = hashlib.sha256()
    for array in arrays:
        plain = np.where(np.isnan(array), np.nan, array).astype("<f8")
        total.update(str(plain.shape).encode())
        total.update(np.ascontiguousarray(plain).tobytes())
    return total.hexdigest()
