"""Synthetic training runs: AC truth of IEEE 118 by lightsim2grid, tanks by mass balance, generic tampering.

Not the twin: loads wander fast, a random dispatch follows them, lines go out one at a time, meters have white
noise. Grid tampering shifts received loads by at most tau, total unchanged, and makes all unprotected flows
consistent with the lie; water tampering holds, offsets, ramps or replays one level.
"""

from __future__ import annotations

import functools
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from lightsim2grid.network import init_from_matpower
from pypower.case118 import case118

from detectors.dc import GridIndex, shift_factors
from streams.plant_model import PlantModel

from .case118 import plant_model, ratings, units

NOISE = 0.007
SCAN_S = 4.0
SEGMENT = 40
TAMPERED_FROM = 18
KINDS = ("one", "several", "random")


class TrueGrid:
    """AC solver of the true grid. Branch order is the case's; units are those with capacity."""

    def __init__(self) -> None:
        case = case118()
        capacity = {b: p for b, p, _ in units()}
        for row in case["gen"]:
            row[1], row[8], row[9] = (
                min(row[1], capacity.get(int(row[0]), 0.0)),
                capacity.get(int(row[0]), 0.0),
                0.0,
            )
        at = {int(b): i for i, b in enumerate(case["bus"][:, 0])}
        branch = case["branch"]
        self.start = np.array([at[int(b)] for b in branch[:, 0]])
        self.end = np.array([at[int(b)] for b in branch[:, 1]])
        self.tap = np.where(branch[:, 8] == 0, 1.0, branch[:, 8])
        self.series = 1.0 / (branch[:, 2] + 1j * branch[:, 3])
        self.charging = 0.5j * branch[:, 4]
        self.loads = np.flatnonzero((case["bus"][:, 2] != 0) | (case["bus"][:, 3] != 0))
        self.nominal = case["bus"][self.loads, 2]
        self.reactive = case["bus"][self.loads, 3]
        self.unit_bus = np.array([at[b] for b in capacity])
        self.p_max = np.array(list(capacity.values()))
        self.gen_of_unit = np.array(
            [next(i for i, g in enumerate(case["gen"]) if at[int(g[0])] == b) for b in self.unit_bus]
        )
        self.n_bus = len(at)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            matpower = {"version": "2", "baseMVA": 100.0, **{k: case[k] for k in ("bus", "gen", "branch")}}
            self.base = init_from_matpower(matpower)
        for g in [g.id for g in self.base.get_generators() if g.is_slack]:
            self.base.remove_gen_slackbus(g)
        for i, p in zip(self.gen_of_unit, self.p_max, strict=True):
            self.base.add_gen_slackbus(int(i), float(p))
        self.is_transformer = branch[:, 8] != 0
        self.set_out(None)

    def set_out(self, out: int | None) -> None:
        self.closed = np.ones(len(self.start), dtype=bool)
        self.model = self.base.copy()
        if out is not None:
            self.closed[out] = False
            kind = self.is_transformer if self.is_transformer[out] else ~self.is_transformer
            index = int(np.cumsum(kind)[out] - 1)
            (self.model.deactivate_trafo if self.is_transformer[out] else self.model.deactivate_powerline)(
                index
            )
        self.voltage = np.ones(self.n_bus, dtype=complex)

    def solve(self, load: np.ndarray, unit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(flows at the from end, unit powers) in MW."""
        factor = load / np.where(self.nominal == 0, 1.0, self.nominal)
        everywhere = np.ones(len(self.loads), dtype=bool)
        self.model.update_loads_p(everywhere, load.astype(np.float32))
        self.model.update_loads_q(
            everywhere, (self.reactive * np.where(self.nominal == 0, 1.0, factor)).astype(np.float32)
        )
        which = np.zeros(len(self.model.get_generators()), dtype=bool)
        which[self.gen_of_unit] = True
        order = np.argsort(self.gen_of_unit)
        value = np.zeros(which.size, dtype=np.float32)
        value[self.gen_of_unit[order]] = unit[order]
        self.model.update_gens_p(which, value)
        v = self.model.ac_pf(self.voltage.copy(), 20, 1e-7)
        if not len(v):
            raise RuntimeError("no power flow")
        self.voltage = v
        a, b = v[self.start] / self.tap, v[self.end]
        flow = np.where(
            self.closed, (a * np.conj((a - b) * self.series + a * self.charging)).real * 100.0, 0.0
        )
        back = np.where(
            self.closed, (b * np.conj((b - a) * self.series + b * self.charging)).real * 100.0, 0.0
        )
        net = np.zeros(self.n_bus)
        np.add.at(net, self.start, flow)
        np.add.at(net, self.end, back)
        np.add.at(net, self.loads, load)
        return flow, net[self.unit_bus]


@functools.cache
def true_grid() -> TrueGrid:
    return TrueGrid()


@functools.cache
def plant() -> PlantModel:
    """Operator's model whose protected flows are the 28 most loaded branches."""
    grid = true_grid()
    grid.set_out(None)
    unit = grid.p_max * grid.nominal.sum() / grid.p_max.sum()
    flow, _ = grid.solve(grid.nominal, unit)
    return plant_model(np.abs(flow) / np.array(ratings()))


@dataclass
class Recording:
    """telemetry (scans, tags) in plant-model order; tampered: per scan; kind and tau of each segment."""

    t_s: np.ndarray
    telemetry: np.ndarray
    tampered: np.ndarray
    tampered_water: np.ndarray
    kinds: list[tuple[str, float]]
    closed: np.ndarray


def lie(
    rng: np.random.Generator, kind: str, tau: float, factors: np.ndarray, grid: TrueGrid, load: np.ndarray
) -> np.ndarray:
    """Load shifts in MW, at most tau of each load, total zero."""
    at_load = factors[:, grid.loads]
    if kind == "random":
        push = rng.choice([-1.0, 1.0], load.size)
    else:
        targets = rng.choice(len(factors), 1 if kind == "one" else int(rng.integers(2, 6)), replace=False)
        push = (rng.choice([-1.0, 1.0], targets.size) @ at_load[targets]) / targets.size
        push -= np.median(push)
        if kind == "several":
            keep = rng.choice(load.size, int(rng.integers(20, load.size)), replace=False)
            push = np.where(np.isin(np.arange(load.size), keep), push, 0.0)
    shift = np.sign(push) * tau * load
    up, down = shift[shift > 0].sum(), -shift[shift < 0].sum()
    if min(up, down) <= 0:
        return np.zeros_like(shift)
    return np.where(shift > 0, shift * min(1.0, down / up), shift * min(1.0, up / down))


def record(
    scans: int,
    seed: int,
    attack: str | None = "mix",
    tau: float | None = None,
    outages: bool = True,
    outage_pool: int | None = None,
    water: bool = True,
) -> Recording:
    """One run; ``attack``: "mix", one of KINDS, or None. Tampering covers the later part of each segment."""
    grid, model = true_grid(), plant()
    index = GridIndex.build(model)
    rng = np.random.default_rng(seed)
    tags = {t.name: i for i, t in enumerate(model.tags)}
    numbers = [int(model.buses[b].name) for b in grid.loads]
    load_tag = [tags.get(f"S{n}/load_mw", -1) for n in numbers]
    unit_tag = [tags[u.power_tag] for u in model.units]
    flow_tag = np.array([tags[b.flow_tag] for b in model.branches])
    status_tag = np.array([tags[b.status_tag] for b in model.branches])
    guarded = np.array([model.tags[i].protected for i in flow_tag])
    out = np.zeros((scans, len(tags)))
    tampered, all_closed = np.zeros(scans, dtype=bool), np.ones((scans, len(flow_tag)), dtype=bool)
    scale, wander = rng.uniform(0.65, 1.0), np.zeros(grid.loads.size)
    bridges = _bridges(index)
    kinds: list[tuple[str, float]] = []
    grid.set_out(None)
    for s in range(scans):
        if s % SEGMENT == 0:
            out_line = (
                int(rng.integers(outage_pool or len(flow_tag))) if outages and rng.random() < 0.4 else None
            )
            grid.set_out(None if out_line in bridges else out_line)
            factors = shift_factors(index, grid.closed, np.arange(len(flow_tag)))
            scale = float(np.clip(scale + rng.normal(0, 0.08), 0.6, 1.0))
            kind = str(rng.choice(KINDS)) if attack == "mix" else attack
            size = float(rng.uniform(0.05, 0.5)) if tau is None else tau
            attacked = kind is not None and (attack != "mix" or rng.random() < 0.6)
            kinds.append((kind if attacked else "none", size))
            shift = np.zeros(grid.loads.size)
        if s % 20 == 0:
            part = grid.p_max * np.exp(rng.normal(0, 0.2, grid.p_max.size))
        wander = 0.9 * wander + rng.normal(0, 0.02, wander.size)
        load = grid.nominal * scale * np.clip(1 + wander, 0.5, 1.5)
        unit = part * load.sum() / part.sum()
        flow, produced = grid.solve(load, unit)
        row = out[s]
        for i, tag in enumerate(load_tag):
            if tag >= 0:
                row[tag] = load[i]
        row[unit_tag] = produced
        row[flow_tag] = flow
        row[:] *= 1 + NOISE * rng.standard_normal(row.size)
        row[status_tag] = grid.closed
        all_closed[s] = grid.closed
        if attacked and s % SEGMENT >= TAMPERED_FROM:
            if s % SEGMENT == TAMPERED_FROM:
                shift = lie(rng, kind, size, factors, grid, load)
            at_bus = np.zeros(index.n_bus)
            at_bus[grid.loads] = shift
            change = -factors @ at_bus
            for i, tag in enumerate(load_tag):
                if tag >= 0:
                    row[tag] += shift[i]
            row[flow_tag[~guarded]] += change[~guarded]
            tampered[s] = True
    t_s = np.arange(scans) * SCAN_S
    wet = np.zeros(scans, dtype=bool)
    if water:
        wet = _tanks(model, out, tags, t_s, np.random.default_rng([seed, 1]), attack is not None)
    return Recording(t_s, out, tampered, wet, kinds, all_closed)


def _bridges(index: GridIndex) -> set[int]:
    from detectors.dc import islands

    everything = np.ones(index.start.size, dtype=bool)
    found = set()
    for b in range(index.start.size):
        everything[b] = False
        if len(set(islands(index, everything).tolist())) > 1:
            found.add(b)
        everything[b] = True
    return found


def _tanks(
    model: PlantModel, out: np.ndarray, tags: dict, t_s: np.ndarray, rng: np.random.Generator, attacked: bool
) -> np.ndarray:
    """Levels and inflows once a minute (held between), with one level false at a time where attacked."""
    minutes = int(t_s[-1] // 60) + 1
    wet = np.zeros(minutes, dtype=bool)
    true_area = {"T1": 700.0, "T2": 320.0, "T3": 170.0}
    series = {}
    for tank in model.tanks:
        area = true_area[tank.name]
        level, q, pump = np.zeros(minutes), np.zeros(minutes), 1.0
        level[0] = rng.uniform(1.5, 4.5)
        for m in range(minutes):
            demand = area * 0.12 * (1 + 0.4 * np.sin(2 * np.pi * m / 1440) + 0.1 * rng.standard_normal())
            pump = 1.0 if level[m] < 1.5 else 0.0 if level[m] > 4.8 else pump
            q[m] = pump * area * 0.35 - demand
            if m + 1 < minutes:
                level[m + 1] = level[m] + q[m] / 60 / area
        span = tank.level_max_m - tank.level_min_m
        series[tank.name] = [
            level + rng.normal(0, 0.003 * span, minutes),
            q * (1 + 0.005 * rng.standard_normal(minutes)),
            span,
        ]
    m = 150
    names = list(series)
    while attacked and m + 120 < minutes:
        level, _, span = series[names[int(rng.integers(len(names)))]]
        a, b = m, m + 120
        kind = rng.choice(["hold", "offset", "ramp", "replay"])
        if kind == "hold":
            level[a:b] = level[a]
        elif kind == "offset":
            level[a:b] += rng.choice([-1, 1]) * rng.uniform(0.08, 0.3) * span
        elif kind == "ramp":
            level[a:b] += rng.choice([-1, 1]) * np.linspace(0, rng.uniform(0.15, 0.4) * span, b - a)
        else:
            level[a:b] = level[a - 150 : b - 150]
        wet[a:b] = True
        m += int(rng.integers(260, 340))
    minute = (t_s // 60).astype(int)
    for tank in model.tanks:
        out[:, tags[tank.level_tag]] = series[tank.name][0][minute]
        out[:, tags[tank.inflow_tag]] = series[tank.name][1][minute]
    return wet[minute]


def water_only(minutes: int, seed: int, attacked: bool) -> Recording:
    """A long run at one scan a minute; every value of the grid is missing."""
    model = plant()
    tags = {t.name: i for i, t in enumerate(model.tags)}
    t_s = np.arange(minutes) * 60.0
    out = np.full((minutes, len(tags)), np.nan)
    wet = _tanks(model, out, tags, t_s, np.random.default_rng([seed, 2]), attacked)
    closed = np.ones((minutes, len(model.branches)), dtype=bool)
    return Recording(t_s, out, np.zeros(minutes, dtype=bool), wet, [], closed)


def write(recording: Recording, folder: Path) -> Path:
    """A run folder as the twin writes it."""
    folder.mkdir(parents=True, exist_ok=True)
    model = plant()
    table = pd.DataFrame(recording.telemetry, columns=[t.name for t in model.tags])
    table.insert(0, "t_s", recording.t_s)
    table.to_parquet(folder / "telemetry.parquet", index=False)
    both = recording.tampered | recording.tampered_water
    pd.DataFrame(
        {
            "t_s": recording.t_s, "tampered": both, "harmful": np.zeros_like(both),
            "tampered_grid": recording.tampered, "tampered_water": recording.tampered_water,
        }
    ).to_parquet(folder / "labels.parquet", index=False)  # fmt: skip
    (folder / "plant_model.json").write_bytes(model.encode())
    return folder
