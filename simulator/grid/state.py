"""What can be read of the grid: true values after the last power flow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.grid.case import GridCase
from simulator.grid.dynamics import FrequencyDynamics
from simulator.grid.feeders import BLOCKS, Feeders
from simulator.grid.powerflow import DEAD, PowerFlow
from streams.errors import BadInput

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class GridState:
    """Read-only view; n buses, l branches, g units, d loads, in the case's order.

    Arrays may be those in use: copy what is kept beyond the next ``advance``. load_demand_mw (d,): demand at
    nominal frequency as set.
    """

    def __init__(self, case: GridCase, flow: PowerFlow, dynamics: FrequencyDynamics) -> None:
        self._case, self._flow, self._dynamics = case, flow, dynamics
        self._load_of_bus = {case.bus_name[b]: i for i, b in enumerate(case.load_bus)}
        self.feeders = Feeders(case.load_mw)
        self.load_demand_mw: Floats = case.load_mw.copy()

    @property
    def load_served_mw(self) -> Floats:
        """(d,) what loads draw, their response to frequency and draws of single feeders included."""
        factor = self._dynamics.damping_factor(self._flow.bus_island)
        return np.asarray(self._connected_mw() * factor + self.feeders.draw_mw())

    def _connected_mw(self) -> Floats:
        return np.asarray(self.load_demand_mw * self.feeders.served_share())

    @property
    def load_shed_mw(self) -> Floats:
        """(d,) demand behind opened feeders."""
        return np.asarray(self.load_demand_mw * (1.0 - self.feeders.served_share()))

    @property
    def shed_mw_by_cause(self) -> dict[str, float]:
        """Present demand behind opened feeders, for every cause."""
        return self.feeders.shed_mw(self.load_demand_mw)

    @property
    def unit_power_mw(self) -> Floats:
        """(g,) electrical output."""
        return self._flow.unit_mw

    @property
    def unit_on(self) -> Flags:
        """(g,) synchronised."""
        return self._flow.unit_on

    @property
    def bus_voltage_pu(self) -> Floats:
        """(n,) voltage magnitude, 0 where dead."""
        return np.abs(self._flow.voltage)

    @property
    def bus_energised(self) -> Flags:
        """(n,) in a living island."""
        return np.asarray(self._flow.bus_island != DEAD)

    @property
    def bus_frequency_hz(self) -> Floats:
        """(n,) frequency, NaN where dead."""
        hz = self._dynamics.bus_hz(self._flow.bus_island)
        return np.where(self.bus_energised, hz, np.nan)

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
        return float(self._flow.island_losses_mw().sum())

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
