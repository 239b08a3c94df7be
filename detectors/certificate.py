"""Certificates as records a reader can check, for windows of recorded data, and sweeps over eps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.bounds import Bounder, Dense
from detectors.dataset import (
    Run,
    check_times,
    grid_windows,
    load_run,
    sample_rows,
    switch_states,
    window_labels,
)
from detectors.dc import Bools, Floats
from detectors.judgement import Judgement, Plausible
from detectors.members import grid_judge, grid_parts, water_judge
from detectors.model import Model, require_fit
from detectors.perturbation import Perturbation
from detectors.statuses import StatusReach, hold_states, read_states
from detectors.water_features import BLOCK, WaterFeatures
from streams.messages import VerdictValue
from streams.plant_model import PlantModel

ASSUMPTIONS = (
    "Values over protected links are as sent; they are not perturbed.",
    "Each other received value differs by at most its eps from the one judged, each in any direction.",
    "Each received switch status differs by at most its eps too, which leaves it open (at most 0.25), closed "
    "(at least 0.75) or unreadable, as it was.",
    "The same samples are missing throughout; a missing value is free over its published range or not read, "
    "and a switch status missing or unreadable in the newest scan may be either.",
    "Certified normal means that no such change raises an alarm; it does not mean that there is no attack.",
)
STATEMENTS: dict[str, str] = {
    "certified_alarm": "evasion: no change of at most eps per tag within the window makes this alarm go away",
    "certified_normal": "stability: no change of at most eps per tag within the window makes it alarm",
    "uncertain": "none: the bound leaves the sign of the logit open, or the window cannot be judged",
}


class Certificate(msgspec.Struct, frozen=True):
    """One window's statement. bound: (low, high) of the logit over the set; margin: distance of the deciding
    bound from the threshold 0, None if uncertain. free_tags: missing tags that range freely. free_stations:
    how many stations, whichever they are, may report anything within their published ranges.
    """

    domain: Literal["grid", "water"]
    t_s: float
    window_s: float
    verdict: VerdictValue
    statement: str
    score: float
    bound: tuple[float | None, float | None]
    margin: float | None
    method: str
    eps_share: float
    eps_tags: dict[str, float]
    topology: str
    free_tags: tuple[str, ...]
    model_sha256: str
    plant_model_sha256: str
    assumptions: tuple[str, ...] = ASSUMPTIONS
    free_stations: int = 0


def certificate_of(
    domain: Literal["grid", "water"],
    t_s: float,
    window_s: float,
    judged: Judgement,
    eps: Perturbation,
    model_sha256: str,
    plant_sha256: str,
) -> Certificate:
    """The record of one judgement; infinite bounds become None."""
    low, high = (x if np.isfinite(x) else None for x in (judged.low, judged.high))
    return Certificate(
        domain, t_s, window_s, judged.value, STATEMENTS[judged.value], judged.score, (low, high),
        judged.margin, judged.method, eps.share, dict(eps.per_tag), judged.topology, judged.free_tags,
        model_sha256, plant_sha256,
    )  # fmt: skip


def certify_windows(
    model: Model,
    data: Path,
    eps: Perturbation | None = None,
    domains: Sequence[str] = ("grid", "water"),
    stride: int = 1,
) -> list[Certificate]:
    """Certificates of every ``stride``-th window of a run folder or Parquet file, in order of time per
    domain.

    eps: default the model's own. Raises BadInput for data that cannot be read or a plant that does not fit.
    """
    by_domain = {"grid": _grid_certificates, "water": _water_certificates}
    return certify_domains(by_domain, model, data, eps, domains, stride)


Certifier = Callable[[Model, Run, Perturbation, int], list[Certificate]]
"""(model, run, eps, stride) -> certificates of one domain."""


def certify_domains(
    by_domain: Mapping[str, Certifier],
    model: Model,
    data: Path,
    eps: Perturbation | None,
    domains: Sequence[str],
    stride: int,
) -> list[Certificate]:
    """Certificates of those of ``domains`` that the model has a member for, in the order of ``by_domain``.

    Arguments and errors as for ``certify_windows``.
    """
    run = load_run(data)
    require_fit(model, run.plant)
    chosen = eps or Perturbation(model.spec.eps)
    return [
        certificate
        for domain, certify in by_domain.items()
        if domain in domains and domain in model.spec.members
        for certificate in certify(model, run, chosen, stride)
    ]


def _grid_certificates(model: Model, run: Run, eps: Perturbation, stride: int) -> list[Certificate]:
    judge = grid_judge(model, run.plant, eps)
    index, window = judge.features.index, judge.window
    values = np.ascontiguousarray(run.telemetry[:, index.columns])
    states = switch_states(run, index.status_tag)
    read, before, behind = read_states(states), judge.calibration.usual_closed, 0
    hashes = model.digest(), run.plant.digest()
    out = []
    for end in range(window - 1, values.shape[0], stride):
        part = slice(end - window + 1, end + 1)
        if part.start > behind:
            before, behind = hold_states(read[behind : part.start], before)[-1], part.start
        judged = judge.judge(values[part], states[part], window - 1, before)
        length = float(run.t_s[end] - run.t_s[end - window + 1])
        out.append(certificate_of("grid", float(run.t_s[end]), length, judged, eps, *hashes))
    return out


def _water_certificates(model: Model, run: Run, eps: Perturbation, stride: int) -> list[Certificate]:
    judge = water_judge(model, run.plant, eps)
    ix = judge.features.index
    at = sample_rows(run.t_s, ix.period_s)
    samples = np.vstack(
        [np.full((ix.samples - 1, ix.columns.size), np.nan), run.telemetry[at][:, ix.columns]]
    )
    hashes = model.digest(), run.plant.digest()
    length = (ix.samples - 1) * ix.period_s
    out = []
    for i in range(0, at.size, stride):
        judged = judge.judge(samples[i : i + ix.samples])
        out.append(certificate_of("water", float(run.t_s[at[i]]), length, judged, eps, *hashes))
    return out


def certified_vs_eps(
    model: Model,
    telemetry: NDArray[np.float64],
    plant: PlantModel,
    eps_grid: Sequence[float],
    t_s: NDArray[np.float64] | None = None,
    tampered: NDArray[np.bool_] | None = None,
    domain: Literal["grid", "water"] = "grid",
    stride: int = 1,
) -> list[dict[str, Any]]:
    """Share of windows certified at each eps, for the certified network and its normally trained twin.

    telemetry: (scans, tags) in plant-model order (``DataFrame[tag names].to_numpy()``); t_s: default scans of
    the plant's ``scan_s``; tampered: per scan, splits windows in tampered and clean (windows that hold both
    are left out). One row per network ("certified", "twin") and eps, interval bound: certified_alarm,
    certified_normal, uncertain, plain_alarm as shares of all windows; detection and certified_detection of
    tampered, certified_quiet and false_alarm of clean windows, None where there are none.
    """
    require_fit(model, plant)
    times: Floats = np.arange(telemetry.shape[0], dtype=np.float64) * plant.scan_s if t_s is None else t_s
    check_times("telemetry", times)
    run = Run("telemetry", plant, times, telemetry, {})
    networks = {"certified": model.network(domain)}
    if f"{domain}.w0" in model.twin:
        networks["twin"] = model.network(domain, twin=True)
    rows = []
    sweep = (_grid_sweep if domain == "grid" else _water_sweep)(model, run, tampered, stride)
    for name, network in networks.items():
        for eps in eps_grid:
            bounds, plain, label = sweep(network, Perturbation(float(eps)))
            rows.append({"network": name, "eps": float(eps)} | _shares(bounds, plain, label))
    return rows


def _shares(bounds: Floats, plain: Floats, label: NDArray[np.int64]) -> dict[str, Any]:
    def mean(values: Bools) -> float | None:
        return float(values.mean()) if values.size else None

    alarm, normal = bounds[:, 0] > 0, bounds[:, 1] <= 0
    yes, no = label == 1, label == 0
    return {
        "windows": int(label.size),
        "certified_alarm": mean(alarm),
        "certified_normal": mean(normal),
        "uncertain": mean(~alarm & ~normal),
        "plain_alarm": mean(plain > 0),
        "detection": mean(plain[yes] > 0),
        "certified_detection": mean(alarm[yes]),
        "certified_quiet": mean(normal[no]),
        "false_alarm": mean(plain[no] > 0),
    }


_Sweep = Callable[[Dense, Perturbation], tuple[Floats, Floats, NDArray[np.int64]]]
"""(network, eps) -> bounds (w, 2), logits (w,), labels (w,): 1 tampered, 0 clean, -1 neither."""


def _grid_sweep(model: Model, run: Run, tampered: NDArray[np.bool_] | None, stride: int) -> _Sweep:
    features, calibration = grid_parts(model, run.plant)
    spec, ix = model.spec.members["grid"], features.index
    found = grid_windows(run, ix.columns, ix.status_tag, spec.window, spec.min_scans, stride)
    states = switch_states(run, ix.status_tag)
    label = np.full(found.end.size, -1)
    if tampered is not None:
        label = window_labels(tampered, found.end, spec.window)

    def sweep(network: Dense, eps: Perturbation) -> tuple[Floats, Floats, NDArray[np.int64]]:
        reach = eps.half_widths(ix.names, ix.low, ix.high, ix.protected)
        bounds, plain = np.zeros((found.end.size, 2)), np.zeros(found.end.size)
        poor = np.zeros(found.end.size, dtype=bool)
        for i, closed in enumerate(found.topologies):
            here = found.topology == i
            if here.any():
                rows = features.rows(closed, calibration)
                bounder = Bounder(network, rows.matrix, rows.offset, reach, spec.window)
                bounds[here] = bounder.intervals(found.mean[here], found.size[here])
                plain[here] = bounder.logits(found.mean[here])
                poor[here] = rows.defined.sum() < spec.min_rows * rows.defined.size
        plausible = Plausible.build(ix.low, ix.high, reach)
        far = ((found.mean < plausible.floor) | (found.mean > plausible.roof)).any(axis=1)
        bounds[far | poor] = (-np.inf, np.inf)
        steady = StatusReach.build(ix, eps).steady(states)
        bounds[window_labels(steady, found.end, spec.window) != 1] = (-np.inf, np.inf)
        return bounds, plain, label

    return sweep


def _water_sweep(model: Model, run: Run, tampered: NDArray[np.bool_] | None, stride: int) -> _Sweep:
    ix = WaterFeatures(run.plant).index
    at = sample_rows(run.t_s, ix.period_s)
    samples = run.telemetry[at][:, ix.columns]
    ends = np.arange(ix.samples - 1, at.size, stride)
    windows = np.array([samples[e - ix.samples + 1 : e + 1].reshape(-1) for e in ends])
    windows = windows.reshape(ends.size, ix.samples * ix.columns.size)
    whole = ~np.isnan(windows).any(axis=1)
    windows, ends = windows[whole], ends[whole]
    label = np.full(ends.size, -1)
    if tampered is not None:
        marked = tampered[at]
        label = np.where(marked[ends], 1, np.where(window_labels(marked, ends, ix.samples) == 0, 0, -1))

    def sweep(network: Dense, eps: Perturbation) -> tuple[Floats, Floats, NDArray[np.int64]]:
        bounder = water_judge(model, run.plant, eps, network).bounder(np.zeros(windows.shape[1], dtype=bool))
        assert bounder is not None
        bounds = bounder.intervals(windows)
        plausible = Plausible.build(ix.low, ix.high, eps.half_widths(ix.names, ix.low, ix.high, ix.protected))
        newest = windows.reshape(ends.size, ix.samples, ix.columns.size)[:, -BLOCK:]
        bounds[((newest < plausible.floor) | (newest > plausible.roof)).any(axis=(1, 2))] = (-np.inf, np.inf)
        return bounds, bounder.logits(windows), label

    return sweep
