"""Compiled kernels of frequency relays: when they pick up, time and act. Private, unvalidated.

Oracles in plain Python: ``tests/reference/grid_dynamics.py``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Index = NDArray[np.int64]
Flags = NDArray[np.bool_]

# Times are sums of sub-steps: a delay counts as over this much before it is.
SLACK_S = 1e-9


class LoadRelays(NamedTuple):
    """Under-frequency relay per load (d,): island (-1 dead), gain on its measured frequency, next stage,
    timer_s, acts (set by the kernel)."""

    island: Index
    gain: Floats
    stage: Index
    timer_s: Floats
    acts: Flags


class UnitRelays(NamedTuple):
    """Frequency relays per unit: gain (g,), timer_s (g, limits), trips (g,) set by the kernel. limit_hz
    (g, limits), delay_s (limits,): the first ``n_low`` are under-frequency, the others over-frequency."""

    gain: Floats
    timer_s: Floats
    trips: Flags
    limit_hz: Floats
    delay_s: Floats
    n_low: int


@njit(cache=True)  # type: ignore[untyped-decorator]
def watch_loads(relays: LoadRelays, hz: Floats, stages_hz: Floats, delay_s: float, step_s: float) -> bool:
    """One sub-step of under-frequency relays; True if any acts. Each stage has its own full delay."""
    any_acts = False
    for i in range(len(relays.island)):
        stage = relays.stage[i]
        if relays.island[i] < 0 or stage >= len(stages_hz):
            continue
        if hz[relays.island[i]] * relays.gain[i] >= stages_hz[stage]:
            relays.timer_s[i] = 0.0
            continue
        relays.timer_s[i] += step_s
        if relays.timer_s[i] >= delay_s - SLACK_S:
            relays.timer_s[i] = 0.0
            relays.stage[i] += 1
            relays.acts[i] = any_acts = True
    return any_acts


@njit(cache=True)  # type: ignore[untyped-decorator]
def watch_units(relays: UnitRelays, unit_island: Index, hz: Floats, step_s: float) -> bool:
    """One sub-step of the units' frequency relays; True if any trips."""
    any_trips = False
    for i in range(len(unit_island)):
        if unit_island[i] < 0:
            continue
        seen = hz[unit_island[i]] * relays.gain[i]
        for j in range(len(relays.delay_s)):
            limit_hz = relays.limit_hz[i, j]
            beyond = seen <= limit_hz if j < relays.n_low else seen >= limit_hz
            if not beyond:
                relays.timer_s[i, j] = 0.0
                continue
            relays.timer_s[i, j] += step_s
            if relays.timer_s[i, j] >= relays.delay_s[j] - SLACK_S:
                relays.trips[i] = any_trips = True
    return any_trips


@njit(cache=True)  # type: ignore[untyped-decorator]
def quiet_band(loads: LoadRelays, relays: UnitRelays, stages_hz: Floats) -> tuple[float, float]:
    """Island frequencies, Hz, strictly between which no frequency relay picks up, whatever its gain."""
    low_hz, high_hz = 0.0, np.inf
    if (loads.gain <= 0.0).any() or (relays.gain <= 0.0).any():
        return np.inf, np.inf
    if len(stages_hz) > 0:
        for i in range(len(loads.gain)):
            low_hz = max(low_hz, stages_hz[0] / loads.gain[i])
    for j in range(len(relays.delay_s)):
        for i in range(len(relays.gain)):
            if j < relays.n_low:
                low_hz = max(low_hz, relays.limit_hz[i, j] / relays.gain[i])
            else:
                high_hz = min(high_hz, relays.limit_hz[i, j] / relays.gain[i])
    return low_hz, high_hz
