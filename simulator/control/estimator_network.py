"""The operator's plant model as the estimator's kernels want it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.control.dc_model import bus_index
from simulator.control.estimator_kernels import Network
from simulator.control.sparse_ldl import SparseLdl
from streams.plant_model import PlantModel

Index = NDArray[np.int64]


def build_network(model: PlantModel) -> tuple[Network, SparseLdl]:
    """Network and gain matrix. Their pattern is that of all branches closed: it serves every topology."""
    index = bus_index(model)
    n = len(model.buses)
    start = np.array([index[b.from_bus] for b in model.branches], dtype=np.int64)
    end = np.array([index[b.to_bus] for b in model.branches], dtype=np.int64)
    series = 1.0 / np.array([complex(b.r_pu, b.x_pu) for b in model.branches])
    tap = np.array([b.tap for b in model.branches]) * np.exp(
        1j * np.radians([b.shift_deg for b in model.branches])
    )
    # Line charging moves no active power and is left out (MATPOWER manual, equation 3.2).
    yff, yft, ytf = series / np.abs(tap) ** 2, -series / np.conj(tap), -series / tap
    row_start, row_state = _injection_rows(n, start, end)
    place = _places(n, start, end, row_start, row_state)
    own = _find(row_start, row_state, np.arange(n), n + np.arange(n))
    rows = [row_state[row_start[i] : row_start[i + 1]] for i in range(n)]
    upper = [np.triu_indices(len(row)) for row in rows]
    first = np.concatenate([row[a] for row, (a, _) in zip(rows, upper, strict=True)])
    second = np.concatenate([row[b] for row, (_, b) in zip(rows, upper, strict=True)])
    pairs = np.unique(np.minimum(first, second) * 2 * n + np.maximum(first, second))
    off = pairs // (2 * n) != pairs % (2 * n)
    gain = SparseLdl(2 * n, pairs[off] // (2 * n), pairs[off] % (2 * n))
    four = np.stack((start, end, n + start, n + end), axis=1)
    a, b = np.triu_indices(4)
    network = Network(
        start=start,
        end=end,
        gff=yff.real.copy(),
        gft=yft.real.copy(),
        bft=yft.imag.copy(),
        gtt=series.real.copy(),
        gtf=ytf.real.copy(),
        btf=ytf.imag.copy(),
        shunt=np.array([bus.shunt_mw for bus in model.buses]) / model.base_mva,
        row_start=row_start,
        row_state=row_state,
        place=place,
        own=own,
        flow_slot=gain.slots(four[:, a].ravel(), four[:, b].ravel()).reshape(-1, 10),
        pair_start=np.concatenate(([0], np.cumsum([len(rows_) for rows_, _ in upper]))),
        pair_slot=gain.slots(first, second),
        diagonal=gain.slots(np.arange(2 * n), np.arange(2 * n)),
    )
    return network, gain


def _injection_rows(n: int, start: Index, end: Index) -> tuple[Index, Index]:
    """States in every bus's injection: angle and magnitude of itself and its neighbours, ascending."""
    bus = np.r_[np.arange(n), start, end]
    other = np.r_[np.arange(n), end, start]
    keys = np.unique(np.r_[bus * 2 * n + other, bus * 2 * n + n + other])
    return np.searchsorted(keys, np.arange(n + 1) * 2 * n), keys % (2 * n)


def _places(n: int, start: Index, end: Index, row_start: Index, row_state: Index) -> Index:
    """(l, 8), see ``Network.place``."""
    columns = [
        _find(row_start, row_state, row, state)
        for row in (start, end)
        for state in (start, end, n + start, n + end)
    ]
    return np.ascontiguousarray(np.stack(columns, axis=1))


def _find(row_start: Index, row_state: Index, row: Index, state: Index) -> Index:
    """Positions of (row, state) in the compressed rows."""
    n = len(row_start) - 1
    keys = np.repeat(np.arange(n), np.diff(row_start)) * 2 * n + row_state
    return np.asarray(np.searchsorted(keys, row * 2 * n + state), dtype=np.int64)
