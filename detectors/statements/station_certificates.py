"""k-station certificates for the windows of recorded data, k = 1, through the deployed networks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from detectors.certificate import Certificate, certificate_of, certify_domains
from detectors.dataset import Run, sample_rows, switch_states
from detectors.dc import Floats
from detectors.grid_calibration import topology_key
from detectors.judge import GridJudge
from detectors.judgement import Judgement, unknown
from detectors.members import grid_judge, water_judge
from detectors.model import Model
from detectors.perturbation import Perturbation
from detectors.statements.stations import ASSUMPTIONS, STATEMENTS, StationBounds, groups_of
from detectors.statuses import read_states
from detectors.water_features import BLOCK
from streams.plant_model import PlantModel

TOPOLOGIES_KEPT = 4


class GridStations:
    """Judges complete grid windows with any one station free."""

    def __init__(self, judge: GridJudge, plant: PlantModel) -> None:
        self._judge = judge
        self._index = judge.features.index
        self.groups = groups_of(plant, self._index.columns)
        self._bounds: dict[str, StationBounds] = {}

    def judge(self, values: Floats, statuses: Floats) -> Judgement:
        """values: (scans, columns), statuses: (scans, branches), oldest first; see ``GridJudge.judge``."""
        judge = self._judge
        read = read_states(statuses)
        if np.isnan(values).any() or np.isnan(read).any():
            return unknown("values missing")
        if not (read == read[-1]).all():
            return unknown("more than one topology")
        closed = read[-1] == 1.0
        key = topology_key(closed)
        if not judge.status_reach.steady(statuses).all():
            return unknown("a switch status within eps of another state", key)
        bounds = self._of(closed, key)
        if bounds is None:
            return unknown("too few readable rows", key)
        mean = values.mean(axis=0)
        judged = bounds.judge(values, mean, np.abs(values).mean(axis=0), key)[0]
        return judge.plausible.heed(judged, mean)

    def _of(self, closed: np.ndarray[tuple[int], np.dtype[np.bool_]], key: str) -> StationBounds | None:
        if key not in self._bounds:
            judge, ix = self._judge, self._index
            rows = judge.features.rows(closed, judge.calibration)
            if rows.defined.sum() < judge.min_rows * rows.defined.size:
                return None
            if len(self._bounds) >= TOPOLOGIES_KEPT:
                self._bounds.pop(next(iter(self._bounds)))
            self._bounds[key] = StationBounds(
                judge.network, rows, judge.reach, ix.low, ix.high, self.groups, judge.window
            )
        return self._bounds[key]


def certify_stations(
    model: Model,
    data: Path,
    eps: Perturbation | None = None,
    domains: Sequence[str] = ("grid", "water"),
    stride: int = 1,
) -> list[Certificate]:
    """As ``certify_windows``, with any one station free over its published ranges. Raises BadInput."""
    return certify_domains({"grid": _grid, "water": _water}, model, data, eps, domains, stride)


def _grid(model: Model, run: Run, eps: Perturbation, stride: int) -> list[Certificate]:
    judge = grid_judge(model, run.plant, eps)
    stations, index, window = GridStations(judge, run.plant), judge.features.index, judge.window
    values, states = run.telemetry[:, index.columns], switch_states(run, index.status_tag)
    hashes, out = (model.digest(), run.plant.digest()), []
    for end in range(window - 1, values.shape[0], stride):
        part = slice(end - window + 1, end + 1)
        judged = stations.judge(values[part], states[part])
        length = float(run.t_s[end] - run.t_s[end - window + 1])
        out.append(_certificate("grid", hashes, eps, float(run.t_s[end]), length, judged))
    return out


def _water(model: Model, run: Run, eps: Perturbation, stride: int) -> list[Certificate]:
    judge = water_judge(model, run.plant, eps)
    ix = judge.features.index
    at = sample_rows(run.t_s, ix.period_s)
    low, high = np.tile(ix.low, ix.samples), np.tile(ix.high, ix.samples)
    groups = groups_of(run.plant, ix.columns, ix.samples)
    bounds = StationBounds(judge.network, judge.rows, np.tile(judge.reach, ix.samples), low, high, groups, 1)
    samples = run.telemetry[at][:, ix.columns]
    hashes, out = (model.digest(), run.plant.digest()), []
    for end in range(ix.samples - 1, at.size, stride):
        flat = samples[end - ix.samples + 1 : end + 1].reshape(-1)
        if np.isnan(flat).any():
            judged = unknown("values missing")
        else:
            judged = bounds.judge(flat[None, :], flat, np.abs(flat))[0]
            for sample in flat.reshape(ix.samples, -1)[-BLOCK:]:
                judged = judge.plausible.heed(judged, sample)
        length = (ix.samples - 1) * ix.period_s
        out.append(_certificate("water", hashes, eps, float(run.t_s[at[end]]), length, judged))
    return out


def _certificate(
    domain: Literal["grid", "water"],
    hashes: tuple[str, str],
    eps: Perturbation,
    t_s: float,
    window_s: float,
    judged: Judgement,
) -> Certificate:
    made = certificate_of(domain, t_s, window_s, judged, eps, *hashes)
    statement = STATEMENTS[judged.value]
    return msgspec.structs.replace(made, statement=statement, assumptions=ASSUMPTIONS, free_stations=1)
