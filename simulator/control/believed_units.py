"""Which units the control centre believes to run, and how far, from received power and its own set-points."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.control.believed_kernels import ASKED_SHARE, all_as_asked, judge

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


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
        return self._look(power_mw, setpoint_mw, step_s)

    def _look(self, power_mw: Floats, setpoint_mw: Floats, step_s: float) -> bool:
        was_on, self.on = self.on, self.on.copy()
        timers = (self._idle_s, self._short_s, self._short_at, self._limit, self._limited_s)
        judge(power_mw, setpoint_mw, step_s, self._p_max, self.on, self.unproven, self.capacity_mw, *timers)
        self.all_proven = bool(self.on.all() and not self.unproven.any())
        self._limited, self._timing = bool(self._limited_s.any()), True
        return not np.array_equal(was_on, self.on)

    def started(self, unit: int) -> None:
        """A unit was ordered to start: it counts as on until it proves otherwise."""
        self.on[unit] = self.unproven[unit] = True
        self.all_proven = False
        self._idle_s[unit] = 0.0
        self.capacity_mw[unit] = self._limit[unit]
