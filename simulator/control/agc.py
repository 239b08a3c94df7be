"""Automatic generation control: one area, 4 s, on the received frequency."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

INTEGRAL_GAIN_PER_S = 0.02
PROPORTIONAL_GAIN = 0.2
RESTORE_LIMIT_SHARE = 0.05


class Agc:
    """Proportional-integral control of the area control error, shared by headroom.

    bias_mw_per_hz: frequency bias (positive), about 1 % of peak load per 0.1 Hz (NERC BAL-003's floor).
    """

    def __init__(self, p_max_mw: Floats, bias_mw_per_hz: float, nominal_hz: float) -> None:
        self._p_max = p_max_mw
        self._share = p_max_mw / p_max_mw.sum()
        self._bias = bias_mw_per_hz
        self._nominal = nominal_hz
        self._limit_mw = RESTORE_LIMIT_SHARE * float(p_max_mw.sum())
        self._integral_mw = 0.0

    def correct(self, base_mw: Floats, frequency_hz: float, step_s: float) -> Floats:
        """Set-points: base points plus each unit's share of the regulation, MW.

        A frequency that is not finite leaves the regulation as it is.
        """
        error_mw = 0.0
        if math.isfinite(frequency_hz):
            error_mw = self._bias * (self._nominal - frequency_hz)
            self._integral_mw += INTEGRAL_GAIN_PER_S * step_s * error_mw
            self._integral_mw = min(max(self._integral_mw, -self._limit_mw), self._limit_mw)
        regulation = self._integral_mw + PROPORTIONAL_GAIN * error_mw
        return np.asarray(np.clip(base_mw + self._share * regulation, 0.0, self._p_max))

    def absorb(self, base_mw: Floats, new_base_mw: Floats) -> None:
        """A redispatch has taken over ``new - base``; regulate only what is left."""
        self._integral_mw -= float((new_base_mw - base_mw).sum())
