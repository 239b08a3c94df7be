"""``train``: recorded runs in, model directory out."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from detectors.bounds import Bounder, Dense
from detectors.bounds.dense import Floats
from detectors.config import MemberConfig, TrainConfig, check
from detectors.dataset import Run, load_run
from detectors.dc import Bools, GridIndex
from detectors.members import grid_arrays, lower_output, water_arrays
from detectors.model import SCHEMA, network_arrays, save_model
from detectors.model_spec import MemberSpec, ModelSpec, TagSpec
from detectors.monitors.residual import NodalMonitor, TankMonitor
from detectors.perturbation import Perturbation
from detectors.prepare import (
    GridData,
    WaterData,
    chosen_features,
    grid_data,
    grid_groups,
    shares,
    water_data,
    water_groups,
)
from detectors.training import Group, Progress, train_network
from detectors.training_cost import FILE, Cost
from detectors.water_features import WaterFeatures
from streams.errors import BadInput
from streams.plant_model import PlantModel


def _silent(member: str, kind: str, step: int, steps: int, loss: float) -> None:
    del member, kind, step, steps, loss


def physics_digest(plant: PlantModel) -> str:
    """sha256 of what features are built from: tags, buses, branches, tanks."""
    parts = (
        plant.base_mva,
        plant.tags,
        plant.buses,
        plant.branches,
        plant.tanks,
        [u.power_tag for u in plant.units],
    )
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def train(
    config: TrainConfig, data_dirs: Sequence[Path], out_dir: Path, progress: Progress | None = None
) -> Path:
    """Train both members and their twins from run folders; returns ``out_dir``.

    Interrupted and called again with the same arguments it goes on from its checkpoints and ends with the
    same bits. Raises BadInput for data that is missing, not labelled, of one kind only, or of several plants.
    """
    check(config)
    if not data_dirs:
        raise BadInput("training data", "no folder", "at least one run folder with labels.parquet")
    runs = [load_run(folder, labelled=True) for folder in data_dirs]
    for run in runs[1:]:
        if physics_digest(run.plant) != physics_digest(runs[0].plant):
            raise BadInput(
                run.where, "another plant", f"the plant of {runs[0].where}: same tags, branches, tanks"
            )
    say = progress or _silent
    members: dict[str, MemberSpec] = {}
    costs: dict[str, dict[str, Cost]] = {}
    arrays: dict[str, Floats] = {}
    twin: dict[str, Floats] = {}
    for domain, build in (("grid", _train_grid), ("water", _train_water)):
        wanted: MemberConfig = getattr(config, domain)
        if wanted.enabled:
            members[domain], more, its_twin, costs[domain] = build(config, runs, out_dir, say)
            arrays |= more
            twin |= its_twin
    if not members:
        raise BadInput("config", "no member enabled", "grid, water or both")
    plant = runs[0].plant
    spec = ModelSpec(
        SCHEMA,
        config.eps,
        plant.digest(),
        tuple(b.name for b in plant.branches),
        members,
        _provenance(config, runs),
    )
    save_model(out_dir, spec, arrays, twin)
    (out_dir / FILE).write_bytes(msgspec.json.format(msgspec.json.encode(costs), indent=1) + b"\n")
    for left in out_dir.glob("checkpoint-*.pt"):
        left.unlink()
    return out_dir


def _provenance(config: TrainConfig, runs: Sequence[Run]) -> dict[str, Any]:
    import torch

    total = hashlib.sha256()
    for run in runs:
        total.update(run.telemetry.tobytes())
        for name in sorted(run.labels):
            total.update(name.encode() + run.labels[name].tobytes())
    return {
        "config": msgspec.to_builtins(config),
        "data_sha256": total.hexdigest(),
        "runs": len(runs),
        "scans": int(sum(r.t_s.size for r in runs)),
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "torch": str(torch.__version__),
        },
    }


class _Member(NamedTuple):
    spec: MemberSpec
    arrays: dict[str, Floats]
    twin: dict[str, Floats]
    costs: dict[str, Cost]


class _Networks(NamedTuple):
    certified: Dense
    twin: Dense
    costs: dict[str, Cost]


def _both(groups: list[Group], config: TrainConfig, domain: str, out_dir: Path, say: Progress) -> _Networks:
    wanted: MemberConfig = getattr(config, domain)
    made = {}
    for kind in ("certified", "twin"):

        def report(step: int, loss: float, kind: str = kind) -> None:
            say(domain, kind, step, wanted.steps, loss)

        seed = config.seed * 2 + (domain == "water")
        path = out_dir / f"checkpoint-{domain}-{kind}.pt"
        made[kind] = train_network(
            groups, wanted, seed, kind == "certified", path, config.checkpoint_every, report
        )
    costs = {kind: trained.cost for kind, trained in made.items()}
    return _Networks(made["certified"].network, made["twin"].network, costs)


def spare_shift(high: Floats, share: float) -> float:
    """How far the output bias must fall so that ``share`` of clean windows is certified normal, >= 0."""
    if share <= 0.0 or not high.size:
        return 0.0
    return max(0.0, float(np.quantile(high, share, method="higher")) + 1e-6)


def _grid_bounds(
    network: Dense, data: GridData, groups: Callable[[Bools], Any], reach: Floats, terms: int
) -> Floats:
    """Interval bounds (w, 2) of all windows, topology by topology."""
    out = np.zeros((data.label.size, 2))
    for i, closed in enumerate(data.topologies):
        here = data.topology == i
        if here.any():
            rows = groups(closed)
            bounder = Bounder(network, rows.matrix, rows.offset, reach, terms)
            out[here] = bounder.intervals(data.mean[here], data.size[here])
    return out


def figures(bounds: Floats, plain: Floats, label: Bools) -> dict[str, float]:
    """Shares of held-out windows: certified and plain detection, certified normal, false alarms."""
    out = {"held_out_windows": float(label.size)}
    if label.any():
        out["certified_detection"] = float((bounds[label, 0] > 0).mean())
        out["plain_detection"] = float((plain[label] > 0).mean())
    if (~label).any():
        out["certified_normal"] = float((bounds[~label, 1] <= 0).mean())
        out["false_alarm"] = float((plain[~label] > 0).mean())
    return out


def _prefix(name: str, values: dict[str, float]) -> dict[str, float]:
    return {f"{name}{key}": value for key, value in values.items()}


def _train_grid(config: TrainConfig, runs: Sequence[Run], out_dir: Path, say: Progress) -> _Member:
    plant = runs[0].plant
    data = grid_data(runs, GridIndex.build(plant), config, config.grid.stride)
    learn, held = shares(config, data.run)
    features = chosen_features(plant, data, learn & (data.label == 0), config)

    def part(use: Bools) -> GridData:
        return GridData(
            data.mean[use],
            data.size[use],
            data.label[use],
            data.topology[use],
            data.topologies,
            data.run[use],
        )

    taught, kept = part(learn), part(held)
    clean = taught.label == 0
    calibration = features.calibrate(
        taught.mean[clean], taught.topology[clean], data.topologies, taught.run[clean]
    )
    groups = grid_groups(taught, features, calibration, config.grid)
    certified, twin, costs = _both(groups, config, "grid", out_dir, say)
    ix = features.index
    reach = Perturbation(config.eps).half_widths(ix.names, ix.low, ix.high, ix.protected)

    def rows(closed: Bools) -> Any:
        return features.rows(closed, calibration)

    still = part(learn & (data.label == 0))
    shift = spare_shift(
        _grid_bounds(certified, still, rows, reach, config.window)[:, 1], config.grid.spare_normal
    )
    certified = lower_output(certified, shift)
    told: dict[str, float] = {"bias_lowered_by": shift, "training_windows": float(learn.sum())}
    for name, network in (("", certified), ("twin_", twin)):
        bounds = _grid_bounds(network, kept, rows, reach, config.window)
        plain = _grid_bounds(network, kept, rows, np.zeros_like(reach), config.window).mean(axis=1)
        told |= _prefix(name, figures(bounds, plain, kept.label == 1))
    monitor = NodalMonitor.calibrate(plant, taught.mean[clean], taught.topology[clean], data.topologies)
    tags = tuple(_tag(plant, int(c)) for c in ix.columns)
    spec = MemberSpec(tags, config.window, config.min_scans, config.min_rows, _layers(certified), told)
    arrays = network_arrays("grid", certified) | grid_arrays(features, calibration) | monitor.arrays()
    return _Member(spec, arrays, network_arrays("grid", twin), costs)


def _train_water(config: TrainConfig, runs: Sequence[Run], out_dir: Path, say: Progress) -> _Member:
    plant = runs[0].plant
    features = WaterFeatures(plant)
    data = water_data(runs, features, config.water.stride)
    learn, held = shares(config, data.run)
    clean = learn & (data.label == 0)
    calibration = features.calibrate(data.windows[clean])
    taught = WaterData(data.windows[learn], data.label[learn], data.run[learn])
    certified, twin, costs = _both(
        water_groups(taught, features, calibration, config.water), config, "water", out_dir, say
    )
    ix, rows = features.index, features.rows(calibration)
    reach = np.tile(Perturbation(config.eps).half_widths(ix.names, ix.low, ix.high, ix.protected), ix.samples)

    def bounds_of(network: Dense, windows: Floats, half: Floats) -> Floats:
        return Bounder(network, rows.matrix, rows.offset, half, 1).intervals(windows)

    shift = spare_shift(bounds_of(certified, data.windows[clean], reach)[:, 1], config.water.spare_normal)
    certified = lower_output(certified, shift)
    told: dict[str, float] = {"bias_lowered_by": shift, "training_windows": float(learn.sum())}
    label = data.label[held] == 1
    for name, network in (("", certified), ("twin_", twin)):
        bounds = bounds_of(network, data.windows[held], reach)
        plain = bounds_of(network, data.windows[held], np.zeros_like(reach)).mean(axis=1)
        told |= _prefix(name, figures(bounds, plain, label))
    monitor = TankMonitor.calibrate(
        plant,
        calibration,
        [r.telemetry for r in runs],
        [r.t_s for r in runs],
        [r.label("water") for r in runs],
    )
    tags = tuple(_tag(plant, int(c)) for c in ix.columns)
    spec = MemberSpec(tags, ix.samples, 1, config.min_rows, _layers(certified), told)
    arrays = network_arrays("water", certified) | water_arrays(calibration) | monitor.arrays()
    return _Member(spec, arrays, network_arrays("water", twin), costs)


def _tag(plant: PlantModel, i: int) -> TagSpec:
    tag = plant.tags[i]
    return TagSpec(tag.name, tag.low, tag.high, tag.protected, tag.period_s)


def _layers(network: Dense) -> tuple[int, ...]:
    return (network.inputs, *(int(w.shape[0]) for w in network.weights))
