"""The grid as its operator's model sees it in one instant: where statements on hidden loading start."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from detectors.dc import Bools, Floats, GridIndex, Ints, islands, shift_factors
from detectors.statuses import read_states
from streams.errors import BadInput
from streams.plant_model import PlantModel

BRIDGE_TOLERANCE = 1e-6
"""An outage that moves all but this share of its own flow splits the grid and is not screened."""


@dataclass(frozen=True)
class GridState:
    """One topology and operating point; n buses, l branches, u units, powers in MW.

    factors: (l, n) PTDF, MW per MW injected, rows of open branches and of other islands zero. load_mw: (n,)
    loads, scaled so that they and the units balance. offset_mw: (l,) flow minus linear flow (losses, reactive
    power, wrong parameters), which the operator tracks and corrects for. shiftable: (n,) loads whose tag an
    attacker can reach. unit_bus: (u,); power_mw, unit_low_mw, unit_high_mw: (u,). limit_mw: (l,);
    emergency_mw: (l,) after an outage, infinite where the grid is not run n-1 secure. protected: branch
    positions with a protected flow. closed: (l,). live: (l,) closed and in the main island.
    """

    names: tuple[str, ...]
    factors: Floats
    start: Ints
    end: Ints
    load_mw: Floats
    offset_mw: Floats
    shiftable: Bools
    unit_bus: Ints
    power_mw: Floats
    unit_low_mw: Floats
    unit_high_mw: Floats
    limit_mw: Floats
    emergency_mw: Floats
    protected: Ints
    closed: Bools
    live: Bools

    @property
    def flow_mw(self) -> Floats:
        """(l,) flows of this operating point."""
        return self.flows(self.power_mw, self.load_mw)

    def flows(self, power_mw: Floats, load_mw: Floats) -> Floats:
        """(l,) flows for unit powers (u,) and loads (n,)."""
        injection = -load_mw
        np.add.at(injection, self.unit_bus, power_mw)
        return np.asarray(self.factors @ injection + self.offset_mw)

    def outage_shares(self) -> Floats:
        """(l, l) LODF: share of the flow of branch k that branch l takes when k opens; columns of bridges and
        of open branches zero."""
        transfer = self.factors[:, self.start] - self.factors[:, self.end]
        own = np.diag(transfer).copy()
        bridge = (np.abs(1.0 - own) < BRIDGE_TOLERANCE) | ~self.live
        shares = np.where(bridge[None, :], 0.0, transfer / np.where(bridge, 1.0, 1.0 - own)[None, :])
        np.fill_diagonal(shares, 0.0)
        return shares

    def with_protected(self, branches: Ints) -> GridState:
        """The same state with meters elsewhere."""
        return replace(self, protected=np.sort(np.asarray(branches, dtype=np.int64)))


def grid_state(plant: PlantModel, telemetry: Floats) -> GridState:
    """From one telemetry vector, (tags,) in plant-model order; what is missing of a power counts as 0.

    The main island is the one that generates most. Raises BadInput without branches, units or load, and for
    a switch status that is missing or unreadable.
    """
    if not plant.branches or not plant.units:
        raise BadInput("plant model", "no branch or no unit", "a grid")
    index = GridIndex.build(plant)
    at = {tag.name: i for i, tag in enumerate(plant.tags)}
    protected = {tag.name for tag in plant.tags if tag.protected}
    values = np.r_[np.nan_to_num(telemetry), 0.0]
    unit_bus = np.array([[b.name for b in plant.buses].index(u.bus) for u in plant.units], dtype=np.int64)
    power = values[[at.get(u.power_tag, -1) for u in plant.units]]
    received = values[[at.get(b.flow_tag, -1) for b in plant.branches]]
    closed = _closed(index, telemetry)
    label = islands(index, closed)
    generated = np.bincount(label[unit_bus], weights=power, minlength=index.n_bus)
    main = label == int(np.argmax(generated))
    load = np.where(main, values[[at.get(b.load_tag, -1) for b in plant.buses]], 0.0)
    here = main[unit_bus]
    power = np.where(here, power, 0.0)
    if load.sum() <= 0.0 or power.sum() <= 0.0:
        raise BadInput("telemetry", (float(load.sum()), float(power.sum())), "load and generation above 0 MW")
    load = load * (power.sum() / load.sum())
    live = closed & main[index.start]
    factors = shift_factors(index, closed, np.arange(closed.size)) * live[:, None] * main[None, :]
    injection = -load
    np.add.at(injection, unit_bus, power)
    metered = live & (index.flow_column >= 0)
    rating = np.array([b.rating_mva for b in plant.branches])
    secure = plant.security == "n-1"
    return GridState(
        names=tuple(b.name for b in plant.branches),
        factors=factors,
        start=index.start,
        end=index.end,
        load_mw=load,
        offset_mw=np.where(metered, received - factors @ injection, 0.0),
        shiftable=np.array([bool(b.load_tag) and b.load_tag not in protected for b in plant.buses]) & main,
        unit_bus=unit_bus,
        power_mw=power,
        unit_low_mw=np.where(here, np.minimum([u.p_min_mw for u in plant.units], power), 0.0),
        unit_high_mw=np.where(here, np.maximum([u.p_max_mw for u in plant.units], power), 0.0),
        limit_mw=rating,
        emergency_mw=rating * plant.emergency_factor if secure else np.full(rating.size, np.inf),
        protected=index.protected_branches,
        closed=closed,
        live=live,
    )


def _closed(index: GridIndex, telemetry: Floats) -> Bools:
    states = np.ones(index.status_tag.size)
    measured = index.status_tag >= 0
    states[measured] = telemetry[index.status_tag[measured]]
    read = read_states(states[None, :])[0]
    if np.isnan(read).any():
        branch = int(np.argmax(np.isnan(read)))
        raise BadInput(f"status {index.status_names[branch]}", float(states[branch]), "a readable status")
    return np.asarray(read == 1.0)
