"""Sums that the bound kernels are made of. Vectors are rows of an array, named by their numbers.

Products with a matrix take four of its rows for each time a result is stored, and four results for each
weight that is read. The order of summation is free, since ``theta`` covers any, and so is fused multiply-add.
So dot products may be reassociated, and all sums here fused; no other kernel may.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@njit(cache=True, fastmath={"reassoc", "contract"})  # type: ignore[untyped-decorator]
def dot(a: Floats, r: int, b: Floats, t: int, n: int) -> float:
    """sum a[r] b[t] over the first n."""
    total = 0.0
    for i in range(n):
        total += a[r, i] * b[t, i]
    return total


@njit(cache=True, fastmath={"reassoc", "contract"})  # type: ignore[untyped-decorator]
def absolute_dot(a: Floats, r: int, b: Floats, t: int, n: int) -> float:
    """sum |a[r]| b[t] over the first n."""
    total = 0.0
    for i in range(n):
        total += abs(a[r, i]) * b[t, i]
    return total


@njit(cache=True, fastmath={"reassoc"})  # type: ignore[untyped-decorator]
def total(a: Floats, r: int, t: int, n: int) -> float:
    """sum a[r] + a[t] over the first n."""
    added = 0.0
    for i in range(n):
        added += a[r, i] + a[t, i]
    return added


@njit(cache=True, fastmath={"reassoc", "contract"})  # type: ignore[untyped-decorator]
def constants(a: Floats, p: int, low: int, biases: Floats, b: int, n: int) -> tuple[float, float, float]:
    """sum a[p] biases[b], sum min(a[p], 0) min(a[low], 0), sum |a[p]|, over the first n."""
    constant, pulled, size = 0.0, 0.0, 0.0
    for i in range(n):
        x, end = a[p, i], a[low, i]
        constant += x * biases[b, i]
        pulled += (x if x < 0.0 else 0.0) * (end if end < 0.0 else 0.0)
        size += abs(x)
    return constant, pulled, size


@njit(cache=True)  # type: ignore[untyped-decorator]
def clear(a: Floats, first: int, count: int, n: int) -> None:
    """Zero in the first n columns of some rows."""
    for r in range(first, first + count):
        for i in range(n):
            a[r, i] = 0.0


@njit(cache=True)  # type: ignore[untyped-decorator]
def add_products(
    w: Floats, first: int, m: int, used: Ints, count: int, a: Floats, r: int, k: int, to: Floats, t: int
) -> None:
    """to[t + j] += sum a[r + j, i] w[first + i], over i in used[:count] and m columns, for each j < k."""
    j = 0
    while j + 4 <= k:
        add_four(w, first, m, used, count, a, r + j, to, t + j)
        j += 4
    if j + 2 <= k:
        add_two(w, first, m, used, count, a, r + j, to, t + j)
        j += 2
    if j < k:
        add_one(w, first, m, used, count, a, r + j, to, t + j)


@njit(cache=True, fastmath={"contract"})  # type: ignore[untyped-decorator]
def add_one(
    w: Floats, first: int, m: int, used: Ints, count: int, a: Floats, r: int, to: Floats, t: int
) -> None:
    """``add_products`` of one row."""
    k = 0
    while k + 4 <= count:
        i0, i1, i2, i3 = used[k], used[k + 1], used[k + 2], used[k + 3]
        a0, a1, a2, a3 = a[r, i0], a[r, i1], a[r, i2], a[r, i3]
        r0, r1, r2, r3 = first + i0, first + i1, first + i2, first + i3
        for j in range(m):
            to[t, j] += (a0 * w[r0, j] + a1 * w[r1, j]) + (a2 * w[r2, j] + a3 * w[r3, j])
        k += 4
    for rest in range(k, count):
        a0, r0 = a[r, used[rest]], first + used[rest]
        for j in range(m):
            to[t, j] += a0 * w[r0, j]


@njit(cache=True, fastmath={"contract"})  # type: ignore[untyped-decorator]
def add_two(
    w: Floats, first: int, m: int, used: Ints, count: int, a: Floats, r: int, to: Floats, t: int
) -> None:
    """``add_products`` of two rows."""
    s, u = r + 1, t + 1
    k = 0
    while k + 4 <= count:
        i0, i1, i2, i3 = used[k], used[k + 1], used[k + 2], used[k + 3]
        a0, a1, a2, a3 = a[r, i0], a[r, i1], a[r, i2], a[r, i3]
        b0, b1, b2, b3 = a[s, i0], a[s, i1], a[s, i2], a[s, i3]
        r0, r1, r2, r3 = first + i0, first + i1, first + i2, first + i3
        for j in range(m):
            w0, w1, w2, w3 = w[r0, j], w[r1, j], w[r2, j], w[r3, j]
            to[t, j] += (a0 * w0 + a1 * w1) + (a2 * w2 + a3 * w3)
            to[u, j] += (b0 * w0 + b1 * w1) + (b2 * w2 + b3 * w3)
        k += 4
    for rest in range(k, count):
        i0, r0 = used[rest], first + used[rest]
        a0, b0 = a[r, i0], a[s, i0]
        for j in range(m):
            to[t, j] += a0 * w[r0, j]
            to[u, j] += b0 * w[r0, j]


@njit(cache=True, fastmath={"contract"})  # type: ignore[untyped-decorator]
def add_four(
    w: Floats, first: int, m: int, used: Ints, count: int, a: Floats, r: int, to: Floats, t: int
) -> None:
    """``add_products`` of four rows."""
    u, v, x = t + 1, t + 2, t + 3
    k = 0
    while k + 4 <= count:
        i0, i1, i2, i3 = used[k], used[k + 1], used[k + 2], used[k + 3]
        a0, a1, a2, a3 = a[r, i0], a[r, i1], a[r, i2], a[r, i3]
        b0, b1, b2, b3 = a[r + 1, i0], a[r + 1, i1], a[r + 1, i2], a[r + 1, i3]
        c0, c1, c2, c3 = a[r + 2, i0], a[r + 2, i1], a[r + 2, i2], a[r + 2, i3]
        d0, d1, d2, d3 = a[r + 3, i0], a[r + 3, i1], a[r + 3, i2], a[r + 3, i3]
        r0, r1, r2, r3 = first + i0, first + i1, first + i2, first + i3
        for j in range(m):
            w0, w1, w2, w3 = w[r0, j], w[r1, j], w[r2, j], w[r3, j]
            to[t, j] += (a0 * w0 + a1 * w1) + (a2 * w2 + a3 * w3)
            to[u, j] += (b0 * w0 + b1 * w1) + (b2 * w2 + b3 * w3)
            to[v, j] += (c0 * w0 + c1 * w1) + (c2 * w2 + c3 * w3)
            to[x, j] += (d0 * w0 + d1 * w1) + (d2 * w2 + d3 * w3)
        k += 4
    for rest in range(k, count):
        i0, r0 = used[rest], first + used[rest]
        a0, b0, c0, d0 = a[r, i0], a[r + 1, i0], a[r + 2, i0], a[r + 3, i0]
        for j in range(m):
            w0 = w[r0, j]
            to[t, j] += a0 * w0
            to[u, j] += b0 * w0
            to[v, j] += c0 * w0
            to[x, j] += d0 * w0


@njit(cache=True, fastmath={"contract"})  # type: ignore[untyped-decorator]
def add_spans(
    w: Floats, first: int, m: int, used: Ints, count: int, a: Floats, mid: int, rad: int, z: int, r: int
) -> None:
    """a[z] += sum a[mid, i] w[first + i], a[r] += sum a[rad, i] |w[first + i]|, over i in used[:count].

    Eight rows for each store, since there are two results only.
    """
    k = 0
    while k + 8 <= count:
        i0, i1, i2, i3 = used[k], used[k + 1], used[k + 2], used[k + 3]
        i4, i5, i6, i7 = used[k + 4], used[k + 5], used[k + 6], used[k + 7]
        a0, a1, a2, a3 = a[mid, i0], a[mid, i1], a[mid, i2], a[mid, i3]
        a4, a5, a6, a7 = a[mid, i4], a[mid, i5], a[mid, i6], a[mid, i7]
        b0, b1, b2, b3 = a[rad, i0], a[rad, i1], a[rad, i2], a[rad, i3]
        b4, b5, b6, b7 = a[rad, i4], a[rad, i5], a[rad, i6], a[rad, i7]
        r0, r1, r2, r3 = first + i0, first + i1, first + i2, first + i3
        r4, r5, r6, r7 = first + i4, first + i5, first + i6, first + i7
        for j in range(m):
            w0, w1, w2, w3 = w[r0, j], w[r1, j], w[r2, j], w[r3, j]
            w4, w5, w6, w7 = w[r4, j], w[r5, j], w[r6, j], w[r7, j]
            a[z, j] += (a0 * w0 + a1 * w1 + a2 * w2 + a3 * w3) + (a4 * w4 + a5 * w5 + a6 * w6 + a7 * w7)
            w0, w1, w2, w3 = abs(w0), abs(w1), abs(w2), abs(w3)
            w4, w5, w6, w7 = abs(w4), abs(w5), abs(w6), abs(w7)
            a[r, j] += (b0 * w0 + b1 * w1 + b2 * w2 + b3 * w3) + (b4 * w4 + b5 * w5 + b6 * w6 + b7 * w7)
        k += 8
    for rest in range(k, count):
        i0, r0 = used[rest], first + used[rest]
        a0, b0 = a[mid, i0], a[rad, i0]
        for j in range(m):
            a[z, j] += a0 * w[r0, j]
            a[r, j] += b0 * abs(w[r0, j])
