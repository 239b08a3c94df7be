"""Compiled kernels of relays whose input is constant between two power flows, so that times are closed forms.

Oracles in plain Python: ``tests/reference/grid_relays.py``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
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
def overload_time_to_trip(seen: Floats, progress: Floats, fast_s: Floats, s: OverloadSettings) -> float:
    """Seconds until the first relay trips if every measured loading ``seen`` (l,) stays; inf for none."""
    first = np.inf
    for i in range(len(seen)):
        rate = overload_rate(seen[i], s)
        if rate > 0.0:
            first = min(first, max(0.0, 1.0 - progress[i]) / rate)
        if seen[i] > s.fast_pickup:
            first = min(first, max(0.0, s.fast_delay_s - fast_s[i]))
    return first


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
def low_time_to_act(seen: Floats, timer_s: Floats, limit: Floats, delay_s: Floats) -> float:
    """Seconds until the first definite-time under-value relay acts while ``seen`` (m,) stays; inf for none.

    limit, delay_s (stages,); timer_s (m, stages). NaN in ``seen`` is a relay out of service.
    """
    first = np.inf
    for i in range(len(seen)):
        for j in range(len(limit)):
            if seen[i] < limit[j]:
                first = min(first, max(0.0, delay_s[j] - timer_s[i, j]))
    return first


@njit(cache=True)  # type: ignore[untyped-decorator]
def low_advance(
    seen: Floats, timer_s: Floats, limit: Floats, delay_s: Floats, span_s: float, acts: Flags
) -> bool:
    """Count every timer on, back to 0 where the value is fine; True if any acts (in ``acts``)."""
    any_acts = False
    for i in range(len(seen)):
        acts[i] = False
        for j in range(len(limit)):
            if not seen[i] < limit[j]:
                timer_s[i, j] = 0.0
                continue
            timer_s[i, j] += span_s
            if timer_s[i, j] >= delay_s[j] * COMPLETE:
                acts[i] = any_acts = True
    return any_acts
