"""Overload and under-voltage relays: what they measure, how far they are, when the next one acts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.grid.protection import CURVES, ProtectionSettings
from simulator.grid.relay_kernels import (
    OverloadSettings,
    low_advance,
    low_time_to_act,
    overload_advance,
    overload_time_to_trip,
)

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class OverloadRelays:
    """One relay per branch (l,).

    gain (l,): measured current over true current; may be changed between power flows.
    progress (l,): 0 reset to 1 trips; fast_s (l,): time above the fast pickup; trips (l,): after ``advance``.
    """

    def __init__(self, n_branches: int, settings: ProtectionSettings) -> None:
        a, b, p = CURVES[settings.overload_curve]
        self.settings = OverloadSettings(
            a,
            b,
            p,
            settings.overload_multiplier,
            settings.overload_pickup,
            settings.overload_reset_s,
            settings.fast_pickup,
            settings.fast_delay_s,
        )
        self.gain = np.ones(n_branches)
        self.progress = np.zeros(n_branches)
        self.fast_s = np.zeros(n_branches)
        self.trips = np.zeros(n_branches, dtype=np.bool_)
        self._seen = np.zeros(n_branches)

    def measure(self, loading: Floats) -> None:
        """Take the true loading (l,) in pu of rating after a power flow."""
        np.multiply(loading, self.gain, out=self._seen)

    def time_to_trip(self) -> float:
        """Seconds until the first relay trips at the present currents; inf for none."""
        return float(overload_time_to_trip(self._seen, self.progress, self.fast_s, self.settings))

    def advance(self, span_s: float) -> bool:
        """Let ``span_s`` pass at the present currents; True if any relay trips."""
        return bool(
            overload_advance(self._seen, self.progress, self.fast_s, span_s, self.settings, self.trips)
        )

    def reset(self, branch: int) -> None:
        """Branch opened or closed: its relay starts from rest."""
        self.progress[branch] = self.fast_s[branch] = 0.0


class LowRelays:
    """Definite-time under-voltage relays, one per element (m,) with one or more stages (limit, delay).

    gain (m,): measured over true voltage; acts (m,): after ``advance``.
    """

    def __init__(self, n: int, stages: tuple[tuple[float, float], ...]) -> None:
        self._limit = np.array([limit for limit, _ in stages])
        self._delay_s = np.array([delay for _, delay in stages])
        self.gain = np.ones(n)
        self.timer_s = np.zeros((n, len(stages)))
        self.acts = np.zeros(n, dtype=np.bool_)
        self._seen = np.full(n, np.nan)

    def measure(self, voltage_pu: Floats, in_service: Flags) -> None:
        """Take true voltages (m,) after a power flow; a relay out of service rests."""
        np.multiply(voltage_pu, self.gain, out=self._seen)
        self._seen[~in_service] = np.nan

    def time_to_act(self) -> float:
        """Seconds until the first relay acts at the present voltages; inf for none."""
        return float(low_time_to_act(self._seen, self.timer_s, self._limit, self._delay_s))

    def advance(self, span_s: float) -> bool:
        """Let ``span_s`` pass at the present voltages; True if any relay acts."""
        return bool(low_advance(self._seen, self.timer_s, self._limit, self._delay_s, span_s, self.acts))

    def restart(self, which: Flags) -> None:
        """Start the timers of ``which`` (m,) anew after they acted."""
        self.timer_s[which] = 0.0
