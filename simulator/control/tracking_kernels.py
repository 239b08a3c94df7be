"""Compiled: how received flows differ from those that received loads and units explain, tracked scan by scan.

values: received, NaN where nothing came.
"""

from __future__ import annotations

from typing import NamedTuple

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
    connected (n,): buses of the main island; grid: its linear model."""

    closed: Flags
    usable: Flags
    connected: Flags
    grid: LinearGrid


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
    values: Floats, meters: Meters, topology: Topology, first: bool, load_mw: Floats, offset_mw: Floats
) -> bool:
    """One scan; False, with nothing done, where a received status contradicts ``closed``.

    Writes the received loads (n,) and moves ``offset_mw`` (l,) towards received less expected flow where the
    two differ from it by less than the gate; the first scan sets it. A missing status counts as closed,
    everything else that is missing as 0.
    """
    differing = 0
    for i in range(len(meters.status)):
        differing += (not values[meters.status[i]] <= 0.5) != topology.closed[i]
    if differing:
        return False
    power_mw = np.empty(len(meters.power))
    _take(values, meters.power, power_mw)
    _take(values, meters.load, load_mw)
    injection = inject(load_mw, power_mw, meters.unit_bus, topology.connected)
    expected = branch_flows(topology.grid, injection)
    for i in range(len(expected)):
        received = values[meters.flow[i]]
        gap = (0.0 if np.isnan(received) else received) - expected[i]
        if first:
            offset_mw[i] = gap if topology.usable[i] else 0.0
        elif topology.usable[i] and abs(gap - offset_mw[i]) < meters.gate[i]:
            offset_mw[i] += OFFSET_GAIN * (gap - offset_mw[i])
    return True


@njit(cache=True)  # type: ignore[untyped-decorator]
def _take(values: Floats, slots: Slots, taken: Floats) -> None:
    for i in range(len(slots)):
        value = values[slots[i]]
        taken[i] = 0.0 if np.isnan(value) else value
