"""Linear (DC) view of the operator's plant model: how injections move flows, how outages shift them.

The nodal matrix is sparse and factorised once per topology; flows follow by substitution, and rows of the
PTDF or columns of the LODF are solved for where somebody asks. Formulas: Zimmerman et al., MATPOWER
(makePTDF, makeLODF).
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.control.dc_kernels import LinearGrid, branch_flows, relevant_pairs
from simulator.control.sparse_ldl import SparseLdl
from simulator.grid.network_kernels import connected_parts
from streams.plant_model import PlantModel

Floats = NDArray[np.float64]
Index = NDArray[np.int64]
Flags = NDArray[np.bool_]

BRIDGE_TOLERANCE = 1e-6


class Contingencies(NamedTuple):
    """Pairs (p,) of a line and an outage that may overload it, by line and then by outage; share: LODF."""

    line: Index
    outage: Index
    share: Floats


def bus_index(model: PlantModel) -> dict[str, int]:
    """Bus name -> position in ``model.buses``."""
    return {bus.name: i for i, bus in enumerate(model.buses)}


class DcNetwork:
    """What every topology of a plant model shares. start, end (l,): bus positions; susceptance (l,): pu."""

    def __init__(self, model: PlantModel) -> None:
        index = bus_index(model)
        self.n_bus = len(model.buses)
        self.start = np.array([index[b.from_bus] for b in model.branches], dtype=np.int64)
        self.end = np.array([index[b.to_bus] for b in model.branches], dtype=np.int64)
        self.susceptance = 1.0 / np.array([b.x_pu * b.tap for b in model.branches])
        self.reference = index[model.reference_bus]
        low, high = np.minimum(self.start, self.end), np.maximum(self.start, self.end)
        pairs = np.unique(low * self.n_bus + high)
        self._nodal = SparseLdl(self.n_bus, pairs // self.n_bus, pairs % self.n_bus)

    def solver(self) -> SparseLdl:
        """A new system with the pattern of the nodal matrix."""
        return self._nodal.like()

    def parts(self, closed: Flags) -> Index:
        """(n_bus,) label of each bus's island: the lowest position in it."""
        return np.asarray(connected_parts(self.n_bus, self.start, self.end, closed))


class DcModel:
    """One topology of the island that holds bus position ``reference``.

    closed: (n_branch,) switch status. connected: (n_bus,), True for the buses of that island; injections at
    other buses move nothing. linear: the same for kernels.
    """

    def __init__(self, network: DcNetwork, closed: Flags, reference: int) -> None:
        self.network, self.closed, self.reference = network, closed.copy(), reference
        label = network.parts(closed)
        self.connected: Flags = np.asarray(label == label[reference])
        self._live = closed & self.connected[network.start]
        self.susceptance = np.where(self._live, network.susceptance, 0.0)
        self._free = self.connected.copy()
        self._free[reference] = False
        self._solver = network.solver()
        start, end, values = network.start, network.end, self._solver.values
        every = np.arange(network.n_bus)
        diagonal = np.where(self._free, 0.0, 1.0)
        for here in (start, end):
            np.add.at(diagonal, here, np.where(self._free[here], self.susceptance, 0.0))
        values[self._solver.slots(every, every)] = diagonal
        both = self._free[start] & self._free[end]
        np.subtract.at(values, self._solver.slots(start, end), np.where(both, self.susceptance, 0.0))
        self._solver.factorise()
        self.linear = LinearGrid(*self._solver.parts, start, end, self.susceptance, self._free)

    def with_status(self, closed: Flags) -> DcModel:
        """The same network and reference in another topology."""
        return DcModel(self.network, closed, self.reference)

    def angles(self, injection: Floats) -> Floats:
        """(n_bus,) bus angles for injections in the same unit as the flows, divided by base power."""
        return self._solver.solve(np.where(self._free, injection, 0.0))

    def flows(self, injection_mw: Floats) -> Floats:
        """(n_branch,) MW; what the injections (n_bus,) lack or exceed is taken at the reference bus."""
        return np.asarray(branch_flows(self.linear, injection_mw))

    def ptdf_row(self, line: int) -> Floats:
        """(n_bus,) MW on a line per MW injected at each bus and taken at the reference bus."""
        injection = np.zeros(self.network.n_bus)
        injection[self.network.start[line]] += self.susceptance[line]
        injection[self.network.end[line]] -= self.susceptance[line]
        return self.angles(injection)

    def lodf_column(self, outage: int) -> Floats:
        """(n_branch,) share of the flow of ``outage`` that every line takes when it opens: 0 for a bridge,
        whose loss splits the island, and -1 for itself."""
        column = np.zeros(len(self.closed))
        if self._live[outage] and not self.bridge[outage]:
            column = self.transfer(outage) / (1.0 - self._own[outage])
        column[outage] = -1.0
        return column

    def transfer(self, outage: int) -> Floats:
        """(n_branch,) flow per MW sent in at one end of a branch and out at the other."""
        injection = np.zeros(self.network.n_bus)
        injection[self.network.start[outage]] += 1.0
        injection[self.network.end[outage]] -= 1.0
        return self.flows(injection)

    def splits(self, branch: int) -> bool:
        """Whether opening a closed branch splits the island."""
        return bool(self._live[branch] and self.transfer(branch)[branch] > 1.0 - BRIDGE_TOLERANCE)

    @cached_property
    def _own(self) -> Floats:
        return np.array([self.transfer(i)[i] if self._live[i] else 0.0 for i in range(len(self.closed))])

    @cached_property
    def bridge(self) -> Flags:
        """(n_branch,) True where opening the branch splits the island."""
        return np.asarray((self._own > 1.0 - BRIDGE_TOLERANCE) & self._live)

    @cached_property
    def ptdf(self) -> Floats:
        """(n_branch, n_bus), dense: for planners on small grids; rows of open branches are zero."""
        return np.array([self.ptdf_row(line) for line in range(len(self.closed))])

    @cached_property
    def lodf(self) -> Floats:
        """(n_branch, n_branch), dense, outages in columns."""
        return np.array([self.lodf_column(outage) for outage in range(len(self.closed))]).T

    def contingencies(self, limit_mw: Floats, emergency_mw: Floats) -> Contingencies:
        """Every pair of line and outage that can matter while base flows keep to ``limit_mw``.

        A line at its limit and an outage of a branch at its own leave |flow| <= limit_l + |LODF_lk| limit_k,
        so a pair with |LODF_lk| limit_k <= emergency_l - limit_l needs no watching: nothing is lost.
        """
        pairs = relevant_pairs(
            self.linear,
            limit_mw,
            emergency_mw - limit_mw,
            BRIDGE_TOLERANCE,
        )
        line, outage, share = pairs
        order = np.lexsort((outage, line))
        return Contingencies(line[order], outage[order], share[order])


def build_dc_model(model: PlantModel, closed: Flags) -> DcModel:
    """DC model of the island that holds the plant model's reference bus."""
    network = DcNetwork(model)
    return DcModel(network, closed, network.reference)
