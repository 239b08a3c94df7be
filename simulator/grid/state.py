"""What can be read of the grid: true values after the last power flow."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.grid.case import GridCase
from simulator.grid.dynamics import FrequencyDynamics
from simulator.grid.feeders import BLOCKS, Feeders
from simulator.grid.powerflow import DEAD, PowerFlow
from streams.errors import BadInput

Floats = NDArray[np.float64]
Index = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Part(NamedTuple):
    """A part that split off."""

    first_bus: int
    alive: bool
    n_buses: int


def checked(where: str, values: Floats, like: Floats) -> Floats:
    """A float64 copy of ``values``. Raises BadInput unless it has the shape of ``like`` and is finite."""
    array = np.array(values, dtype=np.float64)
    if array.shape != like.shape:
        raise BadInput(f"{where} shape", array.shape, str(like.shape))
    if not np.isfinite(array).all():
        raise BadInput(where, float(array[~np.isfinite(array)][0]), "finite numbers")
    return array


def split_parts(before: Index, after: Index, raw_part: Index) -> list[Part]:
    """Parts that left an island: all new parts of each old island but its largest living one.

    before, after (n,): island of each bus, DEAD where dead; raw_part (n,): connected part after.
    """
    parts = []
    for old in np.unique(before[before != DEAD]):
        labels, first, counts = np.unique(raw_part[before == old], return_index=True, return_counts=True)
        buses = np.flatnonzero(before == old)[first]
        alive = after[buses] != DEAD
        stays = -1
        if alive.any():
            stays = int(np.argmax(np.where(alive, counts, -1)))
        parts += [
            Part(int(buses[i]), bool(alive[i]), int(counts[i])) for i in range(len(labels)) if i != stays
        ]
    return parts


class GridState:
    """Read-only view; arrays are those in use, so copy what is kept beyond the next ``advance``.

    load_served_mw, load_served_mvar (d,): drawn from the network, with the load's response to frequency: for
    unserved load use ``shed_mw_by_cause``. bus_voltage_pu (n,): magnitude, 0 where dead. unit_power_mw,
    unit_reactive_mvar (g,): electrical output. losses_mw: branches and shunt conductances. n_solves: power
    flows so far, an island counted with the others.
    """

    def __init__(self, case: GridCase, flow: PowerFlow, feeders: Feeders, motion: FrequencyDynamics) -> None:
        self.case = case
        self.t_s = 0.0
        self.n_solves = 0
        self._flow = flow
        self._feeders = feeders
        self._motion = motion
        self._hz = np.full(len(case.bus_name), case.nominal_hz)
        self._losses_mw = np.zeros(1)
        self._load_of = {int(bus): i for i, bus in enumerate(case.load_bus)}
        self._demand_mw: Floats
        self.load_served_mw = np.zeros(len(case.load_bus))
        self.load_served_mvar = np.zeros(len(case.load_bus))
        self.bus_voltage_pu = np.zeros(len(case.bus_name))

    def _take_solution(self, served_mw: Floats, served_mvar: Floats) -> None:
        self.load_served_mw, self.load_served_mvar = served_mw, served_mvar
        self.bus_voltage_pu = np.abs(self._flow.voltage)
        self._hz = self._motion.bus_hz(self._flow.bus_island)

    @property
    def load_demand_mw(self) -> Floats:
        """(d,) demand as set, MW."""
        return self._demand_mw

    @property
    def load_fraction(self) -> Floats:
        """(d,) share of each load's demand that is connected, 0 to 1."""
        return self._feeders.served_share()

    @property
    def unit_power_mw(self) -> Floats:
        """(g,) electrical output, MW."""
        return self._flow.unit_mw

    @property
    def unit_reactive_mvar(self) -> Floats:
        """(g,) reactive output, Mvar."""
        return self._flow.unit_mvar

    @property
    def unit_mechanical_mw(self) -> Floats:
        """(g,) turbine power, MW."""
        return self._motion.units.power

    @property
    def unit_setpoint_mw(self) -> Floats:
        """(g,) set-point in force, MW."""
        return self._motion.units.setpoint

    @property
    def unit_limit_mw(self) -> Floats:
        """(g,) present upper limit, MW."""
        return self._motion.units.high

    @property
    def unit_on(self) -> Flags:
        """(g,) synchronised."""
        return self._flow.unit_on

    @property
    def bus_energised(self) -> Flags:
        """(n,) in a living island."""
        return np.asarray(self._flow.bus_island != DEAD)

    @property
    def bus_island(self) -> Index:
        """(n,) number of each bus's island, -1 where dead. Numbers change with the topology."""
        return self._flow.bus_island

    @property
    def bus_frequency_hz(self) -> Floats:
        """(n,) frequency, 0 where dead."""
        return self._hz

    @property
    def bus_angle_deg(self) -> Floats:
        """(n,) voltage angle; the case's reference bus is 0 while alive. 0 where dead."""
        voltage = self._flow.voltage
        reference = voltage[self.case.reference_bus]
        turn = np.conj(reference) / abs(reference) if reference != 0.0 else 1.0
        return np.degrees(np.angle(voltage * turn))

    @property
    def branch_closed(self) -> Flags:
        """(l,) switch status."""
        return self._flow.closed

    @property
    def branch_flow_from_mw(self) -> Floats:
        """(l,) active power into the branch at its from end, MW."""
        return self._flow.flows.from_mva.real

    @property
    def branch_flow_to_mw(self) -> Floats:
        """(l,) active power into the branch at its to end, MW."""
        return self._flow.flows.to_mva.real

    @property
    def branch_flow_from_mvar(self) -> Floats:
        """(l,) reactive power into the branch at its from end, Mvar."""
        return self._flow.flows.from_mva.imag

    @property
    def branch_loading_pu(self) -> Floats:
        """(l,) larger end current over rating."""
        return self._flow.flows.loading

    @property
    def losses_mw(self) -> float:
        """Network losses of all islands, MW."""
        return float(self._losses_mw.sum())

    @property
    def n_islands(self) -> int:
        """Living islands."""
        return len(self._flow.islands)

    @property
    def island_frequency_hz(self) -> Floats:
        """(islands,) frequency of each living island."""
        return self._motion.islands.hz[: self.n_islands].copy()

    @property
    def shed_mw_by_cause(self) -> dict[str, float]:
        """Present demand behind opened feeders, MW, for every cause."""
        return self._feeders.shed_mw(self._demand_mw)

    def load_index(self, bus_name: str) -> int:
        """Position of the load at a bus. Raises BadInput for an unknown bus or one without load."""
        bus = self.case.bus_index(bus_name)
        if bus not in self._load_of:
            names = ", ".join(self.case.bus_name[b] for b in self.case.load_bus)
            raise BadInput(f"{self.case.name} load bus", bus_name, names)
        return self._load_of[bus]

    def load_fraction_served(self, bus_name: str) -> float:
        """Share of a bus's demand that is connected and energised, 0 to 1. Raises BadInput without load."""
        load = self.load_index(bus_name)
        alive = self._flow.bus_island[self.case.load_bus[load]] != DEAD
        return float(self._feeders.served_share()[load]) if alive else 0.0

    def feeder_alive(self, bus_name: str, block: int) -> bool:
        """Whether feeder ``block`` (0, shed first, to 19, shed last) of a bus has supply.

        Raises BadInput for a bus without load or a block out of range.
        """
        if not 0 <= block < BLOCKS:
            raise BadInput("feeder block", block, f"0 to {BLOCKS - 1}")
        load = self.load_index(bus_name)
        energised = self._flow.bus_island[self.case.load_bus[load]] != DEAD
        return bool(energised and self._feeders.alive(load, block))
