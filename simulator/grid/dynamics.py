"""Frequency of every island, and the units that hold it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from simulator.grid.case import GridCase
from simulator.grid.frequency_kernels import QUIET_HIGH_HZ, QUIET_LOW_HZ, hz_at, run_quiet, run_watched
from simulator.grid.frequency_relay_kernels import LoadRelays, UnitRelays, quiet_band
from simulator.grid.protection import SETTINGS_HZ, SLOW_S, DynamicsSettings, ProtectionSettings
from simulator.grid.settling import Governors

Floats = NDArray[np.float64]
Index = NDArray[np.int64]
Flags = NDArray[np.bool_]


def unit_limits_hz(case: GridCase, protection: ProtectionSettings) -> Floats:
    """(g, limits) frequency settings of every unit, under-frequency first; the spreads are applied here."""
    stages = protection.unit_low_hz + protection.unit_high_hz
    scale = case.nominal_hz / SETTINGS_HZ
    limits = scale * np.array([hz for hz, _ in stages], dtype=np.float64)
    delay_s = np.array([delay for _, delay in stages])
    is_high = np.arange(len(limits)) >= len(protection.unit_low_hz)
    spread_hz = np.where(is_high & (delay_s == 0.0), protection.unit_high_spread_hz, 0.0)
    slow_hz = np.where(is_high, protection.unit_slow_spread_hz, -protection.unit_slow_spread_hz)
    spread_hz = np.where(delay_s >= SLOW_S, slow_hz, spread_hz)
    able = case.unit_p_max_mw > 0.0
    rank = np.maximum(np.cumsum(able) - 1, 0) / max(int(able.sum()) - 1, 1)
    return np.asarray(limits + scale * rank[:, np.newaxis] * spread_hz)


class Units:
    """Per unit (g,), MW: reference (ramped set-point), valve, reheat, power, setpoint, limits low and high;
    droop_mw_per_hz; ramp_mw_per_s: the rows of ``table``. island: position, -1 where off or dead; running:
    positions of those that are not, in front, island by island."""

    def __init__(self, case: GridCase) -> None:
        g = len(case.unit_name)
        self.island: Index = np.full(g, -1, dtype=np.int64)
        self.running: Index = np.zeros(g, dtype=np.int64)
        self.table: Floats = np.zeros((9, g))
        self.reference, self.valve, self.reheat, self.power, self.setpoint, *given = self.table
        self.low, self.high, self.droop_mw_per_hz, self.ramp_mw_per_s = given
        self.low[:], self.high[:] = case.unit_p_min_mw, case.unit_p_max_mw
        self.droop_mw_per_hz[:] = case.unit_p_max_mw / (case.unit_droop_pu * case.nominal_hz)
        self.ramp_mw_per_s[:] = case.unit_ramp_mw_per_min / 60.0


class Islands:
    """Per island, up to one per bus: load_mw, connected demand at nominal frequency; drawn_mw, of single
    feeders, whatever the frequency; losses_mw; energy_mw_s, stored energy sum(H S); hz: the rows of
    ``table``. end: where its units end in ``Units.running``."""

    def __init__(self, n_buses: int, nominal_hz: float) -> None:
        self.table: Floats = np.zeros((5, n_buses))
        self.load_mw, self.drawn_mw, self.losses_mw, self.energy_mw_s, self.hz = self.table
        self.energy_mw_s[:], self.hz[:] = 1.0, nominal_hz
        self.end: Index = np.zeros(n_buses, dtype=np.int64)


class FrequencyDynamics:
    """State between two power flows: units (g,), islands (up to one per bus), frequency relays.

    A unit's electrical output follows from the power flow; here is its mechanical power.
    """

    def __init__(self, case: GridCase, protection: ProtectionSettings, settings: DynamicsSettings) -> None:
        n, g, d = len(case.bus_name), len(case.unit_name), len(case.load_bus)
        self._case = case
        self._step_s, self._calm_step_s = settings.step_s, settings.calm_step_s
        self._nominal_hz = case.nominal_hz
        self._energy_mw_s = case.unit_inertia_s * case.unit_p_max_mw
        self.load_damping = settings.load_damping_pu
        self.units = Units(case)
        self.islands = Islands(n, case.nominal_hz)
        self.loads = LoadRelays(
            np.full(d, -1, dtype=np.int64),
            np.ones(d),
            np.zeros(d, dtype=np.int64),
            np.zeros(d),
            np.zeros(d, dtype=np.bool_),
        )
        limits = protection.unit_low_hz + protection.unit_high_hz
        self.relays = UnitRelays(
            np.ones(g),
            np.zeros((g, len(limits))),
            np.zeros(g, dtype=np.bool_),
            unit_limits_hz(case, protection),
            np.array([delay for _, delay in limits]),
            len(protection.unit_low_hz),
        )
        self._stages_hz = np.array(protection.ufls_hz, dtype=np.float64) * (case.nominal_hz / SETTINGS_HZ)
        self._ufls_delay_s = protection.ufls_delay_s
        self._model = np.array(
            (
                case.nominal_hz,
                settings.load_damping_pu,
                settings.valve_s,
                settings.reheat_s,
                settings.high_pressure_share,
                settings.deadband_hz,
                0.0,
                0.0,
            )
        )
        self._n_islands = 0
        # Whether every timer of a frequency relay is at 0.
        self._timers_rest = True
        self.fit(self.loads.gain, self.relays.gain)
        # Whether any frequency relay acted in the last ``run``.
        self.acted = False
        # Lowest frequency of any live island in any sub-step so far.
        self.lowest_hz = case.nominal_hz

    def fit(self, load_gain: Floats, unit_gain: Floats) -> None:
        """Measured over true frequency of every load's (d,) and unit's (g,) relay."""
        self.loads.gain[:] = load_gain
        self.relays.gain[:] = unit_gain
        self._model[[QUIET_LOW_HZ, QUIET_HIGH_HZ]] = quiet_band(self.loads, self.relays, self._stages_hz)

    @property
    def participation(self) -> Floats:
        """(g,) stored energy H S in MW s: how an imbalance falls on the units at its first instant."""
        return self._energy_mw_s

    def within_limits(self, unit_mw: Floats) -> Floats:
        """``unit_mw`` (g,) within the limits of the units that are on; what that takes from some goes to the
        others of the same island, in proportion to their room."""
        units = self.units
        output = np.where(units.island >= 0, np.clip(unit_mw, units.low, units.high), 0.0)
        for k in range(self._n_islands):
            own = units.island == k
            missing = float((unit_mw[own] - output[own]).sum())
            limit = units.high[own] if missing > 0.0 else units.low[own]
            room = limit - output[own]
            if room.any():
                output[own] += room * min(1.0, missing / float(room.sum()))
        return output

    def counts(self, unit_on: Flags) -> bool:
        """Whether the units with inertia that turn in an island are those that are on."""
        return bool(((self.units.island >= 0) == (unit_on & (self._energy_mw_s > 0.0))).all())

    def settle(self, unit_mw: Floats) -> None:
        """Put every unit in steady state at ``unit_mw`` (g,), every island at nominal frequency."""
        for state in (self.units.setpoint, self.units.reference, self.units.valve, self.units.reheat):
            state[:] = unit_mw
        self.units.power[:] = unit_mw
        self.islands.hz[:] = self._nominal_hz

    def governors(self) -> Governors:
        """The units as ``settling`` sees them."""
        damping_per_hz = self.load_damping / self._nominal_hz
        return Governors(self.units.power.copy(), self.units.low, self.units.droop_mw_per_hz, damping_per_hz)

    def settle_island(self, island: int, unit_mw: Floats, rise_hz: float) -> None:
        """Put the turbines of an island in steady state at ``unit_mw`` (g,) and its frequency up."""
        here = self.units.island == island
        moved = here & (unit_mw != self.units.power)
        for state in (self.units.valve, self.units.reheat, self.units.power):
            state[moved] = unit_mw[moved]
        self.islands.hz[island] += rise_hz

    def regroup(self, bus_island: Index, unit_on: Flags, bus_hz: Floats) -> None:
        """Follow new islands: each starts at the inertia-weighted mean of its units' last frequencies.

        bus_island (n,): -1 dead; bus_hz (n,): frequencies before the change, 0 where dead; a part that was
        dead and is now alive by itself starts at nominal frequency.
        """
        case, units = self._case, self.units
        # Units behind an inverter store no energy and still feed in.
        on = unit_on & (case.unit_p_max_mw > 0.0)
        units.island[:] = np.where(on, bus_island[case.unit_bus], -1)
        running = np.flatnonzero(units.island >= 0)
        running = running[np.argsort(units.island[running], kind="stable")]
        units.running[: len(running)] = running
        self.loads.island[:] = bus_island[case.load_bus]
        self._n_islands = int(bus_island.max(initial=-1)) + 1
        hz = bus_hz[case.unit_bus]
        for k in range(self._n_islands):
            own = units.island == k
            self.islands.end[k] = int((units.island[running] <= k).sum())
            self.islands.energy_mw_s[k] = self._energy_mw_s[own].sum()
            turning = own & (hz > 0.0) & (self._energy_mw_s > 0.0)
            energy = self._energy_mw_s[turning]
            mean = (energy * hz[turning]).sum() / energy.sum() if turning.any() else self._nominal_hz
            self.islands.hz[k] = mean
        off = units.island < 0
        for state in (units.setpoint, units.reference, units.valve, units.reheat, units.power):
            state[off] = 0.0
        self.relays.timer_s[off] = 0.0
        self.loads.timer_s[self.loads.island < 0] = 0.0

    def rearm(self, load: int, blocks: int) -> None:
        """The under-frequency relay of ``load`` has ``blocks`` feeders back: as many stages count again."""
        self.loads.stage[load] = max(0, self.loads.stage[load] - blocks)
        self.loads.timer_s[load] = 0.0

    def take_losses(self, losses_mw: Floats) -> None:
        """Losses per island from the last power flow, MW."""
        self.islands.losses_mw[: len(losses_mw)] = losses_mw

    def damping_factor(self, bus_island: Index) -> Floats:
        """(d,) factor on each load's demand at its island's present frequency; 1 where dead."""
        island = bus_island[self._case.load_bus]
        relative = self.islands.hz[island] / self._nominal_hz - 1.0
        return np.asarray(np.where(island >= 0, 1.0 + self.load_damping * relative, 1.0))

    def bus_hz(self, bus_island: Index, dead_hz: float = 0.0) -> Floats:
        """(n,) frequency at every bus, ``dead_hz`` where dead; a new array."""
        hz: Floats = hz_at(bus_island, self.islands.hz, dead_hz)
        return hz

    def run(self, span_s: float, calm: bool = False) -> float:
        """Sub-step until a frequency relay acts or ``span_s`` is over; returns the seconds that passed.

        What acted stands in ``loads.acts`` and ``relays.trips``, until the next call. calm: long sub-steps
        will do, as long as no frequency comes near a relay's setting.
        """
        if self.acted:
            self.loads.acts.fill(False)
            self.relays.trips.fill(False)
            self.acted = False
        if span_s <= 0.0:
            return 0.0
        if calm and self._runs_quietly(span_s):
            return span_s
        passed_s, lowest_hz, self.acted = run_watched(
            *self._motion(span_s, self._step_s),
            self.units.island,
            self.loads,
            self.relays,
            self._stages_hz,
            self._ufls_delay_s,
        )
        self._timers_rest = False
        self.lowest_hz = min(self.lowest_hz, lowest_hz)
        return float(passed_s)

    def _runs_quietly(self, span_s: float) -> bool:
        """Long sub-steps without relays; False, with all as it was, where a frequency comes near one."""
        quiet, lowest_hz = run_quiet(*self._motion(span_s, self._calm_step_s))
        if quiet:
            self.lowest_hz = min(self.lowest_hz, lowest_hz)
            if not self._timers_rest:
                self.relays.timer_s.fill(0.0)
                self.loads.timer_s.fill(0.0)
                self._timers_rest = True
        return bool(quiet)

    def _motion(
        self, span_s: float, step_s: float
    ) -> tuple[Floats, Index, Floats, Index, Floats, int, float, int]:
        """What both kernels take; step_s: longest sub-step."""
        units, islands = self.units, self.islands
        steps = max(math.ceil(span_s / step_s - 1e-9), 1)
        running, ends = units.running, islands.end
        return units.table, running, islands.table, ends, self._model, self._n_islands, span_s, steps
