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
def lowest_voltage(voltage: Complexes, buses: Index) -> float:
    """Smallest magnitude among ``buses`` (positions), pu; NaN if any is not a number."""
    lowest = np.inf
    for i in buses:
        square = voltage[i].real * voltage[i].real + voltage[i].imag * voltage[i].imag
        if np.isnan(square):
            return np.nan
        lowest = min(lowest, square)
    return float(np.sqrt(lowest))


@njit(cache=True)  # type: ignore[untyped-decorator]
def place(unit_mw: Floats, units: Index, rows: Index, power: NDArray[np.float32]) -> None:
    """Put the power of ``units`` into the model's machines ``rows`` that stand for them."""
    for j in range(len(units)):
        power[rows[j]] = unit_mw[units[j]]


@njit(cache=True)  # type: ignore[untyped-decorator]
def take_solution(
    found: Complexes,
    power: Floats,
    reactive: Floats,
    buses: Index,
    units: Index,
    rows: Index,
    voltage: Complexes,
    unit_mw: Floats,
    unit_mvar: Floats,
) -> None:
    """Copy one island's solution: ``found`` (n,) at its buses, and the output of the model's machines
    ``rows`` that stand for its ``units``."""
    for i in buses:
        voltage[i] = found[i]
    for j in range(len(units)):
        unit_mw[units[j]] = power[rows[j]]
        unit_mvar[units[j]] = reactive[rows[j]]


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
        # Squares are compared: one root instead of two moduli.
        square_from = current_from.real * current_from.real + current_from.imag * current_from.imag
        square_to = current_to.real * current_to.real + current_to.imag * current_to.imag
        out.loading[i] = np.sqrt(max(square_from, square_to)) * base_mva / rating_mva[i]
        out.loss_mw[i] = out.from_mva[i].real + out.to_mva[i].real


@njit(cache=True)  # type: ignore[untyped-decorator]
def bus_state(
    voltage: Complexes,
    island: Index,
    start: Index,
    gs_mw: Floats,
    loss_mw: Floats,
    magnitude: Floats,
    shunt_mw: Floats,
    island_losses_mw: Floats,
) -> None:
    """Fill magnitude and shunt_mw (n,), and per island the losses of branches and shunts.

    island (n,): -1 dead; start (l,): one end of each branch; gs_mw (n,) shunt conductance at 1 pu.
    """
    island_losses_mw[:] = 0.0
    for i in range(len(voltage)):
        square = voltage[i].real * voltage[i].real + voltage[i].imag * voltage[i].imag
        magnitude[i] = np.sqrt(square)
        shunt_mw[i] = gs_mw[i] * square
        if island[i] >= 0:
            island_losses_mw[island[i]] += shunt_mw[i]
    for i in range(len(start)):
        if island[start[i]] >= 0:
            island_losses_mw[island[start[i]]] += loss_mw[i]


@njit(cache=True)  # type: ignore[untyped-decorator]
def connected_demand(
    demand_mw: Floats,
    demand_mvar: Floats,
    share: Floats,
    drawn_mw: Floats,
    load_bus: Index,
    bus_island: Index,
    hz: Floats,
    nominal_hz: float,
    damping_pu: float,
    served_mw: Floats,
    active: NDArray[np.float32],
    reactive: NDArray[np.float32],
    island_load_mw: Floats,
    island_drawn_mw: Floats,
) -> None:
    """Demand behind closed feeders, for the solver and for the swing equation.

    share (d,) of each load that is connected; drawn_mw (d,) of single feeders, whatever the frequency; hz per
    island; damping_pu: response of load to frequency. Fills served_mw (d,) with that response, 0 where dead,
    active and reactive (d,) for the model, island_load_mw, at nominal frequency, and island_drawn_mw.
    """
    island_load_mw[:] = 0.0
    island_drawn_mw[:] = 0.0
    for i in range(len(demand_mw)):
        k = bus_island[load_bus[i]]
        if k < 0:
            served_mw[i] = active[i] = reactive[i] = 0.0
            continue
        connected = demand_mw[i] * share[i]
        island_load_mw[k] += connected
        island_drawn_mw[k] += drawn_mw[i]
        served_mw[i] = connected * (1.0 + damping_pu * (hz[k] / nominal_hz - 1.0)) + drawn_mw[i]
        active[i] = served_mw[i]
        reactive[i] = demand_mvar[i] * share[i]
