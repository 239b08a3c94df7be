"""Compiled kernels of the network: connected parts, flows from bus voltages, connected demand.

Arrays come as tables, one quantity a row: a compiled call costs by the number of its arguments.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.grid.frequency_kernels import DRAWN_MW, HZ, LOAD_MW

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]
Index = NDArray[np.int64]
Flags = NDArray[np.bool_]
Floats32 = NDArray[np.float32]


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
def network_state(
    voltage: Complexes,
    ends: Index,
    admittance: Complexes,
    closed: Flags,
    rating_mva: Floats,
    base_mva: float,
    island: Index,
    gs_mw: Floats,
    flow_mva: Complexes,
    branch: Floats,
    bus: Floats,
    island_losses_mw: Floats,
) -> None:
    """What follows from complex bus voltages (n,) pu; open branches and those at a dead bus carry nothing.

    ends (2, l): bus positions; admittance (4, l): yff, yft, ytf, ytt of each branch's pi-equivalent, pu
    (MATPOWER manual, section 3.2); island (n,): -1 dead; gs_mw (n,): shunt conductance at 1 pu. Fills
    flow_mva (2, l): complex power into the branch at either end; branch (2, l): larger end current over
    rating, and losses, MW; bus (2, n): magnitude, and power of the shunt, MW; island_losses_mw (islands,):
    of branches and shunts.
    """
    island_losses_mw[:] = 0.0
    for i in range(len(voltage)):
        square = voltage[i].real * voltage[i].real + voltage[i].imag * voltage[i].imag
        bus[0, i] = np.sqrt(square)
        bus[1, i] = gs_mw[i] * square
        if island[i] >= 0:
            island_losses_mw[island[i]] += bus[1, i]
    for i in range(len(closed)):
        u, w = voltage[ends[0, i]], voltage[ends[1, i]]
        if not closed[i] or u == 0.0 or w == 0.0:
            flow_mva[0, i] = flow_mva[1, i] = 0.0
            branch[0, i] = branch[1, i] = 0.0
            continue
        current_from = admittance[0, i] * u + admittance[1, i] * w
        current_to = admittance[2, i] * u + admittance[3, i] * w
        flow_mva[0, i] = u * np.conj(current_from) * base_mva
        flow_mva[1, i] = w * np.conj(current_to) * base_mva
        # Squares are compared: one root instead of two moduli.
        square_from = current_from.real * current_from.real + current_from.imag * current_from.imag
        square_to = current_to.real * current_to.real + current_to.imag * current_to.imag
        branch[0, i] = np.sqrt(max(square_from, square_to)) * base_mva / rating_mva[i]
        branch[1, i] = flow_mva[0, i].real + flow_mva[1, i].real
    for i in range(len(closed)):
        if island[ends[0, i]] >= 0:
            island_losses_mw[island[ends[0, i]]] += branch[1, i]


@njit(cache=True)  # type: ignore[untyped-decorator]
def connected_demand(
    demand: Floats,
    share: Floats,
    drawn_mw: Floats,
    load_island: Index,
    islands: Floats,
    nominal_hz: float,
    damping_pu: float,
    served_mw: Floats,
    given: Floats32,
) -> None:
    """Demand behind closed feeders, for the solver and for the swing equation.

    demand (2, d): MW and Mvar at nominal frequency; share (d,) of each load that is connected; drawn_mw (d,)
    of single feeders, whatever the frequency; load_island (d,): -1 dead; islands: see ``frequency_kernels``,
    its load and drawn power are filled in; damping_pu: response of load to frequency. Fills served_mw (d,)
    with that response, 0 where dead, and given (2, d), MW and Mvar for the model.
    """
    islands[LOAD_MW] = 0.0
    islands[DRAWN_MW] = 0.0
    for i in range(len(served_mw)):
        k = load_island[i]
        if k < 0:
            served_mw[i] = given[0, i] = given[1, i] = 0.0
            continue
        connected = demand[0, i] * share[i]
        islands[LOAD_MW, k] += connected
        islands[DRAWN_MW, k] += drawn_mw[i]
        served_mw[i] = connected * (1.0 + damping_pu * (islands[HZ, k] / nominal_hz - 1.0)) + drawn_mw[i]
        given[0, i] = served_mw[i]
        given[1, i] = demand[1, i] * share[i]


@njit(cache=True)  # type: ignore[untyped-decorator]
def keep_lower(values: Floats, lowest: Floats) -> None:
    """Lower each of ``lowest`` to ``values`` where that is less."""
    for i in range(len(values)):
        lowest[i] = min(lowest[i], values[i])
