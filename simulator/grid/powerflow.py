"""AC power flow of the whole grid: islands, each with its own solver and its own share of the imbalance."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.grid.case import GridCase
from simulator.grid.network_kernels import Admittance, Flows, branch_flows, connected_parts
from simulator.grid.solver import IslandSolver, Start, build_model

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]
Index = NDArray[np.int64]
Flags = NDArray[np.bool_]

DEAD = -1


class Attempt(NamedTuple):
    """How the solver of one island fared. island: its position in ``PowerFlow.islands``."""

    island: int
    start: Start


def branch_admittance(case: GridCase) -> Admittance:
    """Pi-equivalents of the case's branches (MATPOWER manual, equation 3.2)."""
    series = 1.0 / (case.branch_r + 1j * case.branch_x)
    tap = case.branch_tap * np.exp(1j * np.radians(case.branch_shift_deg))
    own = series + 0.5j * case.branch_b
    yff: Complexes = own / np.abs(tap) ** 2
    yft: Complexes = np.asarray(-series / np.conj(tap), dtype=np.complex128)
    ytf: Complexes = np.asarray(-series / tap, dtype=np.complex128)
    start, end = np.ascontiguousarray(case.branch_from), np.ascontiguousarray(case.branch_to)
    return Admittance(start, end, yff, yft, ytf, own)


class PowerFlow:
    """True state of the network after the last ``solve``.

    closed (l,), unit_on (g,): status, changed only through the methods. bus_island (n,): position in
    ``islands`` or DEAD. participation (g,): how units share an island's imbalance; a part of the grid is
    alive while it holds a unit that is on and participates.
    voltage (n,): complex pu, 0 where dead; flows: see ``Flows``; unit_mw, unit_mvar (g,): electrical output;
    shunt_mw (n,): active power that bus shunts draw. changed: status has, since ``update_topology``.
    """

    def __init__(self, case: GridCase, participation: Floats) -> None:
        n, branches, g = len(case.bus_name), len(case.branch_name), len(case.unit_name)
        self._case = case
        self._model = build_model(case)
        self.participates = participation > 0.0
        self._participation = participation
        self._admittance = branch_admittance(case)
        self.closed = np.ones(branches, dtype=np.bool_)
        self.unit_on = np.ones(g, dtype=np.bool_)
        self.islands: list[IslandSolver] = []
        self.bus_island = np.full(n, DEAD, dtype=np.int64)
        self.voltage = np.zeros(n, dtype=np.complex128)
        self.flows = Flows(
            np.zeros(branches, dtype=np.complex128),
            np.zeros(branches, dtype=np.complex128),
            np.zeros(branches),
            np.zeros(branches),
        )
        self.unit_mw, self.unit_mvar = np.zeros(g), np.zeros(g)
        self.shunt_mw = np.zeros(n)
        self._part = np.full(n, DEAD, dtype=np.int64)
        self.changed = True
        self.update_topology()

    def update_topology(self) -> bool:
        """Find the parts after a change of status; returns True if islands were built anew.

        A branch that leaves the parts as they were is only taken out of its island's model, which keeps the
        model's voltages as a start.
        """
        if not self.changed:
            return False
        self.changed = False
        case = self._case
        part = connected_parts(len(case.bus_name), case.branch_from, case.branch_to, self.closed)
        source = self.unit_on & self.participates
        alive = np.unique(part[case.unit_bus[source]])
        part = np.where(np.isin(part, alive), part, DEAD)
        if np.array_equal(part, self._part):
            return False
        self._part = part
        self._build(part, alive)
        return True

    def open_branch(self, i: int) -> None:
        """Open branch i; the islands follow with ``update_topology``."""
        self.closed[i] = False
        self.changed = True
        island = self.bus_island[self._case.branch_from[i]]
        if island != DEAD:
            self.islands[island].open_branch(i)

    def close_branch(self, i: int) -> None:
        """Close branch i and rebuild the islands."""
        self.closed[i] = True
        self.changed = True
        self._part = np.full(len(self._part), DEAD, dtype=np.int64)

    def drop_unit(self, i: int) -> None:
        """Take unit i off; the islands follow with ``update_topology``."""
        self.unit_on[i] = False
        self.changed = True
        island = self.bus_island[self._case.unit_bus[i]]
        if island != DEAD:
            self.islands[island].drop_unit(i)

    def start_unit(self, i: int) -> None:
        """Synchronise unit i and rebuild the islands."""
        self.unit_on[i] = True
        self.changed = True
        self._part = np.full(len(self._part), DEAD, dtype=np.int64)

    def kill_island(self, island: int) -> None:
        """De-energise an island that has no solution: its units go off."""
        case = self._case
        self.changed = True
        self.unit_on &= self.bus_island[case.unit_bus] != island

    def _build(self, part: Index, alive: Index) -> None:
        previous, self.islands = self.voltage, []
        self.bus_island = np.full(len(part), DEAD, dtype=np.int64)
        for position, label in enumerate(alive):
            bus = part == label
            self.bus_island[bus] = position
            solver = IslandSolver(
                self._case, self._model, bus, self.closed, self.unit_on, self._participation
            )
            if np.abs(previous[bus]).min() > 0.0:
                solver.voltage = np.where(bus, previous, 0.0j)
            self.islands.append(solver)
        # Units at dead buses cannot run.
        self.unit_on &= self.bus_island[self._case.unit_bus] != DEAD

    def solve(self, load_mw: Floats, load_mvar: Floats, unit_mw: Floats) -> list[Attempt]:
        """Solve every island for connected demand (d,) and mechanical power (g,).

        Returns one attempt per island; where one has no solution ("none") the state of that island is stale
        and the caller has to relieve or kill it and solve again.
        """
        attempts = [
            Attempt(i, solver.solve(load_mw, load_mvar, unit_mw)) for i, solver in enumerate(self.islands)
        ]
        self._collect()
        return attempts

    def _collect(self) -> None:
        case = self._case
        self.voltage[:] = 0.0
        self.unit_mw[:] = 0.0
        self.unit_mvar[:] = 0.0
        for solver in self.islands:
            self.voltage += solver.voltage
            np.copyto(self.unit_mw, solver.unit_mw, where=solver.unit)
            np.copyto(self.unit_mvar, solver.unit_mvar, where=solver.unit)
        branch_flows(
            self.voltage, self._admittance, self.closed, case.branch_rating_mva, case.base_mva, self.flows
        )
        np.multiply(case.bus_gs_mw, np.square(np.abs(self.voltage)), out=self.shunt_mw)

    def island_losses_mw(self) -> Floats:
        """Branch losses and shunt draw of each island, MW."""
        n = len(self.islands)
        losses = np.zeros(n)
        # Added in place: without weights to count, bincount returns integers.
        branch = self.bus_island[self._case.branch_from]
        live = branch != DEAD
        losses += np.bincount(branch[live], weights=self.flows.loss_mw[live], minlength=n)
        live_bus = self.bus_island != DEAD
        losses += np.bincount(self.bus_island[live_bus], weights=self.shunt_mw[live_bus], minlength=n)
        return losses
