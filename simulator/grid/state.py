"""What can be read of the grid: true values after the last power flow."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.grid.case import GridCase
from simulator.grid.dynamics import FrequencyDynamics
from simulator.grid.feeders import BLOCKS, Feeders
from simulator.grid.network_kernels import connected_demand
from simulator.grid.powerflow import DEAD, PowerFlow
from streams.errors import BadInput

Floats = NDArray[np.float64]
Index = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Balance(NamedTuple):
    """Energy per live island and, last, in all dead parts together, MW; each (islands + 1,).

    demand_mw: at nominal frequency, connected draws of single feeders included; response_mw: what loads draw
    more for their island's frequency; losses_mw: branches and shunts. demand + response = served + shed
    exactly; mismatch_mw = generation - served - losses, which is rounding (lightsim2grid keeps powers in
    float32, 1e-5 MW each).
    """

    demand_mw: Floats
    response_mw: Floats
    shed_mw: Floats
    served_mw: Floats
    generation_mw: Floats
    losses_mw: Floats
    mismatch_mw: Floats


class GridState:
    """Read-only view; n buses, l branches, g units, d loads, in the case's order.

    Arrays may be those in use: copy what is kept beyond the next ``advance``. load_demand_mw,
    load_demand_mvar (d,): demand at nominal frequency as set.
    """

    def __init__(self, case: GridCase, flow: PowerFlow, dynamics: FrequencyDynamics) -> None:
        self._case, self._flow, self._dynamics = case, flow, dynamics
        self._load_of_bus = {case.bus_name[b]: i for i, b in enumerate(case.load_bus)}
        self.feeders = Feeders(case.load_mw)
        self._demand = np.stack((case.load_mw, case.load_mvar))
        self.load_demand_mw, self.load_demand_mvar = self._demand
        self._served_mw = np.zeros(len(case.load_mw))
        self._given = np.zeros(self._demand.shape, dtype=np.float32)
        self._active, self._reactive = self._given

    def _connect(self) -> None:
        """Demand behind closed feeders, for the power flow and the swing equation."""
        dynamics = self._dynamics
        connected_demand(
            self._demand,
            self.feeders.served_share(),
            self.feeders.draw_mw(),
            dynamics.loads.island,
            dynamics.islands.table,
            self._case.nominal_hz,
            dynamics.load_damping,
            self._served_mw,
            self._given,
        )

    @property
    def load_served_mw(self) -> Floats:
        """(d,) what loads draw, their response to frequency and draws of single feeders included."""
        return self._served_mw

    @property
    def feeders_closed(self) -> Index:
        """(d,) feeders of each load that are closed, 0 to BLOCKS."""
        return self.feeders.closed_blocks()

    @property
    def load_shed_mw(self) -> Floats:
        """(d,) demand behind opened feeders."""
        return np.asarray(self.load_demand_mw * (1.0 - self.feeders.served_share()))

    @property
    def shed_mw(self) -> float:
        """Demand behind opened feeders of all loads together."""
        return 0.0 if self.feeders.all_closed else float(self.load_shed_mw.sum())

    @property
    def shed_mw_by_cause(self) -> dict[str, float]:
        """Present demand behind opened feeders, for every cause."""
        return self.feeders.shed_mw(self.load_demand_mw)

    @property
    def unit_power_mw(self) -> Floats:
        """(g,) electrical output."""
        return self._flow.unit_mw

    @property
    def unit_reactive_mvar(self) -> Floats:
        """(g,) electrical output, reactive."""
        return self._flow.unit_mvar

    @property
    def unit_reactive_limit(self) -> Index:
        """(g,) 1 or -1 where a unit gives its upper or lower reactive limit, else 0."""
        return self._flow.unit_mode

    @property
    def unit_on(self) -> Flags:
        """(g,) synchronised."""
        return self._flow.unit_on

    @property
    def bus_voltage_pu(self) -> Floats:
        """(n,) voltage magnitude, 0 where dead."""
        return self._flow.magnitude

    @property
    def bus_energised(self) -> Flags:
        """(n,) in a living island; another array after every change."""
        return self._flow.energised

    @property
    def bus_frequency_hz(self) -> Floats:
        """(n,) frequency, NaN where dead."""
        return self._dynamics.bus_hz(self._flow.bus_island, dead_hz=np.nan)

    @property
    def bus_island(self) -> Index:
        """(n,) number of the living island that a bus is in, DEAD where it is in none."""
        return self._flow.bus_island

    @property
    def island_frequency_hz(self) -> Floats:
        """Frequency of every living island, by its number; what follows the last one means nothing."""
        hz: Floats = self._dynamics.islands.hz
        return hz

    @property
    def branch_flow_from_mw(self) -> Floats:
        """(l,) active power into the branch at its from end."""
        return np.asarray(self._flow.flows.from_mva.real)

    @property
    def branch_loading_pu(self) -> Floats:
        """(l,) larger end current over rating."""
        return self._flow.flows.loading

    @property
    def branch_closed(self) -> Flags:
        """(l,) switch status."""
        return self._flow.closed

    @property
    def losses_mw(self) -> float:
        """Branch losses and shunt draw of all islands."""
        return float(self._flow.island_losses_mw.sum())

    @property
    def lowest_frequency_hz(self) -> float:
        """Lowest frequency of any live island in any sub-step so far, at most nominal."""
        return self._dynamics.lowest_hz

    def balance(self) -> Balance:
        """Energy balance after the last power flow; see ``Balance``."""
        case, flow = self._case, self._flow
        n = len(flow.islands)

        def per_island(bus: Index, values_mw: Floats) -> Floats:
            island = flow.bus_island[bus]
            totals = np.zeros(n + 1)
            np.add.at(totals, np.where(island == DEAD, n, island), values_mw)
            return totals

        demand = per_island(case.load_bus, self.load_demand_mw + self.feeders.draw_mw())
        served = per_island(case.load_bus, self.load_served_mw)
        shed = per_island(case.load_bus, self.load_shed_mw)
        generation = per_island(case.unit_bus, self.unit_power_mw)
        losses = np.append(flow.island_losses_mw, 0.0)
        mismatch = generation - served - losses
        return Balance(demand, served + shed - demand, shed, served, generation, losses, mismatch)

    def feeder_alive(self, bus: str, block: int) -> bool:
        """Whether feeder ``block`` (0, shed first, to BLOCKS - 1) of a load bus has supply.

        Raises BadInput for a bus without load or a block out of range.
        """
        if bus not in self._load_of_bus:
            raise BadInput(f"{self._case.name} load bus", bus, ", ".join(self._load_of_bus))
        if not 0 <= block < BLOCKS:
            raise BadInput("feeder", block, f"0 to {BLOCKS - 1}")
        load = self._load_of_bus[bus]
        alive = self._flow.bus_island[self._case.load_bus[load]] != DEAD
        return bool(alive) and self.feeders.alive(load, block)
