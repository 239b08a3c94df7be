"""Compiled parts of what the control centre does in every scan. values: received, NaN where nothing came."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Slots = NDArray[np.intp]


@njit(cache=True)  # type: ignore[untyped-decorator]
def keep_known(fresh: Floats, values: Floats) -> None:
    """Overwrite ``values`` with what is known of ``fresh``, which may be shorter."""
    for i in range(len(fresh)):
        if not np.isnan(fresh[i]):
            values[i] = fresh[i]


@njit(cache=True)  # type: ignore[untyped-decorator]
def approach(target_mw: Floats, reach_mw: Floats, base_mw: Floats, moved_mw: Floats) -> bool:
    """Move the base points (u,) towards their targets by at most ``reach_mw`` each; fills ``moved_mw`` (u,)
    and returns whether any moved."""
    any_moved = False
    for i in range(len(base_mw)):
        moved_mw[i] = min(max(target_mw[i] - base_mw[i], -reach_mw[i]), reach_mw[i])
        base_mw[i] += moved_mw[i]
        any_moved = any_moved or moved_mw[i] != 0.0
    return any_moved


@njit(cache=True)  # type: ignore[untyped-decorator]
def participate(
    base_mw: Floats,
    low_mw: Floats,
    high_mw: Floats,
    reach_mw: Floats,
    by_headroom: bool,
    regulation_mw: float,
    last_mw: Floats,
    step_mw: Floats,
    power: Floats,
) -> float:
    """Fill in the set-points ``power`` (u,): base points plus each unit's share of the regulation, at most
    ``step_mw`` from the last ones and from ``low_mw`` to ``high_mw``. Returns what the units that run miss of
    it, MW."""
    n = len(base_mw)
    weight, total = np.empty(n), 0.0
    for i in range(n):
        room = high_mw[i]
        if by_headroom:
            room = high_mw[i] - base_mw[i] if regulation_mw > 0.0 else min(base_mw[i], high_mw[i]) - low_mw[i]
            room = min(max(room, 0.0), reach_mw[i])
        weight[i] = room
        total += room
    missing = 0.0
    for i in range(n):
        share = weight[i] / total if total > 0.0 else 0.0
        wanted = base_mw[i] + share * regulation_mw
        given = min(max(wanted, last_mw[i] - step_mw[i]), last_mw[i] + step_mw[i])
        power[i] = min(max(given, low_mw[i]), high_mw[i])
        if high_mw[i] > 0.0:
            missing += wanted - power[i]
    if total == 0.0:
        missing += regulation_mw
    return missing


@njit(cache=True)  # type: ignore[untyped-decorator]
def finite_median(values: Floats, above: Floats) -> float:
    """Median of the values above their bound, NaN without any."""
    kept = values[values > above]
    if len(kept) == 0:
        return np.nan
    kept.sort()
    middle = len(kept) // 2
    if len(kept) % 2:
        return float(kept[middle])
    return float((kept[middle - 1] + kept[middle]) / 2.0)


@njit(cache=True)  # type: ignore[untyped-decorator]
def received_median(values: Floats, slots: Slots, above: Floats) -> float:
    """``finite_median`` of the values at ``slots``."""
    return float(finite_median(values[slots], above))


@njit(cache=True)  # type: ignore[untyped-decorator]
def any_below(values: Floats, slots: Slots, bound: Floats) -> bool:
    """Whether a received value is below its bound; a missing one, or a missing bound, counts as not below."""
    found = 0
    for i in range(len(slots)):
        found += values[slots[i]] < bound[i]
    return found > 0
