"""What can be read off a water network at any time: true values by name."""

from __future__ import annotations

import numpy as np

from simulator.water.accounts import Accounts, Balance
from simulator.water.engine import Bools, Engine
from simulator.water.layout import Floats, Layout
from simulator.water.orders import LinkOrders
from simulator.water.quality import Quality
from simulator.water.state import State
from simulator.water.storage import Storage


class Readings:
    """Arrays over tanks, pumps and nodes in the order of ``layout``; read, do not write them."""

    layout: Layout
    state: State
    _engine: Engine
    _storage: Storage
    _start_volume_m3: Floats
    _accounts: Accounts
    _orders: LinkOrders
    _quality: Quality | None
    _node_index: dict[str, int]
    _applied_extra: dict[int, float]

    @property
    def tank_level_m(self) -> Floats:
        """(tanks,) level from the tank's bottom, now."""
        return self._storage.level_m

    @property
    def tank_volume_m3(self) -> Floats:
        """(tanks,) volume now, what lies below the lowest level included."""
        return self._storage.volume_m3.copy()

    @property
    def tank_inflow_m3h(self) -> Floats:
        """(tanks,) net inflow, + filling; it goes on while a full tank spills."""
        return self.state.tank_inflow_m3h

    @property
    def tank_overflow_m3(self) -> float:
        """Spilled from full tanks since t = 0."""
        return float(self._storage.overflow_m3.sum())

    @property
    def pump_flow_m3h(self) -> Floats:
        """(pumps,) flow."""
        return self.state.pump_flow_m3h

    @property
    def pump_running(self) -> Bools:
        """(pumps,) True where the motor is on and supplied; it may still move nothing."""
        return self.state.pump_running

    @property
    def pump_power_kw(self) -> Floats:
        """(pumps,) electric power; EPANET gives a pump that moves nothing no power."""
        return self.state.pump_power_kw

    @property
    def pump_efficiency(self) -> Floats:
        """(pumps,) hydraulic over electric power, 0 to 1, from the INP's curves; 0 for a pump that stands."""
        return np.where(self.state.pump_power_kw > 0.0, self._engine.pump_efficiency(), 0.0)

    @property
    def pump_energy_kwh(self) -> Floats:
        """(pumps,) electricity used since t = 0."""
        return self._accounts.pump_energy_kwh.copy()

    @property
    def node_pressure_m(self) -> Floats:
        """(nodes,) gauge pressure, at least 0."""
        return self.state.node_pressure_m

    @property
    def node_demand_m3h(self) -> Floats:
        """(nodes,) demand asked for, extra demand included."""
        return self.state.node_demand_m3h

    @property
    def node_delivered_m3h(self) -> Floats:
        """(nodes,) demand delivered."""
        return self.state.node_delivered_m3h

    @property
    def customers_without_pressure(self) -> int:
        """Junctions with demand whose pressure is below 20 psi."""
        return self.state.customers_without_pressure

    @property
    def node_quality(self) -> Floats:
        """(nodes,) quality of what leaves each node, in ``UNITS`` of what is followed; NaN if nothing is."""
        if self._quality is None:
            return np.full(len(self.layout.node_names), np.nan)
        return self._quality.value

    @property
    def quality_balance(self) -> float | None:
        """Mass that left, reacted or is stored, over mass that came in; None where nothing is followed."""
        return None if self._quality is None else self._quality.mass_balance_ratio

    @property
    def contaminant_injected_g(self) -> float | None:
        """Contaminant that got in since t = 0; None where none is followed."""
        followed = self._quality is not None and self._quality.contaminant
        return self._quality.injected_g if self._quality is not None and followed else None

    @property
    def contaminant_consumed_g(self) -> float | None:
        """Contaminant that customers drew since t = 0; None where none is followed."""
        followed = self._quality is not None and self._quality.contaminant
        return self._quality.consumed_g if self._quality is not None and followed else None

    @property
    def water_not_delivered_m3(self) -> float:
        """Asked for by customers (the INP's demands) since t = 0 and not delivered."""
        return self._accounts.water_not_delivered_m3

    @property
    def low_pressure_node_hours(self) -> float:
        """Hours since t = 0 times junctions with demand whose pressure is below 20 psi."""
        return self._accounts.low_pressure_node_hours

    @property
    def supplied_m3(self) -> float:
        """Net from reservoirs and from junctions with an inflow since t = 0."""
        return self._accounts.supplied_m3

    @property
    def delivered_m3(self) -> float:
        """To junctions since t = 0, extra demand included."""
        return self._accounts.delivered_m3

    @property
    def leaked_m3(self) -> float:
        """Through leaks, the INP's emitters and its pipe leakage since t = 0."""
        return self._accounts.leaked_m3

    def balance_m3(self) -> Balance:
        """Where all water since t = 0 came from and went."""
        stored = float((self._storage.volume_m3 - self._start_volume_m3).sum())
        return self._accounts.balance(stored, self.tank_overflow_m3)

    @property
    def link_open(self) -> Bools:
        """(links,) what is ordered open and, if a pump, supplied and whole."""
        return self._orders.link_open()

    def extra_asked_m3h(self, node: str) -> float:
        """Extra demand asked for at a junction in the present solution. Raises KeyError."""
        return self._applied_extra.get(self._node_index[node], 0.0)

    def extra_delivered_m3h(self, node: str) -> float:
        """Extra demand delivered at a junction: its share of what the junction gets. Raises KeyError."""
        index = self._node_index[node]
        asked = float(self.state.node_demand_m3h[index])
        extra = self._applied_extra.get(index, 0.0)
        return extra * float(self.state.node_delivered_m3h[index]) / asked if asked > 0.0 else 0.0

    def pressure_m(self, node: str) -> float:
        """Gauge pressure at a node, at least 0. Raises KeyError."""
        return float(self.state.node_pressure_m[self._node_index[node]])
