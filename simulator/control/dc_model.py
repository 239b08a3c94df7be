"""Linear (DC) view of the operator's plant model: how injections move flows, how outages shift them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.plant_model import PlantModel

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

BRIDGE_TOLERANCE = 1e-6


@dataclass(frozen=True)
class DcModel:
    """PTDF and LODF of one topology.

    ptdf: (n_branch, n_bus), MW on the branch per MW injected at the bus and taken at the reference bus;
        rows of open branches are zero. Buses outside the reference bus's island have zero columns.
    lodf: (n_branch, n_branch), share of the flow of branch k (column) that branch l (row) takes when k opens;
        zero for bridges, whose loss splits the island, -1 on the diagonal.
    bridge: (n_branch,), True where opening the branch splits its island.
    connected: (n_bus,), True for the buses of the reference bus's island.
    """

    ptdf: Floats
    lodf: Floats
    bridge: Flags
    connected: Flags


def bus_index(model: PlantModel) -> dict[str, int]:
    """Bus name -> position in ``model.buses``."""
    return {bus.name: i for i, bus in enumerate(model.buses)}


def build_dc_model(model: PlantModel, closed: Flags) -> DcModel:
    """DC model of the island that holds the reference bus.

    closed: (n_branch,) switch status. Formulas: PTDF = Bf B^-1 and LODF = H A^T / (1 - diag(H A^T)),
    as in Zimmerman et al., MATPOWER (makePTDF, makeLODF).
    """
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    index = bus_index(model)
    n_bus, n_branch = len(model.buses), len(model.branches)
    start = np.array([index[b.from_bus] for b in model.branches])
    end = np.array([index[b.to_bus] for b in model.branches])
    susceptance = closed / np.array([b.x_pu * b.tap for b in model.branches])
    links = csr_matrix((np.ones(int(closed.sum())), (start[closed], end[closed])), shape=(n_bus, n_bus))
    _, label = connected_components(links, directed=False)
    reference = index[model.reference_bus]
    connected = label == label[reference]

    incidence = np.zeros((n_branch, n_bus))
    rows = np.arange(n_branch)
    incidence[rows, start] = 1.0
    incidence[rows, end] = -1.0
    incidence[~closed] = 0.0
    flow_matrix = incidence * susceptance[:, None]
    keep = np.flatnonzero(connected & (np.arange(n_bus) != reference))
    ptdf = np.zeros((n_branch, n_bus))
    if keep.size:
        nodal = (incidence.T @ flow_matrix)[np.ix_(keep, keep)]
        ptdf[:, keep] = np.linalg.solve(nodal.T, flow_matrix[:, keep].T).T
    transfer = ptdf @ incidence.T
    own = np.diag(transfer)
    bridge = np.asarray((own > 1.0 - BRIDGE_TOLERANCE) & closed)
    lodf = transfer / np.where(bridge | (own >= 1.0), 1.0, 1.0 - own)[None, :]
    lodf[:, bridge | ~closed] = 0.0
    lodf[rows, rows] = -1.0
    return DcModel(ptdf, lodf, bridge, connected)
