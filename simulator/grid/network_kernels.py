"""Compiled kernels of the network: connected parts, and branch flows from bus voltages."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]
Index = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Admittance(NamedTuple):
    """Pi-equivalent of every branch, (l,) pu (MATPOWER manual, section 3.2), and the ends' bus positions."""

    start: Index
    end: Index
    yff: Complexes
    yft: Complexes
    ytf: Complexes
    ytt: Complexes


class Flows(NamedTuple):
    """from_mva, to_mva (l,): complex power into the branch at each end, MVA; loading (l,): larger end current
    over rating; loss_mw (l,)."""

    from_mva: Complexes
    to_mva: Complexes
    loading: Floats
    loss_mw: Floats


@njit(cache=True)  # type: ignore[untyped-decorator]
def connected_parts(n_bus: int, start: Index, end: Index, closed: Flags) -> Index:
    """Label (n_bus,) of each bus's part: the lowest bus position in it (union-find, path halving)."""
    parent = np.arange(n_bus)
    for i in range(len(start)):
        if closed[i]:
            a, b = start[i], end[i]
            while parent[a] != a:
                parent[a] = parent[parent[a]]
                a = parent[a]
            while parent[b] != b:
                parent[b] = parent[parent[b]]
                b = parent[b]
            if a < b:
                parent[b] = a
            else:
                parent[a] = b
    for i in range(n_bus):
        # A parent's label is final before its children's: parents have lower positions.
        parent[i] = parent[parent[i]]
    return parent


@njit(cache=True)  # type: ignore[untyped-decorator]
def branch_flows(
    voltage: Complexes, adm: Admittance, closed: Flags, rating_mva: Floats, base_mva: float, out: Flows
) -> None:
    """Fill ``out`` for complex bus voltages (n,) pu; open branches and those at a dead bus carry nothing."""
    for i in range(len(adm.start)):
        u, w = voltage[adm.start[i]], voltage[adm.end[i]]
        if not closed[i] or u == 0.0 or w == 0.0:
            out.from_mva[i] = out.to_mva[i] = 0.0
            out.loading[i] = out.loss_mw[i] = 0.0
            continue
        current_from = adm.yff[i] * u + adm.yft[i] * w
        current_to = adm.ytf[i] * u + adm.ytt[i] * w
        out.from_mva[i] = u * np.conj(current_from) * base_mva
        out.to_mva[i] = w * np.conj(current_to) * base_mva
        out.loading[i] = max(abs(current_from), abs(current_to)) * base_mva / rating_mva[i]
        out.loss_mw[i] = out.from_mva[i].real + out.to_mva[i].real
