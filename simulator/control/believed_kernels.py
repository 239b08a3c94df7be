"""Compiled: judging every scan whether units run, and how far, by what is received of them."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

OFF_SHARE, OFF_MW = 0.002, 0.5
ASKED_SHARE = 0.02
OFF_AFTER_S = 60.0
SHORT_SHARE = 0.05
SHORT_AFTER_S = 120.0
RISE_SHARE = 0.02
RETRY_S = 900.0


@njit(cache=True)  # type: ignore[untyped-decorator]
def all_as_asked(power_mw: Floats, setpoint_mw: Floats, p_max_mw: Floats, share: float) -> bool:
    """Whether no unit gives less than its set-point by more than ``share`` of its capacity; a missing value
    counts as given."""
    short = 0
    for i in range(len(power_mw)):
        short += setpoint_mw[i] - power_mw[i] > share * p_max_mw[i]
    return short == 0


@njit(cache=True)  # type: ignore[untyped-decorator]
def judge(
    power_mw: Floats,
    setpoint_mw: Floats,
    step_s: float,
    p_max_mw: Floats,
    on: Flags,
    unproven: Flags,
    capacity_mw: Floats,
    idle_s: Floats,
    short_s: Floats,
    short_at_mw: Floats,
    limit_mw: Floats,
    limited_s: Floats,
) -> None:
    """One scan of all units (u,): everything from ``on`` is brought up to date; see ``BelievedUnits``.

    idle_s, short_s: how long a unit has been without power, or short of its set-point; short_at_mw: what it
    gave when it fell short or last rose; limit_mw: what it is held to for another ``limited_s``, also where
    nothing is heard of it.
    """
    for i in range(len(power_mw)):
        power, p_max = power_mw[i], p_max_mw[i]
        known = not np.isnan(power)
        gives = known and power > OFF_SHARE * p_max + OFF_MW
        idle = known and not gives and setpoint_mw[i] > ASKED_SHARE * p_max + 2.0 * OFF_MW
        short = gives and power < setpoint_mw[i] - SHORT_SHARE * p_max
        # A unit that still rises is on its way, not limited.
        rises = short and power > short_at_mw[i] + RISE_SHARE * p_max
        if rises or (short and short_s[i] == 0.0):
            short_at_mw[i] = power
        if known:
            idle_s[i] = idle_s[i] + step_s if idle else 0.0
            short_s[i] = (step_s if rises else short_s[i] + step_s) if short else 0.0
        limited = known and short_s[i] >= SHORT_AFTER_S
        if limited:
            limit_mw[i] = max(power, 0.0)
        limited_s[i] = RETRY_S if limited else max(limited_s[i] - step_s, 0.0)
        if limited_s[i] == 0.0:
            limit_mw[i] = p_max
        on[i] = (on[i] and idle_s[i] < OFF_AFTER_S) or gives
        unproven[i] = unproven[i] and not gives
        capacity_mw[i] = limit_mw[i] if on[i] else 0.0
