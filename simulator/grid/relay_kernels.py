"""Compiled kernels of relays whose input is constant between two power flows, so that times are closed forms.

Oracles in plain Python: ``tests/reference/grid_relays.py``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Index = NDArray[np.int64]
Flags = NDArray[np.bool_]

# Progress counts as complete this close to 1, so that relays meant to trip together do.
COMPLETE = 1.0 - 1e-9


class OverloadSettings(NamedTuple):
    """Inverse curve t = multiplier (a / (M^p - 1) + b) from ``pickup`` on, disk reset ``reset_s``, and the
    definite-time stage ``fast_pickup``, ``fast_delay_s``. Pickups are in per unit of the branch rating."""

    a: float
    b: float
    p: float
    multiplier: float
    pickup: float
    reset_s: float
    fast_pickup: float
    fast_delay_s: float


class Stages(NamedTuple):
    """Definite-time voltage stages (k,): limit_pu, delay_s, is_low (acts below the limit, else at and above
    it); high_base_pu (m,): per relay, factor on the high limits."""

    limit_pu: Floats
    delay_s: Floats
    is_low: Flags
    high_base_pu: Floats


@njit(cache=True)  # type: ignore[untyped-decorator]
def overload_rate(loading: float, s: OverloadSettings) -> float:
    """Progress towards tripping per second at a constant ``loading`` in pu; negative while resetting."""
    ratio = loading / s.pickup
    if ratio > 1.0:
        above = ratio**s.p - 1.0
        # The power of a ratio just above 1 rounds to 1: the time is infinite.
        return 0.0 if above <= 0.0 else 1.0 / (s.multiplier * (s.a / above + s.b))
    if s.reset_s <= 0.0:
        return -np.inf
    return -(1.0 - ratio * ratio) / (s.multiplier * s.reset_s)


@njit(cache=True)  # type: ignore[untyped-decorator]
def none_picks_up(
    loading: Floats,
    branch_gain: Floats,
    pickup: float,
    voltage_pu: Floats,
    load_bus: Index,
    load_bounds: Floats,
    unit_bus: Index,
    unit_bounds: Floats,
) -> bool:
    """Whether no relay sees a loading (l,) above ``pickup``, and none a voltage outside its bounds.

    voltage_pu (n,): of buses. bounds (3, m), a row each: gain of the relays, the voltage below which, and
    that from which on, one picks up.
    """
    fine = True
    for i in range(len(loading)):
        fine = fine and loading[i] * branch_gain[i] <= pickup
    return (
        fine and _between(voltage_pu, load_bus, load_bounds) and _between(voltage_pu, unit_bus, unit_bounds)
    )


@njit(cache=True)  # type: ignore[untyped-decorator]
def _between(voltage_pu: Floats, bus: Index, bounds: Floats) -> bool:
    fine = True
    for i in range(len(bus)):
        fine = fine and bounds[1, i] <= voltage_pu[bus[i]] * bounds[0, i] < bounds[2, i]
    return fine


@njit(cache=True)  # type: ignore[untyped-decorator]
def overload_measure(
    loading: Floats, gain: Floats, progress: Floats, fast_s: Floats, s: OverloadSettings, seen: Floats
) -> tuple[float, bool]:
    """Fill ``seen`` (l,) with the measured loading. Returns the seconds until the first relay trips if it
    stays, inf for none, and whether any relay is off its rest, so that time has to be counted."""
    first, moves = np.inf, False
    for i in range(len(loading)):
        seen[i] = loading[i] * gain[i]
        moves = moves or progress[i] > 0.0 or fast_s[i] > 0.0
        if seen[i] > s.pickup:
            moves = True
            rate = overload_rate(seen[i], s)
            if rate > 0.0:
                first = min(first, max(0.0, 1.0 - progress[i]) / rate)
        if seen[i] > s.fast_pickup:
            moves = True
            first = min(first, max(0.0, s.fast_delay_s - fast_s[i]))
    return first, moves


@njit(cache=True)  # type: ignore[untyped-decorator]
def overload_advance(
    seen: Floats, progress: Floats, fast_s: Floats, span_s: float, s: OverloadSettings, trips: Flags
) -> bool:
    """Integrate every relay over ``span_s`` at constant loading; True if any ends complete (in ``trips``).

    Integration over a varying current is that of IEEE C37.112: the integral of dt / t(I) reaches 1.
    """
    any_trips = False
    for i in range(len(seen)):
        if seen[i] > s.pickup or progress[i] > 0.0:
            # A span of 0 must not turn the infinite rate of an instant reset into NaN.
            change = overload_rate(seen[i], s) * span_s if span_s > 0.0 else 0.0
            progress[i] = min(max(progress[i] + change, 0.0), 1.0)
        fast_s[i] = fast_s[i] + span_s if seen[i] > s.fast_pickup else 0.0
        slow = seen[i] > s.pickup and progress[i] >= COMPLETE
        fast = seen[i] > s.fast_pickup and fast_s[i] >= s.fast_delay_s * COMPLETE
        trips[i] = slow or fast
        any_trips = any_trips or trips[i]
    return any_trips


@njit(cache=True)  # type: ignore[untyped-decorator]
def beyond(seen_pu: float, i: int, j: int, s: Stages) -> bool:
    """Whether relay i sees stage j exceeded: under a low limit, at or over a high one (NERC PRC-024)."""
    if s.is_low[j]:
        return bool(seen_pu < s.limit_pu[j])
    return bool(seen_pu >= s.limit_pu[j] * s.high_base_pu[i])


@njit(cache=True)  # type: ignore[untyped-decorator]
def voltage_measure(
    voltage_pu: Floats, bus: Index, in_service: Flags, gain: Floats, timer_s: Floats, s: Stages, seen: Floats
) -> tuple[float, bool]:
    """Fill ``seen`` (m,) from the bus voltages (n,), NaN where out of service. Returns the seconds until the
    first relay acts if they stay, inf for none, and whether any timer has to be counted on or reset."""
    first, moves = np.inf, False
    for i in range(len(bus)):
        if not in_service[i]:
            seen[i] = np.nan
            for j in range(len(s.limit_pu)):
                moves = moves or timer_s[i, j] > 0.0
            continue
        seen[i] = voltage_pu[bus[i]] * gain[i]
        for j in range(len(s.limit_pu)):
            moves = moves or timer_s[i, j] > 0.0
            if beyond(seen[i], i, j, s):
                moves = True
                first = min(first, max(0.0, s.delay_s[j] - timer_s[i, j]))
    return first, moves


@njit(cache=True)  # type: ignore[untyped-decorator]
def voltage_advance(seen: Floats, timer_s: Floats, s: Stages, span_s: float, acts: Flags) -> bool:
    """Count every timer on, back to 0 where the voltage is fine; True if any acts (in ``acts``)."""
    any_acts = False
    for i in range(len(seen)):
        acts[i] = False
        for j in range(len(s.limit_pu)):
            if not beyond(seen[i], i, j, s):
                timer_s[i, j] = 0.0
                continue
            timer_s[i, j] += span_s
            if timer_s[i, j] >= s.delay_s[j] * COMPLETE:
                acts[i] = any_acts = True
    return any_acts
