"""What training methods certify of tampered grid windows, and what linear rows do, on several plants.

Clean windows come from the twin; those measured are of other runs with other outages. Tampered ones are clean
ones behind a shift of received loads. A window counts as tampered only where a protected flow gives the shift
away; the share of those in the null space stands beside.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from detectors.bounds import Bounder, Dense
from detectors.config import MemberConfig
from detectors.features import keep_rows
from detectors.members import lower_output
from detectors.model import MODELS
from detectors.prepare import grid_groups
from detectors.train import spare_shift
from detectors.training import train_network
from scenarios.bench.detection_judges import Judge, Rows, linear_judge, network_judge
from scenarios.bench.detection_world import Size, World, build_world
from scenarios.bench.figure import BenchFigure, say
from scenarios.bench.tampering import KINDS
from scenarios.models import DEFAULT
from scenarios.training import load_training

CERTIFIED = ("interval", "crown_ibp", "small_boxes")
"""The dual is left out: one training takes ten minutes."""
COMPARED = ("adversarial", "smoothed", "natural")


class Plan(NamedTuple):
    """Size of the experiment. plants: operators, each with seeds of its own; methods: all of them on the
    first plant, the first alone on the others."""

    plants: int = 3
    size: Size = Size()
    steps: int = 600
    eps: tuple[float, ...] = (0.01, 0.02)
    methods: tuple[str, ...] = (*CERTIFIED, *COMPARED)


class Row(msgspec.Struct, frozen=True):
    """One detector at one eps on one plant. certified, plain: kind -> share of tampered windows per tau;
    certified_normal, false_alarms_per_1000: of clean windows; null_space: share of shifts nobody can see;
    cpu_s: of training."""

    plant: int
    eps: float
    detector: str
    taus: tuple[float, ...]
    certified: dict[str, list[float]]
    plain: dict[str, list[float]]
    certified_normal: float
    false_alarms_per_1000: float
    null_space: float
    cpu_s: float

    def worst_kind(self, tau: float) -> float:
        """Least certified share of any kind of shift at a tau."""
        return min(shares[self.taus.index(tau)] for shares in self.certified.values())

    def mean(self, tau: float) -> float:
        """Certified share at a tau, all kinds alike."""
        return float(np.mean([shares[self.taus.index(tau)] for shares in self.certified.values()]))


def measure(world: World, name: str, judge: Judge, eps: float, cpu_s: float, plan: Plan) -> Row:
    """All windows of a world before one detector."""
    clean = judge(world.clean, eps)
    certified: dict[str, list[float]] = {kind: [] for kind in KINDS}
    plain: dict[str, list[float]] = {kind: [] for kind in KINDS}
    hidden = []
    for kind in KINDS:
        for tau in plan.size.taus:
            data, visible = world.tampered[kind, tau]
            said = judge(data, eps)
            certified[kind].append(float((said.low[visible] > 0.0).mean()))
            plain[kind].append(float((said.plain[visible] > 0.0).mean()))
            hidden.append(float((~visible).mean()))
    return Row(
        world.number, eps, name, plan.size.taus, certified, plain, float((clean.high <= 0.0).mean()),
        1000.0 * float((clean.plain > 0.0).mean()), float(np.mean(hidden)), cpu_s,
    )  # fmt: skip


def trained(world: World, rows: Rows, config: MemberConfig, eps: float) -> tuple[Dense, float]:
    """A network of one method for one eps, its output lowered as ``train`` does, and its CPU seconds."""
    groups = grid_groups(world.lessons, rows.features, rows.calibration, config)
    with tempfile.TemporaryDirectory() as folder:
        made = train_network(
            groups, config, world.config.seed, True, Path(folder) / "none.pt", config.steps + 1, _nothing
        )
    high = network_judge(rows, made.network, world.config.window)(world.taught, eps).high
    lowered = lower_output(made.network, spare_shift(high, config.spare_normal))
    # Networks for comparison stand as they were trained.
    return (made.network if config.method in COMPARED else lowered), made.cost.cpu_s


def _nothing(step: int, loss: float) -> None:
    del step, loss


def one_station_free(world: World, rows: Rows, network: Dense, eps: float, tau: float) -> float:
    """Share of tampered windows, of all kinds, certified with one station (another for each window) free over
    its whole range and all else within eps. Rows that the station moves by more than a sigma are not read,
    as where it is missing."""
    index, window = world.grid, world.config.window
    station = np.array([name.split("/")[0] for name in index.names])
    free = np.unique(station[~index.protected])
    found = []
    for k, kind in enumerate(KINDS):
        data, visible = world.tampered[kind, tau]
        luck = np.random.default_rng([world.config.seed, k])
        for w in np.flatnonzero(visible)[:: max(1, int(visible.sum()) // 100)]:
            closed = data.topologies[data.topology[w]]
            missing = (station == luck.choice(free)) & ~index.protected
            made = rows.under(closed)
            kept = made.masked(keep_rows(made, missing, index.width))
            reach = np.where(missing, index.width, rows.reach(eps))
            bounder = Bounder(network, kept.matrix, kept.offset, reach, window)
            found.append(bounder.linear(data.mean[w], data.size[w]).low > 0.0)
    return float(np.mean(found))


def run_plant(number: int, plan: Plan) -> tuple[list[Row], list[BenchFigure]]:
    """Every detector on one plant."""
    say(f"plant {number + 1} of {plan.plants}: {plan.size.taught + plan.size.measured} runs of the twin")
    world = build_world(number, plan.size)
    shipped = load_training(MODELS / f"{DEFAULT}.toml").detector
    config = msgspec.structs.replace(shipped.grid, steps=plan.steps)
    beyond = shipped.grid.eps_train / shipped.eps
    plain = Rows(world, MemberConfig(), plan.eps[0])
    flows = world.grid.protected_branches.size
    table: list[Row] = []
    figures: list[BenchFigure] = []
    for eps in plan.eps:
        shift = Rows(world, config, eps)
        for name, made, use in (
            ("linear, plain rows", plain, slice(0, flows)),
            ("linear, local rows", plain, slice(flows, 2 * flows)),
            ("linear, shift rows", shift, slice(flows, shift.features.rows_count)),
        ):
            started = time.process_time()
            judge = linear_judge(made, use, 0.999)
            table.append(measure(world, name, judge, eps, time.process_time() - started, plan))
        for name in plan.methods if number == 0 else plan.methods[:1]:
            say(f"plant {number + 1}, eps {eps:g}: {name}")
            own = msgspec.structs.replace(config, method=name, eps_train=beyond * eps)
            network, cpu_s = trained(world, shift, own, eps)
            table.append(
                measure(world, name, network_judge(shift, network, world.config.window), eps, cpu_s, plan)
            )
            if name == "interval":
                tau = max(t for t in plan.size.taus if t <= 0.3)
                share = one_station_free(world, shift, network, eps, tau)
                label = f"plant {number + 1}, one station free, rest at {eps:g}, tau {tau:g}, certified"
                figures.append(BenchFigure(label, 100.0 * share, "%"))
    return table, figures


def bench_detection(out: Path | None = None, plan: Plan | None = None) -> list[BenchFigure]:
    """Figures of every detector; ``out``: folder for the whole table, ``detection_rows.json``."""
    plan = plan or Plan()
    table: list[Row] = []
    figures: list[BenchFigure] = []
    for number in range(plan.plants):
        rows, more = run_plant(number, plan)
        table += rows
        figures += more
    if out is not None:
        text = msgspec.json.format(msgspec.json.encode(table), indent=1)
        (out / "detection_rows.json").write_bytes(text + b"\n")
    return [figure for row in table for figure in _figures(row)] + figures


def _figures(row: Row) -> list[BenchFigure]:
    name = f"plant {row.plant + 1}, eps {row.eps:g}, {row.detector}"
    return [
        *(BenchFigure(f"{name}: certified at tau {t:g}", 100.0 * row.mean(t), "%") for t in row.taus),
        BenchFigure(f"{name}: certified normal", 100.0 * row.certified_normal, "%"),
        BenchFigure(f"{name}: false alarms", row.false_alarms_per_1000, "of 1000 windows"),
    ]
