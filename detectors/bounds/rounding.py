"""Error terms of the run-time kernels; derived in docs/certificates.md (Higham 2002, section 3.1)."""

from __future__ import annotations

from numba import njit

UNIT = 2.0**-53
FLOOR = 1e-290
"""Added to every radius: far above what underflow can lose, far below anything that matters."""
SPARE = 1.0 + 16.0 * UNIT
"""Outweighs a handful of roundings of a non-negative quantity."""


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def theta(n: int) -> float:
    """Relative widening for sums of n products, in any order of summation, with or without fused
    multiply-add."""
    return 16.0 * (n + 8.0) * UNIT
