"""Compiled kernels of the linear (DC) model of one island. Private and unvalidated."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.control.ldl_kernels import substitute

Floats = NDArray[np.float64]
Index = NDArray[np.int64]
Flags = NDArray[np.bool_]


class LinearGrid(NamedTuple):
    """Factors of the nodal matrix and the branches behind it.

    below, row, lower, pivot: pattern of L by columns, L and D of L D L'; place (n,): position of each bus in
    the factors; start, end (l,): bus positions; susceptance (l,), 0 where open; free (n,): False at the
    reference and outside the island.
    """

    below: Index
    row: Index
    lower: Floats
    pivot: Floats
    place: Index
    start: Index
    end: Index
    susceptance: Floats
    free: Flags


@njit(cache=True)  # type: ignore[untyped-decorator]
def branch_flows(grid: LinearGrid, injection: Floats) -> Floats:
    """Flows (l,) for injections (n,) at the buses that are ``free``."""
    place, start, end, susceptance, free = grid.place, grid.start, grid.end, grid.susceptance, grid.free
    angle = np.zeros(len(free))
    for i in range(len(free)):
        if free[i]:
            angle[place[i]] = injection[i]
    substitute(grid.below, grid.row, grid.lower, grid.pivot, angle)
    flow = np.empty(len(start))
    for i in range(len(start)):
        flow[i] = susceptance[i] * (angle[place[start[i]]] - angle[place[end[i]]])
    return flow


@njit(cache=True)  # type: ignore[untyped-decorator]
def relevant_pairs(
    grid: LinearGrid, limit: Floats, room: Floats, tolerance: float
) -> tuple[Index, Index, Floats]:
    """Lines, outages and LODFs with |LODF| limit[outage] > room[line]; see ``DcModel.contingencies``."""
    place, start, end, susceptance, free = grid.place, grid.start, grid.end, grid.susceptance, grid.free
    branches, found, capacity = len(start), 0, 1024
    line, outage = np.empty(capacity, dtype=np.int64), np.empty(capacity, dtype=np.int64)
    share = np.empty(capacity)
    angle = np.empty(len(free))
    for k in range(branches):
        if susceptance[k] == 0.0:
            continue
        angle[:] = 0.0
        if free[start[k]]:
            angle[place[start[k]]] += 1.0
        if free[end[k]]:
            angle[place[end[k]]] -= 1.0
        substitute(grid.below, grid.row, grid.lower, grid.pivot, angle)
        own = susceptance[k] * (angle[place[start[k]]] - angle[place[end[k]]])
        if own > 1.0 - tolerance:
            continue
        for i in range(branches):
            if i == k or susceptance[i] == 0.0:
                continue
            part = susceptance[i] * (angle[place[start[i]]] - angle[place[end[i]]]) / (1.0 - own)
            if abs(part) * limit[k] > room[i]:
                if found == capacity:
                    capacity *= 2
                    line = np.concatenate((line, np.empty(found, dtype=np.int64)))
                    outage = np.concatenate((outage, np.empty(found, dtype=np.int64)))
                    share = np.concatenate((share, np.empty(found)))
                line[found], outage[found], share[found] = i, k, part
                found += 1
    return line[:found], outage[:found], share[:found]
