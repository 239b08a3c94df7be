"""Rows that show load shifts best: for a shift, of all rows the one that shows it farthest per unit of what
an attacker within eps can move.

Other rows predict one protected flow each. Here every protected flow may enter, since none of them can be
moved: the row of least sum |coefficient| * range among those that show the shift by one unit is a linear
programme, the dual of the least eps behind which the shift can be hidden. A few such rows, chosen from many
generic shifts, come close to that optimum for all of them (docs/certificates/training.md).
"""

from __future__ import annotations

import numpy as np

from detectors.dc import Bools, Floats, GridIndex, shift_factors
from detectors.rows import Combination, stays_balanced

CANDIDATES = 400
TAUS = (0.1, 0.2)
"""Shares of load for which rows are chosen."""
SIGMAS = 4.5
SCATTER_MW = 0.2
"""What a protected meter adds to a row's scatter, about; a row of many meters must be worth it."""
_LP_NOISE = 1e-9
_LEAST_LOADS = 20


def generic_shifts(index: GridIndex, load_mw: Floats, count: int, seed: int) -> Floats:
    """Shifts of received loads at tau 1, total zero, (shifts, n_bus): half along the sensitivity of one or
    two random lines, half of random signs; like ``random_shift`` in training data."""
    everything = np.ones(index.start.size, dtype=bool)
    factors = shift_factors(index, everything, np.arange(index.start.size))
    loaded = np.flatnonzero(load_mw > 0.0)
    luck, made = np.random.default_rng([seed, count]), []
    for _ in range(count):
        size = int(luck.integers(min(_LEAST_LOADS, loaded.size), loaded.size + 1))
        chosen = luck.choice(loaded, size=size, replace=False)
        if luck.random() < 0.5:
            lines = luck.choice(index.start.size, size=2)
            push = luck.choice([-1.0, 1.0]) * factors[lines[0], chosen]
            push = push + luck.choice([-1.0, 0.0, 1.0]) * factors[lines[1], chosen]
            sign = np.sign(push - np.median(push))
        else:
            sign = luck.choice([-1.0, 1.0], size=size)
        shift = np.zeros(index.n_bus)
        shift[chosen] = sign * load_mw[chosen]
        up, down = shift[shift > 0.0].sum(), -shift[shift < 0.0].sum()
        if min(up, down) > 0.0:
            made.append(np.where(shift > 0.0, shift * min(1.0, down / up), shift * min(1.0, up / down)))
    return np.array(made).reshape(-1, index.n_bus)


def unseen_mw(index: GridIndex, shifts: Floats) -> Floats:
    """What the protected flows should have shown of consistent lies and did not, (shifts, protected) MW."""
    everything = np.ones(index.start.size, dtype=bool)
    shown: Floats = shifts @ shift_factors(index, everything, index.protected_branches).T
    return shown


def row_of(index: GridIndex, unseen: Floats, meter_mw: float) -> tuple[Floats, Floats] | None:
    """(flow, bus) coefficients of the row of least L1 that shows ``unseen`` (protected,) MW, all lines
    closed; its largest coefficient on a protected flow is 1. meter_mw: what each protected flow counts beside
    the ranges of the others. None where no row shows it."""
    from scipy.optimize import linprog
    from scipy.sparse import coo_array, csc_array, hstack, vstack

    n, m, guarded = index.n_bus, index.start.size, index.protected_branches
    use = np.setdiff1d(np.flatnonzero(index.flow_column >= 0), guarded)
    lines = np.arange(m)
    incidence = coo_array(
        (np.r_[np.ones(m), -np.ones(m)], (np.r_[lines, lines], np.r_[index.start, index.end])), shape=(m, n)
    ).tocsr()
    slope = index.susceptance_mw / float(np.max(index.susceptance_mw))
    weighted = incidence.multiply(slope[:, None]).tocsr()
    from_flow, from_bus = weighted.T.tocsc(), (weighted.T @ incidence).tocsc()
    parts = [from_flow[:, guarded], from_flow[:, use], from_bus]
    balance = hstack([sign * part for part in parts for sign in (1.0, -1.0)])
    size = float(np.max(np.abs(unseen), initial=0.0))
    if size == 0.0:
        return None
    shown = np.r_[unseen, -unseen, np.zeros(2 * (use.size + n))] / size
    equal = vstack([balance, csc_array(shown[None, :])]).tocsc()
    cost_each = [np.full(guarded.size, meter_mw), index.width[index.flow_column[use]], index.bus_width()]
    scale = float(np.mean(cost_each[1])) if use.size else 1.0
    cost = np.concatenate([c for c in cost_each for _ in range(2)]) / scale
    open_bus = np.where(index.unmeasured, 0.0, np.inf)
    upper = np.r_[np.full(2 * (guarded.size + use.size), np.inf), open_bus, open_bus]
    right = np.r_[np.zeros(n), 1.0]
    solved = linprog(cost, A_eq=equal, b_eq=right, bounds=np.c_[np.zeros(upper.size), upper], method="highs")
    if solved.status != 0:
        return None
    x = np.where(np.abs(solved.x) < _LP_NOISE, 0.0, solved.x)
    ends = np.cumsum([0, *(k for k in (guarded.size, use.size, n) for _ in range(2))])
    own, rest, bus = (x[ends[i] : ends[i + 1]] - x[ends[i + 1] : ends[i + 2]] for i in (0, 2, 4))
    flow = np.zeros(m)
    flow[guarded], flow[use] = own, rest
    largest = float(np.max(np.abs(own), initial=0.0))
    return None if largest == 0.0 else (flow / largest, bus / largest)


def rows_of(index: GridIndex, unseen: Floats, eps: float) -> Combination:
    """One row per shift of ``unseen`` (shifts, protected) that can be shown at all, all lines closed."""
    meter_mw = SIGMAS * SCATTER_MW / (2.0 * eps)
    found = [row_of(index, one, meter_mw) for one in unseen]
    rows = [row for row in found if row is not None]
    flow = np.array([row[0] for row in rows]).reshape(-1, index.start.size)
    bus = np.array([row[1] for row in rows]).reshape(-1, index.n_bus)
    return Combination(flow, bus, np.ones(len(rows), dtype=bool))


def under(index: GridIndex, closed: Bools, rows: Combination) -> Combination:
    """The same rows under another topology; one that no longer vanishes in its DC states is not read."""
    defined = np.array(
        [stays_balanced(index, closed, f, b) for f, b in zip(rows.flow, rows.bus, strict=True)], dtype=bool
    )
    return Combination(np.where(closed, rows.flow, 0.0), rows.bus, defined & rows.defined)


def choose(shown: Floats, sigma: Floats, length: Floats, count: int, eps: float) -> list[int]:
    """Rows that together certify generic shifts to the largest eps, greedily.

    shown: (shifts, rows) MW at tau 1; sigma: (rows,) MW of clean scatter; length: (rows,) MW per unit of eps.
    A row certifies both sides of a shift s up to (s - SIGMAS sigma) / (2 length); 3 eps are enough.
    """
    room = np.concatenate(
        [(tau * np.abs(shown) - SIGMAS * sigma) / (2.0 * np.maximum(length, 1e-9)) for tau in TAUS]
    )
    room = np.clip(room, 0.0, 3.0 * eps)
    best, chosen = np.zeros(room.shape[0]), list[int]()
    for _ in range(min(count, room.shape[1])):
        gain = np.maximum(room, best[:, None]).sum(axis=0)
        gain[chosen] = -1.0
        chosen.append(int(np.argmax(gain)))
        best = np.maximum(best, room[:, chosen[-1]])
    return chosen
