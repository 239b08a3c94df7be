"""Overload and voltage relays: what they measure, how far they are, when the next one acts."""

from __future__ import annotations

from math import inf

import numpy as np
from numpy.typing import NDArray

from simulator.grid.protection import CURVES, ProtectionSettings
from simulator.grid.relay_kernels import (
    OverloadSettings,
    Stages,
    none_picks_up,
    overload_advance,
    overload_measure,
    voltage_advance,
    voltage_measure,
)

Floats = NDArray[np.float64]
Index = NDArray[np.int64]
Flags = NDArray[np.bool_]


class OverloadRelays:
    """One relay per branch (l,).

    gain (l,): measured current over true current; may be changed between power flows.
    progress (l,): 0 reset to 1 trips; fast_s (l,): time above the fast pickup; trips (l,): after ``advance``.
    moves: whether any was off its rest, or picked up, when last measured. least_pickup: the lower of the two.
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
        self.least_pickup = min(settings.overload_pickup, settings.fast_pickup)
        self.moves = self._any_trips = False

    def measure(self, loading: Floats) -> float:
        """Take the true loading (l,) in pu of rating after a power flow; returns the seconds until the first
        relay trips if it stays, inf for none."""
        first_s, self.moves = overload_measure(
            loading, self.gain, self.progress, self.fast_s, self.settings, self._seen
        )
        return float(first_s)

    def advance(self, span_s: float) -> bool:
        """Let ``span_s`` pass at the present currents; True if any relay trips."""
        if self.moves:
            self._any_trips = overload_advance(
                self._seen, self.progress, self.fast_s, span_s, self.settings, self.trips
            )
        elif self._any_trips:
            self.trips.fill(False)
            self._any_trips = False
        return self._any_trips

    def reset(self, branch: int) -> None:
        """Branch opened or closed: its relay starts from rest."""
        self.progress[branch] = self.fast_s[branch] = 0.0


class VoltageRelays:
    """Definite-time voltage relays, one per element (m,) at ``bus`` (m,), each with low and high stages
    (limit, delay). high_base_pu (m,): nominal voltage that the high limits are multiples of, 1 if not given.

    gain (m,): measured over true voltage; in_service (m,): a relay out of service rests; acts (m,): after
    ``advance``. moves: whether any timer ran, or had to be reset, when last measured. bounds (3, m): gain,
    and the limits that a voltage crosses first, the low one and the high one.
    """

    def __init__(
        self,
        bus: Index,
        low: tuple[tuple[float, float], ...],
        high: tuple[tuple[float, float], ...] = (),
        high_base_pu: Floats | None = None,
    ) -> None:
        stages = low + high
        self._stages = Stages(
            np.array([limit for limit, _ in stages], dtype=np.float64),
            np.array([delay_s for _, delay_s in stages], dtype=np.float64),
            np.arange(len(stages)) < len(low),
            np.ones(len(bus)) if high_base_pu is None else high_base_pu,
        )
        self.bus = bus
        self.bounds = np.ones((3, len(bus)))
        self.gain = self.bounds[0]
        self.bounds[1] = max((limit for limit, _ in low), default=0.0)
        self.bounds[2] = min((limit for limit, _ in high), default=inf) * self._stages.high_base_pu
        self.in_service = np.ones(len(bus), dtype=np.bool_)
        self.timer_s = np.zeros((len(bus), len(stages)))
        self.acts = np.zeros(len(bus), dtype=np.bool_)
        self._seen = np.full(len(bus), np.nan)
        self.moves = self._any_acts = False

    def measure(self, voltage_pu: Floats) -> float:
        """Take true bus voltages (n,) after a power flow; returns the seconds until the first relay acts if
        they stay, inf for none."""
        first_s, self.moves = voltage_measure(
            voltage_pu, self.bus, self.in_service, self.gain, self.timer_s, self._stages, self._seen
        )
        return float(first_s)

    def advance(self, span_s: float) -> bool:
        """Let ``span_s`` pass at the present voltages; True if any relay acts."""
        if self.moves:
            self._any_acts = voltage_advance(self._seen, self.timer_s, self._stages, span_s, self.acts)
        elif self._any_acts:
            self.acts.fill(False)
            self._any_acts = False
        return self._any_acts

    def restart(self, which: Flags) -> None:
        """Start the timers of ``which`` (m,) anew after they acted."""
        self.timer_s[which] = 0.0


def none_stirs(
    overload: OverloadRelays, loads: VoltageRelays, units: VoltageRelays, loading: Floats, voltage_pu: Floats
) -> bool:
    """Whether all are at rest and stay so at loadings (l,) and bus voltages (n,): none needs to measure."""
    return not (overload.moves or loads.moves or units.moves) and bool(
        none_picks_up(
            loading,
            overload.gain,
            overload.least_pickup,
            voltage_pu,
            loads.bus,
            loads.bounds,
            units.bus,
            units.bounds,
        )
    )
