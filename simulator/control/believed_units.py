"""Which units the control centre believes to run, and how far, from received power and its own set-points."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.control.scan_kernels import all_as_asked

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

OFF_SHARE, OFF_MW = 0.002, 0.5
ASKED_SHARE = 0.02
OFF_AFTER_S = 60.0
SHORT_SHARE = 0.05
SHORT_AFTER_S = 120.0
RISE_SHARE = 0.02
RETRY_S = 900.0


class BelievedUnits:
    """on (u,): a unit that gives no power for OFF_AFTER_S while more than ASKED_SHARE of its capacity is
    asked of it counts as off, until power comes back. capacity_mw (u,): what it is believed capable of: a
    unit that stays SHORT_SHARE of capacity below its set-point for SHORT_AFTER_S, and no longer rises, is
    limited to what it gives, tried again after RETRY_S; 0 for one that is off.

    A unit asked for nothing cannot be told from one that is off, and counts as on. unproven (u,): units that
    were ordered to start and have not given power since. all_proven: whether all units are on and none is
    unproven.
    """

    def __init__(self, p_max_mw: Floats) -> None:
        self._p_max = p_max_mw
        self._nothing = OFF_SHARE * p_max_mw + OFF_MW
        self._asked = ASKED_SHARE * p_max_mw + 2.0 * OFF_MW
        self.on: Flags = np.ones(len(p_max_mw), dtype=np.bool_)
        self.capacity_mw: Floats = p_max_mw.copy()
        self.unproven: Flags = np.zeros(len(p_max_mw), dtype=np.bool_)
        self._idle_s = np.zeros(len(p_max_mw))
        self._short_s = np.zeros(len(p_max_mw))
        self._short_at = np.zeros(len(p_max_mw))
        self._limit: Floats = p_max_mw.copy()
        self._limited_s = np.zeros(len(p_max_mw))
        self.all_proven = True
        self._limited = self._timing = False

    def observe(self, power_mw: Floats, setpoint_mw: Floats, step_s: float) -> bool:
        """One scan: received power (u,), NaN unknown, against the set-points (u,) in force. True where which
        units are on has changed."""
        settled = self.all_proven and not self._limited
        if settled and all_as_asked(power_mw, setpoint_mw, self._p_max, ASKED_SHARE):
            if self._timing:
                self._idle_s[:] = self._short_s[:] = 0.0
                self._timing = False
            return False
        changed = self._look(power_mw, setpoint_mw, step_s)
        self.all_proven = bool(self.on.all() and not self.unproven.any())
        self._limited, self._timing = bool(self._limited_s.any()), True
        return changed

    def _look(self, power_mw: Floats, setpoint_mw: Floats, step_s: float) -> bool:
        known = ~np.isnan(power_mw)
        gives = known & (power_mw > self._nothing)
        idle = known & ~gives & (setpoint_mw > self._asked)
        self._idle_s = np.where(idle, self._idle_s + step_s, np.where(known, 0.0, self._idle_s))
        on = (self.on & (self._idle_s < OFF_AFTER_S)) | gives
        self.unproven = self.unproven & ~gives
        short = gives & (power_mw < setpoint_mw - SHORT_SHARE * self._p_max)
        # A unit that still rises is on its way, not limited.
        rises = short & (power_mw > self._short_at + RISE_SHARE * self._p_max)
        begins = rises | (short & (self._short_s == 0.0))
        self._short_at = np.where(begins, power_mw, self._short_at)
        self._short_s = np.where(short, self._short_s + step_s, np.where(known, 0.0, self._short_s))
        self._short_s[rises] = step_s
        limited = self._short_s >= SHORT_AFTER_S
        self._limit = np.where(limited, np.maximum(power_mw, 0.0), self._limit)
        self._limited_s = np.where(limited, RETRY_S, np.maximum(self._limited_s - step_s, 0.0))
        self._limit = np.where(self._limited_s > 0.0, self._limit, self._p_max)
        changed = not np.array_equal(on, self.on)
        self.on = on
        self.capacity_mw = np.where(on, self._limit, 0.0)
        return changed

    def started(self, unit: int) -> None:
        """A unit was ordered to start: it counts as on until it proves otherwise."""
        self.on[unit] = self.unproven[unit] = True
        self.all_proven = False
        self._idle_s[unit] = 0.0
        self.capacity_mw[unit] = self._limit[unit]
