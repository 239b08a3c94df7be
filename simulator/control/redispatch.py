"""Redispatch every 300 s: believed loads and flows in, base points out.

Normal: flows follow from the received loads, corrected by a slowly tracked difference between the received
flow and its linear estimate. A received flow that contradicts all others is treated as a bad measurement
and leaves the correction alone, as a largest-residual test does: so a lone true meter is outvoted.

Protected dispatch (safe mode): the last good loads, corrected by least squares so that they reproduce the
flows that arrive over protected links, and limits lowered to CONSERVATIVE_SHARE.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.control.dc_model import DcModel, build_dc_model, bus_index
from simulator.control.dispatch import Dispatch, DispatchCase, DispatchResult, spread_losses
from simulator.control.received import ReceivedState
from streams.plant_model import PlantModel

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

PERIOD_S = 300.0
OFFSET_GAIN = 0.05
BAD_DATA_SHARE_OF_RATING = 0.06
CONSERVATIVE_SHARE = 0.9
HISTORY_SCANS = 90
LOAD_UNCERTAINTY_SHARE = 0.1
METER_SIGMA_MW = 2.0


class Redispatch:
    """Keeps the linear programme of the current topology and the believed state behind it."""

    def __init__(self, model: PlantModel, received: ReceivedState) -> None:
        self._model, self._received = model, received
        index = bus_index(model)
        self._unit_bus = np.array([index[u.bus] for u in model.units], dtype=np.intp)
        self._p_max = np.array([u.p_max_mw for u in model.units])
        self._p_min = np.array([u.p_min_mw for u in model.units])
        self._ramp = np.array([u.ramp_mw_per_min for u in model.units]) * PERIOD_S / 60.0
        self._cost = np.array([u.cost_per_mwh for u in model.units])
        self._rating = np.array([b.rating_mva for b in model.branches])
        self._load_slots = received.slots(b.load_tag for b in model.buses)
        self._flow_slots = received.slots(b.flow_tag for b in model.branches)
        self._status_slots = received.slots(b.status_tag for b in model.branches)
        self._available_slots = received.slots(u.available_tag for u in model.units)
        self._power_slots = received.slots(u.power_tag for u in model.units)
        protected = {tag.name for tag in model.tags if tag.protected}
        self._protected = np.array([b.flow_tag in protected for b in model.branches])
        self._metered = np.array([bool(b.flow_tag) for b in model.branches])
        self._offset = np.zeros(len(model.branches))
        self._closed = np.ones(len(model.branches), dtype=np.bool_)
        self._dc: DcModel | None = None
        self._programmes: dict[bool, Dispatch] = {}
        self._history: list[Floats] = []
        self._trusted: Floats | None = None
        self.safe = False

    def observe(self) -> None:
        """Once per scan: topology, bad-data test, flow correction, history of loads."""
        closed = self._received.take(self._status_slots, missing=1.0) > 0.5
        if self._dc is None or not np.array_equal(closed, self._closed):
            self._closed = closed
            self._dc = build_dc_model(self._model, closed)
            self._programmes = {}
        loads = self._loads()
        residual = self._received_flows() - self._dc.ptdf @ self._injections(loads)
        usable = self._metered & closed
        first = not self._history
        if first:
            self._offset = np.where(usable, residual, 0.0)
        agrees = usable & (np.abs(residual - self._offset) < BAD_DATA_SHARE_OF_RATING * self._rating)
        self._offset = self._offset + np.where(agrees, OFFSET_GAIN * (residual - self._offset), 0.0)
        self._history.append(loads)
        del self._history[:-HISTORY_SCANS]

    def enter_safe_mode(self) -> None:
        """Trust the loads of HISTORY_SCANS ago and the protected flows from now on."""
        self.safe = True
        self._trusted = self._history[0] if self._history else None

    def leave_safe_mode(self) -> None:
        """Trust everything received again."""
        self.safe = False
        self._trusted = None

    def solve(self, base_mw: Floats) -> DispatchResult:
        """New base points from the present ones, both (n_unit,) MW, within ramps."""
        assert self._dc is not None, "observe() comes first"
        loads = self._protected_loads() if self.safe else self._loads()
        generated = float(self._received.take(self._power_slots).sum())
        # Wind and sun may allow less than a unit's capacity, and less than its ramp would reach.
        p_max = np.minimum(self._p_max, self._received.take(self._available_slots, missing=np.inf))
        high = np.minimum(p_max, base_mw + self._ramp)
        low = np.minimum(np.maximum(self._p_min, base_mw - self._ramp), high)
        return self._programme().solve(loads, self._offset, generated, low, high)

    def _programme(self) -> Dispatch:
        if self.safe not in self._programmes:
            assert self._dc is not None
            share = CONSERVATIVE_SHARE if self.safe else 1.0
            emergency = self._rating * self._model.emergency_factor * share
            if self._model.security == "n-0":
                emergency = np.full_like(emergency, np.inf)
            case = DispatchCase(self._dc, self._unit_bus, self._cost, self._rating * share, emergency)
            self._programmes[self.safe] = Dispatch(case)
        return self._programmes[self.safe]

    def _loads(self) -> Floats:
        return self._received.take(self._load_slots)

    def _received_flows(self) -> Floats:
        return self._received.take(self._flow_slots)

    def _injections(self, loads: Floats) -> Floats:
        power = self._received.take(self._power_slots)
        injection = -spread_losses(loads, float(power.sum()))
        np.add.at(injection, self._unit_bus, power)
        return injection

    def _protected_loads(self) -> Floats:
        """Least-squares loads: prior the trusted loads (10 % each), data the protected flows (2 MW)."""
        assert self._dc is not None
        prior = self._trusted if self._trusted is not None else self._loads()
        power = self._received.take(self._power_slots)
        prior = spread_losses(prior, float(power.sum()))
        units = np.zeros_like(prior)
        np.add.at(units, self._unit_bus, power)
        rows = self._protected & self._closed
        sensitivity = -self._dc.ptdf[rows]
        expected = self._dc.ptdf[rows] @ (units - prior) + self._offset[rows]
        gap = self._received_flows()[rows] - expected
        variance = (LOAD_UNCERTAINTY_SHARE * prior) ** 2
        spread = sensitivity * variance
        gain = np.linalg.solve(spread @ sensitivity.T + METER_SIGMA_MW**2 * np.eye(int(rows.sum())), gap)
        return np.asarray(prior + spread.T @ gain)
