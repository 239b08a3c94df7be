"""Residual rows of the grid: for every protected flow, two ways to predict it from what is not protected.

plain: protected flow - PTDF (generation - load), slack spread so that the row's L1 norm over ranges is least
(slack at the weighted median of the PTDF row).
local: the row of least sum |coefficient| * range among *all* combinations that vanish under DC physics, with
coefficient 1 on the protected flow and none on other protected flows; a linear programme (HiGHS). Least L1
matters because an attacker within eps moves a row by at most eps * L1 (see docs/certificates.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.dc import Bools, Floats, GridIndex, islands, shift_factors, weighted_median

_CIRCULATION_MW = 1e-6
_LP_NOISE = 1e-9
"""Coefficients below this are rounding of the LP solver."""


@dataclass(frozen=True)
class Combination:
    """Rows in physical form. flow: coefficient per branch flow, shape (m, branches); bus: per bus injection
    (generation minus load), shape (m, buses); defined: rows that exist under the topology, shape (m,).
    """

    flow: Floats
    bus: Floats
    defined: Bools

    def matrix(self, index: GridIndex) -> Floats:
        """Coefficients per column, shape (m, columns). Undefined rows are zero."""
        out = np.zeros((self.flow.shape[0], index.columns.size))
        measured = np.flatnonzero(index.flow_column >= 0)
        out[:, index.flow_column[measured]] = self.flow[:, measured]
        injections = np.flatnonzero(index.bus_of >= 0)
        out[:, injections] = self.bus[:, index.bus_of[injections]] * index.sign[injections]
        return out * self.defined[:, None]

    def constant(self, index: GridIndex, closed: Bools) -> Floats:
        """MW that a row shows in every DC state because of phase shifters, shape (m,)."""
        shift = np.where(closed, index.shift_mw, 0.0)
        at_bus = np.zeros(index.n_bus)
        np.add.at(at_bus, index.start, shift)
        np.add.at(at_bus, index.end, -shift)
        return (self.flow @ shift + self.bus @ at_bus) * self.defined


def plain_rows(index: GridIndex, closed: Bools) -> Combination:
    """PTDF rows, one per protected branch in ascending order; undefined where it is open or not
    observable."""
    branches = index.protected_branches
    factors = shift_factors(index, closed, branches)
    label = islands(index, closed)
    weights = index.bus_width()
    flow = np.zeros((branches.size, closed.size))
    bus = np.zeros_like(factors)
    defined = closed[branches].copy()
    for r, branch in enumerate(branches):
        inside = label == label[index.start[branch]]
        slack = weighted_median(factors[r, inside], weights[inside])
        flow[r, branch] = 1.0
        bus[r, inside] = slack - factors[r, inside]
        defined[r] &= not np.any(np.abs(bus[r, index.unmeasured]) > _LP_NOISE)
    return Combination(flow, bus, defined)


def local_row(index: GridIndex, closed: Bools, branch: int) -> tuple[Floats, Floats] | None:
    """Least-L1 row of one protected branch: (flow, bus) coefficients, or None where no row exists."""
    from scipy.optimize import linprog
    from scipy.sparse import coo_array

    n, m = index.n_bus, closed.size
    usable = closed & (index.flow_column >= 0)
    usable[index.protected_branches] = False
    usable[branch] = False
    slope = np.where(closed, index.susceptance_mw, 0.0) / float(np.max(index.susceptance_mw))
    cost_flow = np.zeros(m)
    cost_flow[usable] = index.width[index.flow_column[usable]]
    scale = float(np.mean(cost_flow[usable])) if usable.any() else 1.0
    lines = np.arange(m)
    incidence = coo_array(
        (np.r_[np.ones(m), -np.ones(m)], (np.r_[lines, lines], np.r_[index.start, index.end])), shape=(m, n)
    ).tocsr()
    weighted = incidence.multiply(slope[:, None]).tocsr()
    from_flow, from_bus = weighted.T.tocsc(), (weighted.T @ incidence).tocsc()
    use = np.flatnonzero(usable)
    from scipy.sparse import hstack

    equal = hstack([from_flow[:, use], -from_flow[:, use], from_bus, -from_bus]).tocsc()
    right = -from_flow[:, [branch]].toarray().ravel()
    cost_bus = index.bus_width()
    cost = np.r_[cost_flow[use], cost_flow[use], cost_bus, cost_bus] / scale
    no_bus = np.where(index.unmeasured, 0.0, np.inf)
    upper = np.r_[np.full(2 * use.size, np.inf), no_bus, no_bus]
    solved = linprog(cost, A_eq=equal, b_eq=right, bounds=np.c_[np.zeros(upper.size), upper], method="highs")
    if solved.status != 0:
        return None
    x = np.where(np.abs(solved.x) < _LP_NOISE, 0.0, solved.x)
    flow = np.zeros(m)
    flow[use] = x[: use.size] - x[use.size : 2 * use.size]
    flow[branch] = 1.0
    bus = x[2 * use.size : 2 * use.size + n] - x[2 * use.size + n :]
    return flow, bus


def local_rows(index: GridIndex, closed: Bools, known: Combination | None = None) -> Combination:
    """Least-L1 rows, one per protected branch; rows of ``known`` that stay valid under ``closed`` are
    kept."""
    branches = index.protected_branches
    flow = np.zeros((branches.size, closed.size))
    bus = np.zeros((branches.size, index.n_bus))
    defined = closed[branches].copy()
    for r, branch in enumerate(branches):
        if not defined[r]:
            continue
        if (
            known is not None
            and known.defined[r]
            and stays_balanced(index, closed, known.flow[r], known.bus[r])
        ):
            flow[r], bus[r] = np.where(closed, known.flow[r], 0.0), known.bus[r]
            continue
        found = local_row(index, closed, int(branch))
        if found is None:
            defined[r] = False
        else:
            flow[r], bus[r] = found
    return Combination(flow, bus, defined)


def stays_balanced(index: GridIndex, closed: Bools, flow: Floats, bus: Floats) -> bool:
    """Whether the row still vanishes in every DC state of this topology (the circulation test of ``dc``)."""
    weight = np.where(closed, index.susceptance_mw * (flow + bus[index.start] - bus[index.end]), 0.0)
    net = np.zeros(index.n_bus)
    np.add.at(net, index.start, weight)
    np.add.at(net, index.end, -weight)
    return bool(np.max(np.abs(net)) <= _CIRCULATION_MW * float(np.max(index.susceptance_mw)))
