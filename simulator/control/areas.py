"""Who regulates what: every control area of every believed island has an AGC of its own.

An area's error counts its tie lines to other areas of the same island. Scheduled interchange is what the last
dispatch makes of it, reached by a ramp, as one market clears for all areas.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.control.agc import Agc
from simulator.control.received import ReceivedState
from simulator.control.redispatch import PERIOD_S
from simulator.control.scan_kernels import received_median
from simulator.settings import ControlSettings
from streams.plant_model import PlantModel

Floats = NDArray[np.float64]
Index = NDArray[np.int64]

BIAS_SHARE_OF_PEAK_PER_HZ = 0.1


class _Zone(NamedTuple):
    """One area within one island. units: positions; ties, signs: branches that leave it, +1 where the meter
    counts out of it."""

    agc: Agc
    units: Index
    ties: Index
    signs: Floats


class Areas:
    """All AGCs; regrouped when the believed islands change, regulation carried over unit by unit."""

    def __init__(self, model: PlantModel, received: ReceivedState, settings: ControlSettings) -> None:
        self._model, self._received = model, received
        index = {bus.name: i for i, bus in enumerate(model.buses)}
        self._area = np.array([bus.area for bus in model.buses], dtype=np.int64)
        if settings.agc_areas == "one":
            self._area[:] = 1
        self._by_headroom = settings.agc_participation == "headroom"
        self._load = np.array([bus.load_mw for bus in model.buses])
        self._unit_bus = np.array([index[unit.bus] for unit in model.units], dtype=np.int64)
        self._p_max = np.array([unit.p_max_mw for unit in model.units])
        self._p_min = np.array([unit.p_min_mw for unit in model.units])
        self._ramp = np.array([unit.ramp_mw_per_min for unit in model.units]) / 60.0
        self._start = np.array([index[b.from_bus] for b in model.branches], dtype=np.int64)
        self._end = np.array([index[b.to_bus] for b in model.branches], dtype=np.int64)
        self._flow_slots = received.slots(b.flow_tag for b in model.branches)
        frequency = [unit.frequency_tag for unit in model.units]
        self._frequency_slots = received.slots(frequency)
        lows = {tag.name: tag.low for tag in model.tags}
        self._frequency_low = np.array([lows.get(tag, 0.0) for tag in frequency])
        self._zones: list[_Zone] = []
        self._scheduled = np.zeros(len(model.branches))
        self._rate = np.zeros(len(model.branches))
        self._ramp_left_s = -1.0

    def regroup(self, bus_island: Index, closed: NDArray[np.bool_]) -> None:
        """Follow believed islands (n_bus,) labels and switch status (n_branch,)."""
        carried = np.zeros(len(self._p_max))
        for zone in self._zones:
            capacity = self._p_max[zone.units]
            carried[zone.units] = zone.agc.integral_mw * capacity / capacity.sum()
        key = self._area * len(bus_island) + bus_island
        crossing = closed & (key[self._start] != key[self._end])
        self._zones = []
        for label in np.unique(key[self._unit_bus]):
            units = np.flatnonzero(key[self._unit_bus] == label)
            out, back = key[self._start] == label, key[self._end] == label
            ties = np.flatnonzero(crossing & (out | back))
            bias = BIAS_SHARE_OF_PEAK_PER_HZ * float(self._load[key == label].sum())
            agc = Agc(
                self._p_max[units],
                bias,
                self._model.nominal_frequency_hz,
                self._ramp[units],
                self._by_headroom,
                float(carried[units].sum()),
                self._p_min[units],
            )
            self._zones.append(_Zone(agc, units, ties, np.where(out[ties], 1.0, -1.0)))

    def schedule(self, flow_mw: Floats) -> None:
        """A redispatch: the flows (n_branch,) that it expects."""
        if len(self._zones) > 1:
            if self._ramp_left_s < 0.0:
                self._scheduled = self._received.take(self._flow_slots)
            self._rate, self._ramp_left_s = (flow_mw - self._scheduled) / PERIOD_S, PERIOD_S

    def absorb(self, moved_mw: Floats) -> None:
        """Base points (u,) have moved on their way to the last redispatch."""
        for zone in self._zones:
            zone.agc.absorb(float(moved_mw[zone.units].sum()))

    def correct(self, base_mw: Floats, capacity_mw: Floats, last_mw: Floats, step_s: float) -> Floats:
        """Set-points (u,) MW; last_mw: those before."""
        # A dead bus reads the lower end of the range.
        values, slots, low = self._received.values, self._frequency_slots, self._frequency_low
        if len(self._zones) == 1:
            hz = received_median(values, slots, low)
            return self._zones[0].agc.correct(base_mw, hz, step_s, 0.0, capacity_mw)
        self._ramp_schedule(step_s)
        power = base_mw.copy()
        for zone in self._zones:
            u = zone.units
            hz = received_median(values, slots[u], low[u])
            power[u] = zone.agc.correct(base_mw[u], hz, step_s, self._error(zone), capacity_mw[u], last_mw[u])
        return power

    def _ramp_schedule(self, step_s: float) -> None:
        if self._ramp_left_s > 0.0:
            self._scheduled = self._scheduled + self._rate * min(step_s, self._ramp_left_s)
            self._ramp_left_s = max(self._ramp_left_s - step_s, 0.0)

    def _error(self, zone: _Zone) -> float:
        """Net actual minus net scheduled interchange, MW; 0 before the first dispatch. A missing meter counts
        as on schedule."""
        if not zone.ties.size or self._ramp_left_s < 0.0:
            return 0.0
        actual = self._received.take(self._flow_slots[zone.ties], missing=np.nan)
        gap = np.where(np.isnan(actual), 0.0, actual - self._scheduled[zone.ties])
        return float((zone.signs * gap).sum())
