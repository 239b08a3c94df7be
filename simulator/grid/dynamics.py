"""Frequency of every island, and the units that hold it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from simulator.grid.case import GridCase
from simulator.grid.kernels import Islands, LoadRelays, Model, UnitRelays, Units, quiet_band, run_frequency
from simulator.grid.protection import SETTINGS_HZ, SLOW_S, DynamicsSettings, ProtectionSettings

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
        self.units = Units(
            island=np.full(g, -1, dtype=np.int64),
            running=np.zeros(g, dtype=np.int64),
            setpoint=np.zeros(g),
            reference=np.zeros(g),
            valve=np.zeros(g),
            reheat=np.zeros(g),
            power=np.zeros(g),
            low=case.unit_p_min_mw.copy(),
            high=case.unit_p_max_mw.copy(),
            droop_mw_per_hz=case.unit_p_max_mw / (case.unit_droop_pu * case.nominal_hz),
            ramp_mw_per_s=case.unit_ramp_mw_per_min / 60.0,
        )
        self.islands = Islands(
            np.zeros(n), np.zeros(n), np.ones(n), np.full(n, case.nominal_hz), np.zeros(n, dtype=np.int64)
        )
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
        self._model = Model(
            case.nominal_hz,
            settings.load_damping_pu,
            settings.valve_s,
            settings.reheat_s,
            settings.high_pressure_share,
            settings.deadband_hz,
        )
        self._n_islands = self._n_running = 0
        self.fit(self.loads.gain, self.relays.gain)
        # Whether any frequency relay acted in the last ``run``.
        self.acted = False
        # Lowest frequency of any live island in any sub-step so far.
        self.lowest_hz = case.nominal_hz

    def fit(self, load_gain: Floats, unit_gain: Floats) -> None:
        """Measured over true frequency of every load's (d,) and unit's (g,) relay."""
        self.loads.gain[:] = load_gain
        self.relays.gain[:] = unit_gain
        self._quiet_hz = quiet_band(self.loads, self.relays, self._stages_hz)

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
        self._n_running = len(running)
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

    def bus_hz(self, bus_island: Index) -> Floats:
        """(n,) frequency at every bus, 0 where dead."""
        return np.asarray(np.where(bus_island >= 0, self.islands.hz[bus_island], 0.0))

    def run(self, span_s: float, calm: bool = False) -> float:
        """Sub-step until a frequency relay acts or ``span_s`` is over; returns the seconds that passed.

        What acted stands in ``loads.acts`` and ``relays.trips``, until the next call. calm: long sub-steps
        will do, as long as no frequency comes near a relay's setting.
        """
        self.loads.acts.fill(False)
        self.relays.trips.fill(False)
        self.acted = False
        if span_s <= 0.0:
            return 0.0
        if calm and self._substep(span_s, self._calm_step_s, only_quiet=True) >= 0.0:
            return span_s
        return self._substep(span_s, self._step_s, only_quiet=False)

    def _substep(self, span_s: float, step_s: float, only_quiet: bool) -> float:
        steps = math.ceil(span_s / step_s - 1e-9)
        passed_s, lowest_hz, self.acted = run_frequency(
            self.units,
            self.islands,
            self.loads,
            self.relays,
            self._stages_hz,
            self._ufls_delay_s,
            self._model,
            self._quiet_hz,
            self._n_running,
            self._n_islands,
            span_s,
            max(steps, 1),
            only_quiet,
        )
        self.lowest_hz = min(self.lowest_hz, lowest_hz)
        return float(passed_s)
