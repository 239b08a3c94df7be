"""DC power-flow facts of the operator's plant model: the linear physics every grid row is built from.

The DC approximation (Stott, Jardim, Alsac, "DC Power Flow Revisited", 2009) makes flows linear in bus
angles: f = b (theta_from - theta_to - shift), injections = sum of flows that leave a bus. A *row* is a linear
combination of received quantities that is zero in every DC state. It is given by a coefficient ``c`` per
branch flow and ``lam`` per bus injection (generation minus load); it vanishes in every state exactly if

    w_l = b_l (c_l + lam_from(l) - lam_to(l))

is a circulation (sum of w at every bus is zero). So a row survives the opening of every branch with w_l = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.plant_model import PlantModel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class GridIndex:
    """Integer view of a plant model's grid, with the columns that grid rows may read.

    columns: plant-model tag index of each column; column order is loads and units by bus, then flows.
    low, high: published range per column in MW; protected: column of a protected tag.
    start, end: bus index of each branch; susceptance_mw: MW per radian; shift_mw: flow at zero angle.
    flow_column: column of each branch's flow or -1; status_tag: plant-model tag index of its status or -1;
    status_names, status_low, status_high, status_protected: of that tag, "", 0, 1, true where there is none.
    bus_of: bus index of a load or unit column, -1 for flows; sign: +1 generation, -1 load, 0 flow.
    unmeasured: buses with nominal load and no load tag.
    """

    columns: Ints
    names: tuple[str, ...]
    low: Floats
    high: Floats
    protected: Bools
    n_bus: int
    start: Ints
    end: Ints
    susceptance_mw: Floats
    shift_mw: Floats
    flow_column: Ints
    status_tag: Ints
    status_names: tuple[str, ...]
    status_low: Floats
    status_high: Floats
    status_protected: Bools
    bus_of: Ints
    sign: Floats
    unmeasured: Bools

    @staticmethod
    def build(plant: PlantModel) -> GridIndex:
        """Read the plant model. Raises KeyError when a branch or unit names an unknown bus or tag."""
        tag_at = {tag.name: i for i, tag in enumerate(plant.tags)}
        bus_at = {bus.name: i for i, bus in enumerate(plant.buses)}
        columns: list[int] = []
        bus_of: list[int] = []
        sign: list[float] = []
        for i, bus in enumerate(plant.buses):
            if bus.load_tag:
                columns.append(tag_at[bus.load_tag])
                bus_of.append(i)
                sign.append(-1.0)
        for unit in plant.units:
            if unit.power_tag:
                columns.append(tag_at[unit.power_tag])
                bus_of.append(bus_at[unit.bus])
                sign.append(1.0)
        flow_column = []
        for branch in plant.branches:
            flow_column.append(len(columns) if branch.flow_tag else -1)
            if branch.flow_tag:
                columns.append(tag_at[branch.flow_tag])
                bus_of.append(-1)
                sign.append(0.0)
        tags = [plant.tags[c] for c in columns]
        status = [plant.tags[tag_at[b.status_tag]] if b.status_tag else None for b in plant.branches]
        slope = [plant.base_mva / (b.x_pu * (b.tap or 1.0)) for b in plant.branches]
        return GridIndex(
            columns=np.array(columns, dtype=np.int64),
            names=tuple(tag.name for tag in tags),
            low=np.array([tag.low for tag in tags]),
            high=np.array([tag.high for tag in tags]),
            protected=np.array([tag.protected for tag in tags], dtype=bool),
            n_bus=len(plant.buses),
            start=np.array([bus_at[b.from_bus] for b in plant.branches], dtype=np.int64),
            end=np.array([bus_at[b.to_bus] for b in plant.branches], dtype=np.int64),
            susceptance_mw=np.array(slope),
            shift_mw=np.array(
                [-s * np.deg2rad(b.shift_deg) for s, b in zip(slope, plant.branches, strict=True)]
            ),
            flow_column=np.array(flow_column, dtype=np.int64),
            status_tag=np.array([tag_at[b.status_tag] if b.status_tag else -1 for b in plant.branches]),
            status_names=tuple(s.name if s else "" for s in status),
            status_low=np.array([s.low if s else 0.0 for s in status]),
            status_high=np.array([s.high if s else 1.0 for s in status]),
            status_protected=np.array([s is None or s.protected for s in status], dtype=bool),
            bus_of=np.array(bus_of, dtype=np.int64),
            sign=np.array(sign),
            unmeasured=np.array([bool(b.load_mw) and not b.load_tag for b in plant.buses], dtype=bool),
        )

    @property
    def width(self) -> Floats:
        """Range of each column, MW."""
        return self.high - self.low

    @property
    def protected_branches(self) -> Ints:
        """Branches whose flow arrives over a protected link, ascending."""
        hit = [b for b, c in enumerate(self.flow_column) if c >= 0 and self.protected[c]]
        return np.array(hit, dtype=np.int64)

    def bus_width(self) -> Floats:
        """Sum of the ranges of attackable loads and units at each bus, MW."""
        total = np.zeros(self.n_bus)
        here = (self.bus_of >= 0) & ~self.protected
        np.add.at(total, self.bus_of[here], self.width[here])
        return total


def islands(index: GridIndex, closed: Bools) -> Ints:
    """Island number of each bus, shape (n_bus,), numbered by their lowest bus."""
    label = np.arange(index.n_bus)

    def find(i: int) -> int:
        while label[i] != i:
            label[i] = label[label[i]]
            i = int(label[i])
        return i

    for a, b in zip(index.start[closed], index.end[closed], strict=True):
        ra, rb = find(int(a)), find(int(b))
        if ra != rb:
            label[max(ra, rb)] = min(ra, rb)
    return np.array([find(i) for i in range(index.n_bus)], dtype=np.int64)


def shift_factors(index: GridIndex, closed: Bools, branches: Ints) -> Floats:
    """PTDF rows, shape (len(branches), n_bus): MW on a branch per MW injected, slack at each island's
    lowest bus.

    Rows of open branches are zero, and so are columns outside the branch's island.
    """
    weight = np.where(closed, index.susceptance_mw, 0.0)
    laplacian = np.zeros((index.n_bus, index.n_bus))
    np.add.at(laplacian, (index.start, index.start), weight)
    np.add.at(laplacian, (index.end, index.end), weight)
    np.add.at(laplacian, (index.start, index.end), -weight)
    np.add.at(laplacian, (index.end, index.start), -weight)
    label = islands(index, closed)
    free = np.flatnonzero(label != np.arange(index.n_bus))
    inverse = np.zeros_like(laplacian)
    if free.size:
        inverse[np.ix_(free, free)] = np.linalg.inv(laplacian[np.ix_(free, free)])
    rows = weight[branches, None] * (inverse[index.start[branches]] - inverse[index.end[branches]])
    same = label[index.start[branches], None] == label[None, :]
    return np.where(same, rows, 0.0)


def weighted_median(values: Floats, weights: Floats) -> float:
    """A point that minimises sum of weights * |values - point|; 0 where all weights are zero."""
    if not np.any(weights > 0):
        return 0.0
    order = np.argsort(values, kind="stable")
    running = np.cumsum(weights[order])
    return float(values[order[int(np.searchsorted(running, running[-1] / 2))]])
