"""Automatic generation control of one area: 4 s (NERC BAL-005: at most 6 s), on received values."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from simulator.control.scan_kernels import participate

Floats = NDArray[np.float64]

INTEGRAL_GAIN_PER_S = 0.02
PROPORTIONAL_GAIN = 0.2
RESTORE_LIMIT_SHARE = 0.05
REACH_S = 600.0
UNFOLLOWED_MW = 1.0


def area_control_error(
    interchange_mw: float, scheduled_mw: float, bias_mw_per_hz: float, deviation_hz: float
) -> float:
    """ACE = (NI_A - NI_S) - 10 B (F_A - F_S), MW (NERC BAL-001; its B is in MW per 0.1 Hz and negative).

    bias_mw_per_hz: -10 B, positive; interchange counts as positive out of the area. Positive ACE: the area
    generates too much.
    """
    return interchange_mw - scheduled_mw + bias_mw_per_hz * deviation_hz


class Agc:
    """Proportional-integral control of the area control error.

    bias_mw_per_hz: frequency bias (positive), about 1 % of peak load per 0.1 Hz (NERC BAL-003's floor).
    p_max_mw, p_min_mw (u,): minimum 0 where not given. ramp_mw_per_s (u,): None for no limit. by_headroom:
    units share in proportion to what they can still move within REACH_S; else to capacity. integral_mw:
    regulation to begin with.
    """

    def __init__(
        self,
        p_max_mw: Floats,
        bias_mw_per_hz: float,
        nominal_hz: float,
        ramp_mw_per_s: Floats | None = None,
        by_headroom: bool = True,
        integral_mw: float = 0.0,
        p_min_mw: Floats | None = None,
    ) -> None:
        self._p_max = p_max_mw
        self._p_min = np.zeros(len(p_max_mw)) if p_min_mw is None else p_min_mw
        self._free = np.full(len(p_max_mw), np.inf)
        self._ramp = self._free if ramp_mw_per_s is None else ramp_mw_per_s
        self._reach = np.minimum(p_max_mw, self._ramp * REACH_S)
        self._by_headroom = by_headroom
        self._bias = bias_mw_per_hz
        self._nominal = nominal_hz
        self._limit_mw = RESTORE_LIMIT_SHARE * float(p_max_mw.sum())
        self.integral_mw = integral_mw

    def correct(
        self,
        base_mw: Floats,
        frequency_hz: float,
        step_s: float,
        interchange_error_mw: float = 0.0,
        capacity_mw: Floats | None = None,
        last_mw: Floats | None = None,
    ) -> Floats:
        """Set-points: base points plus each unit's share of the regulation, MW.

        interchange_error_mw: net actual minus net scheduled interchange; capacity_mw (u,): what the units are
        believed capable of, 0 for one that is off; last_mw (u,): the set-points before, from which none moves
        faster than its unit ramps. A frequency that is not finite leaves the regulation as it is. What units
        at their limits cannot follow is not integrated.
        """
        high = self._p_max if capacity_mw is None else capacity_mw
        before_mw = self.integral_mw
        error_mw = 0.0
        if math.isfinite(frequency_hz):
            deviation = frequency_hz - self._nominal
            error_mw = -area_control_error(interchange_error_mw, 0.0, self._bias, deviation)
            self.integral_mw += INTEGRAL_GAIN_PER_S * step_s * error_mw
            self.integral_mw = min(max(self.integral_mw, -self._limit_mw), self._limit_mw)
        regulation = self.integral_mw + PROPORTIONAL_GAIN * error_mw
        last, step = (base_mw, self._free) if last_mw is None else (last_mw, self._ramp * step_s)
        power = np.empty(len(base_mw))
        missing = participate(
            base_mw, self._p_min, high, self._reach, self._by_headroom, regulation, last, step, power
        )
        if missing * error_mw > 0.0 and abs(missing) > UNFOLLOWED_MW:
            self.integral_mw = before_mw
        return power

    def absorb(self, moved_mw: float) -> None:
        """Base points have moved by ``moved_mw`` in sum: as much of the regulation is taken over.

        Regulation ends at 0: what a redispatch takes over beyond it was given by governors, which let go by
        themselves when the frequency comes back.
        """
        if moved_mw * self.integral_mw > 0.0:
            left_mw = max(abs(self.integral_mw) - abs(moved_mw), 0.0)
            self.integral_mw = math.copysign(left_mw, self.integral_mw)
