"""From recorded runs to training groups: windows, labels, calibration, one group per topology."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.config import MemberConfig, TrainConfig
from detectors.dataset import Run, grid_windows, sample_rows, window_labels
from detectors.dc import Bools, Floats, GridIndex, Ints
from detectors.features import Calibration
from detectors.grid_calibration import GridCalibration
from detectors.grid_features import GridFeatures
from detectors.perturbation import Perturbation
from detectors.rows import Combination
from detectors.shift_rows import CANDIDATES, choose, generic_shifts, rows_of, unseen_mw
from detectors.training import Group
from detectors.water_features import WaterFeatures
from streams.errors import BadInput
from streams.plant_model import PlantModel

MIN_GROUP = 8


@dataclass(frozen=True)
class GridData:
    """mean, size: (w, columns); label: 1 tampered, 0 clean (windows between are left out); topology: (w,)
    index into topologies; run: (w,) index of the run. Labels come from taps.
    """

    mean: Floats
    size: Floats
    label: Ints
    topology: Ints
    topologies: list[Bools]
    run: Ints


def grid_data(runs: Sequence[Run], index: GridIndex, config: TrainConfig, stride: int) -> GridData:
    """All labelled grid windows of the runs. Raises BadInput where they are of one kind only."""
    data = grid_window_data(runs, index, config, stride)
    label = data.label
    if not (label == 0).any() or not (label == 1).any():
        raise BadInput(
            "training data, grid", f"{int((label == 1).sum())} tampered windows of {label.size}", "both kinds"
        )
    return data


def grid_window_data(runs: Sequence[Run], index: GridIndex, config: TrainConfig, stride: int) -> GridData:
    """All labelled grid windows of the runs, whatever their labels."""
    known: dict[bytes, int] = {}
    topologies: list[Bools] = []
    parts: list[tuple[Floats, Floats, Ints, Ints, Ints]] = []
    for number, run in enumerate(runs):
        found = grid_windows(run, index.columns, index.status_tag, config.window, config.min_scans, stride)
        label = window_labels(run.label("grid"), found.end, config.window)
        use = label >= 0
        translate = np.zeros(max(len(found.topologies), 1), dtype=np.int64)
        for i, closed in enumerate(found.topologies):
            key = closed.tobytes()
            if key not in known:
                known[key] = len(topologies)
                topologies.append(closed)
            translate[i] = known[key]
        where = np.full(int(use.sum()), number, dtype=np.int64)
        parts.append((found.mean[use], found.size[use], label[use], translate[found.topology[use]], where))
    mean, size, label, topology, run_of = (np.concatenate(p) for p in zip(*parts, strict=True))
    return GridData(mean, size, label, topology, topologies, run_of)


def chosen_features(plant: PlantModel, data: GridData, clean: Bools, config: TrainConfig) -> GridFeatures:
    """Rows of the plant: plain and local ones, or local ones and as many shift rows as ``config`` asks for,
    chosen by their scatter in the clean windows of the usual topology. clean: (w,)."""
    count = config.grid.shift_rows
    if count == 0:
        return GridFeatures(plant)
    index = GridIndex.build(plant)
    common = int(np.argmax(np.bincount(data.topology[clean], minlength=len(data.topologies))))
    use = clean & (data.topology == common)
    load_mw = np.zeros(index.n_bus)
    loads = np.flatnonzero(index.sign < 0)
    np.add.at(load_mw, index.bus_of[loads], np.maximum(data.mean[use][:, loads].mean(axis=0), 0.0))
    unseen = unseen_mw(index, generic_shifts(index, load_mw, CANDIDATES, config.seed))
    rows = rows_of(index, unseen, config.eps)
    features = GridFeatures(plant, shift=rows)
    found = features.calibrate(
        data.mean[use], np.zeros(int(use.sum()), dtype=np.int64), [data.topologies[common]], data.run[use]
    )
    first = features.flows_count
    length = np.abs(rows.matrix(index)) @ np.where(index.protected, 0.0, index.width)
    shown = unseen @ rows.flow[:, index.protected_branches].T
    best = choose(shown, found.usual.sigma[first:], length, count, config.eps)
    kept = Combination(rows.flow[best], rows.bus[best], rows.defined[best])
    return GridFeatures(plant, features.local, kept)


def grid_groups(
    data: GridData, features: GridFeatures, calibration: GridCalibration, config: MemberConfig
) -> list[Group]:
    """One group per topology with enough windows; tampered windows that move no row are left out."""
    index = features.index
    unit = Perturbation(0.0).half_widths(index.names, index.low, index.high, index.protected)
    unit = np.where(index.protected, unit, index.width)
    groups = []
    for i, closed in enumerate(data.topologies):
        here = np.flatnonzero(data.topology == i)
        rows = features.rows(closed, calibration)
        values = rows.features(data.mean[here])
        seen = (np.abs(values).max(axis=1) >= config.visible_sigma) | (data.label[here] == 0)
        if int(seen.sum()) < MIN_GROUP:
            continue
        positive = data.label[here][seen] == 1
        groups.append(
            Group(
                rows,
                data.mean[here][seen],
                values[seen],
                positive,
                unit,
                index.width,
                _some_tags(index.width.size),
            )
        )
    if not groups:
        raise BadInput(
            "training data, grid", len(data.label), f"at least {MIN_GROUP} windows of one topology"
        )
    return groups


def _some_tags(n: int) -> Callable[[np.random.Generator], Bools]:
    def hide(draw: np.random.Generator) -> Bools:
        missing = np.zeros(n, dtype=bool)
        missing[draw.choice(n, size=int(draw.integers(1, 4)), replace=False)] = True
        return missing

    return hide


@dataclass(frozen=True)
class WaterData:
    """windows: (w, samples * columns); label: (w,) 1 tampered, 0 clean; run: (w,)."""

    windows: Floats
    label: Ints
    run: Ints


def water_data(runs: Sequence[Run], features: WaterFeatures, stride: int) -> WaterData:
    """Complete labelled windows of slow samples. Tampered: at the newest sample; clean: at none of the
    window.

    A window that still holds tampered samples but ends clean is left out.
    """
    ix = features.index
    parts: list[tuple[Floats, Ints, Ints]] = []
    for number, run in enumerate(runs):
        at = sample_rows(run.t_s, ix.period_s)
        samples, marked = run.telemetry[at][:, ix.columns], run.label("water")[at]
        ends = np.arange(ix.samples - 1, samples.shape[0], stride)
        if not ends.size:
            continue
        view = np.lib.stride_tricks.sliding_window_view(samples, ix.samples, axis=0)[ends - ix.samples + 1]
        windows = view.transpose(0, 2, 1).reshape(ends.size, -1)
        any_inside = window_labels(marked, ends, ix.samples) != 0
        label = np.where(marked[ends], 1, np.where(any_inside, -1, 0))
        use = (label >= 0) & ~np.isnan(windows).any(axis=1)
        parts.append((windows[use], label[use], np.full(int(use.sum()), number, dtype=np.int64)))
    if not parts:
        raise BadInput(
            "training data, water", "no complete window", f"runs of more than {ix.samples} samples"
        )
    windows, label, run_of = (np.concatenate(p) for p in zip(*parts, strict=True))
    if not (label == 0).any() or not (label == 1).any():
        raise BadInput(
            "training data, water",
            f"{int((label == 1).sum())} tampered windows of {label.size}",
            "both kinds",
        )
    return WaterData(windows, label, run_of)


def water_groups(
    data: WaterData, features: WaterFeatures, calibration: Calibration, config: MemberConfig
) -> list[Group]:
    """One group; the first samples of a window are hidden now and then, as at the start of a run."""
    ix = features.index
    rows = features.rows(calibration)
    values = rows.features(data.windows)
    seen = (np.abs(values).max(axis=1) >= config.visible_sigma) | (data.label == 0)
    reach = np.where(ix.protected, 0.0, ix.high - ix.low)
    width = np.tile(ix.high - ix.low, ix.samples)

    def hide(draw: np.random.Generator) -> NDArray[np.bool_]:
        missing = np.zeros((ix.samples, ix.columns.size), dtype=bool)
        if draw.random() < 0.5:
            missing[: int(draw.integers(1, ix.samples - ix.lags[0]))] = True
        else:
            missing[int(draw.integers(ix.samples)), int(draw.integers(ix.columns.size))] = True
        return missing.reshape(-1)

    return [Group(rows, None, values[seen], data.label[seen] == 1, np.tile(reach, ix.samples), width, hide)]


def shares(config: TrainConfig, windows_run: Ints) -> tuple[Bools, Bools]:
    """(training, held out) windows: whole runs, evenly spread, are held out where there are several, else the
    last windows."""
    held = np.zeros(windows_run.size, dtype=bool)
    numbers = np.unique(windows_run)
    if numbers.size >= 2:
        count = min(numbers.size - 1, round(config.held_out * numbers.size))
        place = np.arange(1, numbers.size + 1) * count // numbers.size
        held = np.isin(windows_run, numbers[np.diff(place, prepend=0) > 0])
    elif windows_run.size:
        held[windows_run.size - int(config.held_out * windows_run.size) :] = True
    return ~held, held
