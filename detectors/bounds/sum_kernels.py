"""Sums that the bound kernels are made of. Four rows at a time, so that a result is stored once for four
products.

The order of summation is free, since ``theta`` covers any, and so is fused multiply-add. So dot products may
be reassociated, and all sums here fused; no other kernel may.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.bounds.packing import row

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@njit(cache=True, fastmath={"reassoc", "contract"})  # type: ignore[untyped-decorator]
def dot(a: Floats, b: Floats) -> float:
    """sum a b."""
    total = 0.0
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


@njit(cache=True, fastmath={"reassoc", "contract"})  # type: ignore[untyped-decorator]
def absolute_dot(a: Floats, b: Floats) -> float:
    """sum |a| b."""
    total = 0.0
    for i in range(len(a)):
        total += abs(a[i]) * b[i]
    return total


@njit(cache=True, fastmath={"reassoc"})  # type: ignore[untyped-decorator]
def total(a: Floats, b: Floats) -> float:
    """sum a + b."""
    added = 0.0
    for i in range(len(a)):
        added += a[i] + b[i]
    return added


@njit(cache=True, fastmath={"reassoc"})  # type: ignore[untyped-decorator]
def absolute_total(a: Floats) -> float:
    """sum |a|."""
    added = 0.0
    for i in range(len(a)):
        added += abs(a[i])
    return added


@njit(cache=True, fastmath={"reassoc", "contract"})  # type: ignore[untyped-decorator]
def negative_dot(a: Floats, b: Floats) -> float:
    """sum min(a, 0) min(b, 0)."""
    added = 0.0
    for i in range(len(a)):
        added += (a[i] if a[i] < 0.0 else 0.0) * (b[i] if b[i] < 0.0 else 0.0)
    return added


@njit(cache=True, fastmath={"contract"})  # type: ignore[untyped-decorator]
def add_rows(rows: Floats, factor: Floats, total: Floats) -> None:
    """total (m,) += factor (n,) @ rows (n, m), which lie flat."""
    n, m = len(factor), len(total)
    i = 0
    while i + 4 <= n:
        f0, f1, f2, f3 = factor[i], factor[i + 1], factor[i + 2], factor[i + 3]
        r0, r1 = row(rows, i, m), row(rows, i + 1, m)
        r2, r3 = row(rows, i + 2, m), row(rows, i + 3, m)
        for j in range(m):
            total[j] += f0 * r0[j] + f1 * r1[j] + f2 * r2[j] + f3 * r3[j]
        i += 4
    while i < n:
        f0, r0 = factor[i], row(rows, i, m)
        for j in range(m):
            total[j] += f0 * r0[j]
        i += 1


@njit(cache=True, fastmath={"contract"})  # type: ignore[untyped-decorator]
def add_pairs(rows: Floats, used: Ints, count: int, a: Floats, b: Floats, at: Floats, bt: Floats) -> None:
    """at += sum a[i] rows[i], bt += sum b[i] rows[i], over i in used[:count]; rows (n, m) flat."""
    m = len(at)
    k = 0
    while k + 4 <= count:
        i0, i1, i2, i3 = used[k], used[k + 1], used[k + 2], used[k + 3]
        a0, a1, a2, a3 = a[i0], a[i1], a[i2], a[i3]
        b0, b1, b2, b3 = b[i0], b[i1], b[i2], b[i3]
        r0, r1, r2, r3 = row(rows, i0, m), row(rows, i1, m), row(rows, i2, m), row(rows, i3, m)
        for j in range(m):
            w0, w1, w2, w3 = r0[j], r1[j], r2[j], r3[j]
            at[j] += (a0 * w0 + a1 * w1) + (a2 * w2 + a3 * w3)
            bt[j] += (b0 * w0 + b1 * w1) + (b2 * w2 + b3 * w3)
        k += 4
    while k < count:
        i0 = used[k]
        a0, b0, r0 = a[i0], b[i0], row(rows, i0, m)
        for j in range(m):
            at[j] += a0 * r0[j]
            bt[j] += b0 * r0[j]
        k += 1


@njit(cache=True, fastmath={"contract"})  # type: ignore[untyped-decorator]
def add_spans(rows: Floats, used: Ints, count: int, mid: Floats, rad: Floats, z: Floats, r: Floats) -> None:
    """z += sum mid[i] rows[i], r += sum rad[i] |rows[i]|, over i in used[:count]; rows (n, m) flat."""
    m = len(z)
    k = 0
    while k + 4 <= count:
        i0, i1, i2, i3 = used[k], used[k + 1], used[k + 2], used[k + 3]
        a0, a1, a2, a3 = mid[i0], mid[i1], mid[i2], mid[i3]
        b0, b1, b2, b3 = rad[i0], rad[i1], rad[i2], rad[i3]
        r0, r1, r2, r3 = row(rows, i0, m), row(rows, i1, m), row(rows, i2, m), row(rows, i3, m)
        for j in range(m):
            w0, w1, w2, w3 = r0[j], r1[j], r2[j], r3[j]
            z[j] += (a0 * w0 + a1 * w1) + (a2 * w2 + a3 * w3)
            r[j] += (b0 * abs(w0) + b1 * abs(w1)) + (b2 * abs(w2) + b3 * abs(w3))
        k += 4
    while k < count:
        i0 = used[k]
        a0, b0, r0 = mid[i0], rad[i0], row(rows, i0, m)
        for j in range(m):
            z[j] += a0 * r0[j]
            r[j] += b0 * abs(r0[j])
        k += 1


@njit(cache=True, fastmath={"contract"})  # type: ignore[untyped-decorator]
def add_fours(rows: Floats, used: Ints, count: int, factors: Floats, totals: Floats) -> None:
    """totals (4, m) += factors (4, n) @ rows (n, m), all flat, over the rows in used[:count]."""
    n, m = len(factors) // 4, len(totals) // 4
    a, b, c, d = row(factors, 0, n), row(factors, 1, n), row(factors, 2, n), row(factors, 3, n)
    at, bt, ct, dt = row(totals, 0, m), row(totals, 1, m), row(totals, 2, m), row(totals, 3, m)
    k = 0
    while k + 4 <= count:
        i0, i1, i2, i3 = used[k], used[k + 1], used[k + 2], used[k + 3]
        a0, a1, a2, a3 = a[i0], a[i1], a[i2], a[i3]
        b0, b1, b2, b3 = b[i0], b[i1], b[i2], b[i3]
        c0, c1, c2, c3 = c[i0], c[i1], c[i2], c[i3]
        d0, d1, d2, d3 = d[i0], d[i1], d[i2], d[i3]
        r0, r1, r2, r3 = row(rows, i0, m), row(rows, i1, m), row(rows, i2, m), row(rows, i3, m)
        for j in range(m):
            w0, w1, w2, w3 = r0[j], r1[j], r2[j], r3[j]
            at[j] += (a0 * w0 + a1 * w1) + (a2 * w2 + a3 * w3)
            bt[j] += (b0 * w0 + b1 * w1) + (b2 * w2 + b3 * w3)
            ct[j] += (c0 * w0 + c1 * w1) + (c2 * w2 + c3 * w3)
            dt[j] += (d0 * w0 + d1 * w1) + (d2 * w2 + d3 * w3)
        k += 4
    add_pairs(rows, used[k:], count - k, a, b, at, bt)
    add_pairs(rows, used[k:], count - k, c, d, ct, dt)
