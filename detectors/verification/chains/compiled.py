"""How the kernels of the search are compiled: once for each machine, in as little time as can be.

Numba optimises a function again with every function that calls it, directly or not, and makes a bridge from
Python for each. Kernels that only kernels call have no bridge; those with one caller are made part of it.
"""

from __future__ import annotations

from numba import njit

kernel = njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
"""Called by kernels only."""
part = njit(cache=True, nogil=True, inline="always")
"""Of its only caller."""
entry = njit(cache=True, nogil=True, no_cfunc_wrapper=True)
"""Called from Python."""


@kernel  # type: ignore[untyped-decorator]
def whole(number: int) -> int:
    """The number. For a variable that starts as a plain 0 Numba compiles what it is passed to twice."""
    return number
