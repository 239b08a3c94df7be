"""Redispatch every 300 s: believed loads and flows in, base points out.

Normal: flows follow from the received loads, corrected by a slowly tracked difference between the received
flow and its linear estimate. A received flow that contradicts all others is treated as a bad measurement
and leaves the correction alone, as a largest-residual test does: so a lone true meter is outvoted.

Protected dispatch (safe mode): the last good loads, corrected by least squares so that they reproduce the
flows that arrive over protected links, and limits lowered to CONSERVATIVE_SHARE.

The island with most generation is dispatched; units of other islands keep their base points and are left to
governors and AGC.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.control.dc_model import DcModel, DcNetwork, bus_index
from simulator.control.dispatch import Dispatch, DispatchCase, DispatchResult, spread_losses
from simulator.control.received import ReceivedState
from simulator.control.reserve_rows import REACH_MIN, Reserve
from simulator.control.tracking_kernels import Meters, Topology, inject, track
from streams.plant_model import PlantModel

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

PERIOD_S = 300.0
BAD_DATA_SHARE_OF_RATING = 0.06
CONSERVATIVE_SHARE = 0.9
HISTORY_SCANS = 90
LOAD_UNCERTAINTY_SHARE = 0.1
METER_SIGMA_MW = 2.0


class Redispatch:
    """Keeps the linear programme of the current topology and the believed state behind it.

    reserve_share: of the largest unit's output that the others must be able to replace within REACH_MIN.
    """

    def __init__(self, model: PlantModel, received: ReceivedState, reserve_share: float = 0.0) -> None:
        self._model, self._received = model, received
        index = bus_index(model)
        self._unit_bus = np.array([index[u.bus] for u in model.units], dtype=np.intp)
        self._p_max = np.array([u.p_max_mw for u in model.units])
        self._p_min = np.array([u.p_min_mw for u in model.units])
        self._ramp = np.array([u.ramp_mw_per_min for u in model.units]) * PERIOD_S / 60.0
        self._cost = np.array([u.cost_per_mwh for u in model.units])
        self.rating_mva = np.array([b.rating_mva for b in model.branches])
        self._load_slots = received.slots(b.load_tag for b in model.buses)
        self._flow_slots = received.slots(b.flow_tag for b in model.branches)
        self._available_slots = received.slots(u.available_tag for u in model.units)
        self._power_slots = received.slots(u.power_tag for u in model.units)
        self.emergency_factor = model.emergency_factor
        protected = {tag.name for tag in model.tags if tag.protected}
        self._protected = np.array([b.flow_tag in protected for b in model.branches])
        self._metered = np.array([bool(b.flow_tag) for b in model.branches])
        self._status_slots = received.slots(b.status_tag for b in model.branches)
        gate = BAD_DATA_SHARE_OF_RATING * self.rating_mva
        slots = (self._load_slots, self._power_slots, self._flow_slots, self._status_slots)
        self._meters = tuple(Meters(*slots, self._unit_bus, gate))
        self._offset = np.zeros(len(model.branches))
        self._reserve_share = reserve_share
        self._reach = np.array([u.ramp_mw_per_min for u in model.units]) * REACH_MIN
        self._network = DcNetwork(model)
        self.closed = np.ones(len(model.branches), dtype=np.bool_)
        self.island = np.zeros(len(model.buses), dtype=np.int64)
        self._dc: DcModel | None = None
        self._topology: tuple[tuple[Any, ...], tuple[Any, ...]] | None = None
        self._programmes: dict[bool, Dispatch] = {}
        self._history = np.zeros((HISTORY_SCANS, len(model.buses)))  # a ring of the last loads
        self._scans = 0
        self._trusted: Floats | None = None
        self.safe = False

    def observe(self) -> bool:
        """Once per scan: topology, bad-data test, flow correction, history of loads. True where the believed
        topology has changed."""
        changed = not self._track()
        if changed:
            self._take_topology(self._received.take(self._status_slots, missing=1.0) > 0.5)
            self._track()
        self._scans += 1
        return changed

    def _track(self) -> bool:
        """False, and nothing done, where the believed topology is not the received one."""
        if self._topology is None:
            return False
        loads, first = self._history[self._scans % HISTORY_SCANS], self._scans == 0
        agrees = track(self._received.values, self._meters, *self._topology, first, loads, self._offset)
        return bool(agrees)

    def _take_topology(self, closed: Flags) -> None:
        """closed (n_branch,); ``island`` becomes the label of every bus's part."""
        self.closed = closed
        self.island = self._network.parts(closed)
        here = self.island[self._unit_bus]
        power = np.bincount(here, weights=self._received.take(self._power_slots), minlength=len(self.island))
        # The reference bus's own island wins a tie, as in a grid of which nothing was heard yet.
        power[self.island[self._network.reference]] += 1e-6
        units = np.flatnonzero(here == int(np.argmax(power)))
        reference = self._network.reference
        if units.size and here[units[0]] != self.island[reference]:
            reference = int(self._unit_bus[units[np.argmax(self._p_max[units])]])
        self._dc = DcModel(self._network, closed, reference)
        topology = Topology(closed, self._metered & closed, self._dc.connected)
        self._topology = tuple(topology), tuple(self._dc.linear)
        self._programmes = {}

    def enter_safe_mode(self) -> None:
        """Trust the loads of HISTORY_SCANS ago and the protected flows from now on."""
        self.safe = True
        oldest = max(self._scans - HISTORY_SCANS, 0)
        self._trusted = self._history[oldest % HISTORY_SCANS].copy() if self._scans else None

    def leave_safe_mode(self) -> None:
        """Trust everything received again."""
        self.safe = False
        self._trusted = None

    @property
    def dc(self) -> DcModel:
        """The main island as believed; ``observe`` comes first."""
        assert self._dc is not None
        return self._dc

    def solve(self, base_mw: Floats, capacity_mw: Floats | None = None) -> DispatchResult:
        """New base points from the present ones, both (n_unit,) MW, within ramps.

        capacity_mw: what the units are believed capable of, 0 for one that is off; None for all they have.
        """
        capacity = self._p_max if capacity_mw is None else capacity_mw
        main = self.dc.connected[self._unit_bus]
        capacity = np.where(main, capacity, 0.0)
        loads = self._protected_loads() if self.safe else self._loads()
        generated = float(self._received.take(self._power_slots)[main].sum())
        # Wind and sun may allow less than a unit's capacity, and less than its ramp would reach.
        capacity = np.minimum(capacity, self._received.take(self._available_slots, missing=np.inf))
        low = np.minimum(np.maximum(self._p_min, base_mw - self._ramp), capacity)
        reserve = Reserve(self._reserve_share, capacity, np.minimum(self._reach, capacity))
        result = self._programme().solve(
            np.where(self.dc.connected, loads, 0.0),
            self._offset,
            generated,
            low,
            np.minimum(capacity, base_mw + self._ramp),
            reserve if self._reserve_share > 0.0 else None,
        )
        return result._replace(power_mw=np.where(main, result.power_mw, base_mw))

    def expected_flows(self, power_mw: Floats) -> Floats:
        """(n_branch,) MW once the units give power_mw (n_unit,) and the loads stay as received."""
        return self.dc.flows(self._injected(self._loads(), power_mw)) + self._offset

    def believed_injections(self) -> Floats:
        """(n_bus,) MW of the main island from received loads and units, losses spread over the loads."""
        return self._injections(self._loads())

    def expected_loading(self, change_mw: Floats) -> Floats:
        """(n_branch,) believed loading, per unit of rating, when injections change by (n_bus,) MW."""
        flow = self._received_flows() + self.dc.flows(change_mw)
        return np.asarray(np.abs(flow) / self.rating_mva)

    def _programme(self) -> Dispatch:
        if self.safe not in self._programmes:
            share = CONSERVATIVE_SHARE if self.safe else 1.0
            emergency = self.rating_mva * self._model.emergency_factor * share
            if self._model.security == "n-0":
                emergency = np.full_like(emergency, np.inf)
            case = DispatchCase(self.dc, self._unit_bus, self._cost, self.rating_mva * share, emergency)
            self._programmes[self.safe] = Dispatch(case)
        return self._programmes[self.safe]

    def _loads(self) -> Floats:
        return self._received.take(self._load_slots)

    def _received_flows(self) -> Floats:
        return self._received.take(self._flow_slots)

    def _injections(self, loads: Floats) -> Floats:
        return self._injected(loads, self._received.take(self._power_slots))

    def _injected(self, loads: Floats, power_mw: Floats) -> Floats:
        # The island's own balance: what happens in others is none of its losses.
        return np.asarray(inject(loads, power_mw, self._unit_bus, self.dc.connected))

    def _protected_loads(self) -> Floats:
        """Least-squares loads: prior the trusted loads (10 % each), data the protected flows (2 MW)."""
        prior = self._trusted if self._trusted is not None else self._loads()
        power = self._received.take(self._power_slots)
        prior = spread_losses(prior, float(power.sum()))
        units = np.zeros_like(prior)
        np.add.at(units, self._unit_bus, power)
        rows = self._protected & self.closed
        sensitivity = -np.array([self.dc.ptdf_row(int(i)) for i in np.flatnonzero(rows)]).reshape(
            -1, len(prior)
        )
        expected = self._offset[rows] - sensitivity @ (units - prior)
        gap = self._received_flows()[rows] - expected
        variance = (LOAD_UNCERTAINTY_SHARE * prior) ** 2
        spread = sensitivity * variance
        gain = np.linalg.solve(spread @ sensitivity.T + METER_SIGMA_MW**2 * np.eye(int(rows.sum())), gap)
        return np.asarray(prior + spread.T @ gain)
