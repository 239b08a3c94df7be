"""Compiled: how received flows differ from those that received loads and units explain, tracked scan by scan.

values: received, NaN where nothing came.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.control.dc_kernels import LinearGrid, branch_flows

Floats = NDArray[np.float64]
Slots = NDArray[np.intp]
Flags = NDArray[np.bool_]

OFFSET_GAIN = 0.05


class Meters(NamedTuple):
    """Positions among the received values: load (n,), power (u,), flow (l,), status (l,). unit_bus (u,): bus
    positions; gate (l,): MW beyond which a flow contradicts the others."""

    load: Slots
    power: Slots
    flow: Slots
    status: Slots
    unit_bus: Slots
    gate: Floats


class Topology(NamedTuple):
    """What the believed switch positions make of the grid. closed (l,); usable (l,): closed and metered;
    connected (n,): buses of the main island."""

    closed: Flags
    usable: Flags
    connected: Flags


@njit(cache=True)  # type: ignore[untyped-decorator]
def inject(load_mw: Floats, power_mw: Floats, unit_bus: Slots, connected: Flags) -> Floats:
    """Injections (n_bus,) of the connected island: units less loads, which are scaled so that the sum is
    0."""
    total, demand = 0.0, 0.0
    for i in range(len(unit_bus)):
        if connected[unit_bus[i]]:
            total += power_mw[i]
    for i in range(len(load_mw)):
        if connected[i]:
            demand += load_mw[i]
    scale = total / demand if demand > 0.0 else 1.0
    injection = np.zeros(len(load_mw))
    for i in range(len(load_mw)):
        if connected[i]:
            injection[i] = -load_mw[i] * scale
    for i in range(len(unit_bus)):
        if connected[unit_bus[i]]:
            injection[unit_bus[i]] += power_mw[i]
    return injection


@njit(cache=True)  # type: ignore[untyped-decorator]
def track(
    values: Floats,
    meters: tuple[Any, ...],
    topology: tuple[Any, ...],
    linear: tuple[Any, ...],
    first: bool,
    load_mw: Floats,
    offset_mw: Floats,
) -> bool:
    """One scan; False, with nothing done, where a received status contradicts ``closed``.

    Writes the received loads (n,) and moves ``offset_mw`` (l,) towards received less expected flow where the
    two differ from it by less than the gate; the first scan sets it. A missing status counts as closed,
    everything else that is missing as 0.

    meters, topology, linear: fields of ``Meters``, ``Topology`` and ``LinearGrid`` as plain tuples, which a
    kernel takes in half the time.
    """
    at, grid = Meters(*meters), Topology(*topology)
    differing = 0
    for i in range(len(at.status)):
        differing += (not values[at.status[i]] <= 0.5) != grid.closed[i]
    if differing:
        return False
    power_mw = np.empty(len(at.power))
    _take(values, at.power, power_mw)
    _take(values, at.load, load_mw)
    injection = inject(load_mw, power_mw, at.unit_bus, grid.connected)
    expected = branch_flows(LinearGrid(*linear), injection)
    for i in range(len(expected)):
        received = values[at.flow[i]]
        gap = (0.0 if np.isnan(received) else received) - expected[i]
        if first:
            offset_mw[i] = gap if grid.usable[i] else 0.0
        elif grid.usable[i] and abs(gap - offset_mw[i]) < at.gate[i]:
            offset_mw[i] += OFFSET_GAIN * (gap - offset_mw[i])
    return True


@njit(cache=True)  # type: ignore[untyped-decorator]
def _take(values: Floats, slots: Slots, taken: Floats) -> None:
    for i in range(len(slots)):
        value = values[slots[i]]
        taken[i] = 0.0 if np.isnan(value) else value
