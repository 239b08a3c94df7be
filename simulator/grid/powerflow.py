"""AC power flow of the whole grid: islands, each with its own solver and its own share of the imbalance."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.grid.case import GridCase
from simulator.grid.island_model import Solution
from simulator.grid.model import UnitModes, build_model
from simulator.grid.network_kernels import connected_parts, network_state
from simulator.grid.solver import IslandSolver, Start

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]
Complexes = NDArray[np.complex128]
Index = NDArray[np.int64]
Flags = NDArray[np.bool_]

DEAD = -1


class Flows(NamedTuple):
    """from_mva, to_mva (l,): complex power into the branch at each end, MVA; loading (l,): larger end current
    over rating; loss_mw (l,)."""

    from_mva: Complexes
    to_mva: Complexes
    loading: Floats
    loss_mw: Floats


def branch_admittance(case: GridCase) -> Complexes:
    """(4, l) yff, yft, ytf, ytt of the case's branches, pu (MATPOWER manual, equation 3.2)."""
    series = 1.0 / (case.branch_r + 1j * case.branch_x)
    tap = case.branch_tap * np.exp(1j * np.radians(case.branch_shift_deg))
    own = series + 0.5j * case.branch_b
    return np.stack((own / np.abs(tap) ** 2, -series / np.conj(tap), -series / tap, own))


class PowerFlow:
    """True state of the network after the last ``solve``.

    closed (l,), unit_on (g,): status, changed only through the methods. bus_island (n,): position in
    ``islands`` or DEAD; energised (n,): in an island. participation (g,): how units share an island's
    imbalance; a part of the grid is alive while it holds a unit that is on and participates. slack_bus: the
    island with a participating unit at this bus (position) gives its whole imbalance to that; -1 for none.
    q_limits: enforce the units' reactive limits; may_force, forced (g,): units that may, and that do, give
    more than theirs for now, is_forcing: whether any does. voltage (n,): complex pu, 0 where dead;
    magnitude (n,); flows: see ``Flows``; unit_mw, unit_mvar (g,): electrical output; shunt_mw (n,): active
    power that bus shunts draw; island_losses_mw: of branches and shunts, per island. changed: status has,
    since ``update_topology``.
    """

    def __init__(
        self, case: GridCase, participation: Floats, slack_bus: int = -1, q_limits: bool = False
    ) -> None:
        n, branches, g = len(case.bus_name), len(case.branch_name), len(case.unit_name)
        self._case = case
        self._modes = UnitModes.of(case, q_limits)
        self._model = build_model(case, self._modes)
        self.participates = participation > 0.0
        self._participation = participation
        self._slack_unit = self.participates & (case.unit_bus == slack_bus)
        self._ends = np.stack((case.branch_from, case.branch_to))
        self._admittance = branch_admittance(case)
        self.closed = np.ones(branches, dtype=np.bool_)
        self.unit_on = np.ones(g, dtype=np.bool_)
        self.may_force = np.zeros(g, dtype=np.bool_)
        self.is_forcing = False
        self.islands: list[IslandSolver] = []
        self.bus_island = np.full(n, DEAD, dtype=np.int64)
        self.energised = np.zeros(n, dtype=np.bool_)
        self._solution = Solution(np.zeros(n, dtype=np.complex128), np.zeros(g), np.zeros(g))
        self.voltage, self.unit_mw, self.unit_mvar = self._solution
        self._flow_mva = np.zeros((2, branches), dtype=np.complex128)
        self._branch, self._bus = np.zeros((2, branches)), np.zeros((2, n))
        self.flows = Flows(*self._flow_mva, *self._branch)
        self.magnitude, self.shunt_mw = self._bus
        self.island_losses_mw = np.zeros(0)
        self._part = np.full(n, DEAD, dtype=np.int64)
        self.changed = True
        self.update_topology()

    # Status

    def update_topology(self) -> bool:
        """Find the parts after a change of status; returns True if islands were built anew.

        What leaves the parts as they were is only switched in its island's model, which keeps the model's
        voltages as a start; and so do the models of the islands that did not change.
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
        self._build(part, alive)
        self._part = part
        return True

    def open_branch(self, i: int) -> None:
        """Open branch i; the islands follow with ``update_topology``."""
        self.closed[i] = False
        self.changed = True
        island = self.bus_island[self._case.branch_from[i]]
        if island != DEAD:
            self.islands[island].open_branch(i)

    def close_branch(self, i: int) -> None:
        """Close branch i; the islands follow with ``update_topology``."""
        self.closed[i] = True
        self.changed = True
        island, other = self.bus_island[[self._case.branch_from[i], self._case.branch_to[i]]]
        if island != DEAD and island == other:
            self.islands[island].close_branch(i)

    def drop_unit(self, i: int) -> None:
        """Take unit i off; the islands follow with ``update_topology``."""
        self.unit_on[i] = False
        self.changed = True
        island = self.bus_island[self._case.unit_bus[i]]
        if island != DEAD:
            self.islands[island].drop_unit(i)

    def start_unit(self, i: int) -> None:
        """Put unit i on, in a dead part as its first; the islands follow with ``update_topology``."""
        self.unit_on[i] = True
        self.changed = True
        island = self.bus_island[self._case.unit_bus[i]]
        if island != DEAD:
            self.islands[island].add_unit(i)

    def kill_island(self, island: int) -> None:
        """De-energise an island that has no solution: its units go off."""
        case = self._case
        self.changed = True
        self.unit_on &= self.bus_island[case.unit_bus] != island

    def _build(self, part: Index, alive: Index) -> None:
        case, kept = self._case, {}
        for label in np.unique(self._part[self._part != DEAD]):
            if np.array_equal(self._part == label, part == label):
                kept[int(label)] = self.islands[self.bus_island[label]]
        self.bus_island = np.full(len(part), DEAD, dtype=np.int64)
        self.islands = []
        for position, label in enumerate(alive):
            bus = part == label
            self.bus_island[bus] = position
            self.islands.append(kept.get(int(label)) or self._new_island(bus))
        self.energised = self.bus_island != DEAD
        self.voltage[~self.energised] = 0.0
        # Units at dead buses cannot run.
        self.unit_on &= self.bus_island[case.unit_bus] != DEAD
        self.unit_mw[~self.unit_on] = self.unit_mvar[~self.unit_on] = 0.0
        self.island_losses_mw = np.zeros(len(self.islands))

    def _new_island(self, bus: Flags) -> IslandSolver:
        return IslandSolver(
            self._case,
            self._model,
            self._modes,
            bus,
            self.closed,
            self.unit_on,
            self._participation,
            self._slack_unit,
            self._solution,
            self.may_force,
        )

    # Solving

    def solve(self, load_mw: Floats32, load_mvar: Floats32, unit_mw: Floats) -> list[Start]:
        """Solve every island for connected demand (d,) and mechanical power (g,).

        Returns what led to a solution in each of ``islands``; where nothing did ("none") the state of that
        island is stale and the caller has to relieve or kill it and solve again.
        """
        starts: list[Start] = []
        self.is_forcing = False
        for solver in self.islands:
            starts.append(solver.solve(load_mw, load_mvar, unit_mw))
            self.is_forcing |= solver.is_forcing
        network_state(
            self.voltage,
            self._ends,
            self._admittance,
            self.closed,
            self._case.branch_rating_mva,
            self._case.base_mva,
            self.bus_island,
            self._case.bus_gs_mw,
            self._flow_mva,
            self._branch,
            self._bus,
            self.island_losses_mw,
        )
        return starts

    @property
    def forced(self) -> Flags:
        """(g,) units that give more than their upper reactive limit, since there is no solution without."""
        forced = np.zeros(len(self.unit_on), dtype=np.bool_)
        for solver in self.islands:
            forced |= solver.forced & solver.unit
        return forced

    @property
    def unit_mode(self) -> Index:
        """(g,) 0 holds its voltage, 1 or -1 at its upper or lower reactive limit; 0 where off."""
        mode = np.zeros(len(self.unit_on), dtype=np.int64)
        for solver in self.islands:
            mode[solver.unit] = solver.mode[solver.unit]
        return mode
