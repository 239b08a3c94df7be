"""Certified share against eps for the windows of a run: the model and its normally trained twin."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from detectors.certificate import certified_vs_eps
from detectors.model import Model, load_model
from scenarios.run_folder import EPS_CURVES, write_document
from streams.plant_model import PlantModel

EPS_GRID = (0.0, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05)
WINDOWS = 400
"""Windows looked at per arm and domain: enough for a share, little enough to take seconds."""

NAMES = {"certified": "model", "twin": "normally trained twin"}
Domain = Literal["grid", "water"]
DOMAINS: tuple[Domain, ...] = ("grid", "water")


def write_eps_curves(folder: Path, plant_model: PlantModel, model_folder: Path) -> None:
    """Sweep eps over the recorded windows of the arms with detectors and keep the shares in the run folder.

    Quiet windows come from the arm without attack, tampered ones from the attacked arm. Nothing is written
    where neither is there.
    """
    arms = {name: folder / name for name in ("nuisance", "defended") if (folder / name).is_dir()}
    if not arms:
        return
    model = load_model(model_folder)
    curves = [
        curve
        for domain in DOMAINS
        if domain in model.spec.members
        for curve in _curves(arms, plant_model, model, domain)
    ]
    content = {"certified_eps": model.spec.eps, "windows_per_arm": WINDOWS, "curves": curves}
    write_document(folder / EPS_CURVES, content)


def _curves(
    arms: dict[str, Path], plant_model: PlantModel, model: Model, domain: Domain
) -> list[dict[str, Any]]:
    """One curve per network of one domain."""
    rows = {name: _sweep(arm, plant_model, model, domain) for name, arm in arms.items()}
    quiet, tampered = rows.get("nuisance", rows.get("defended", [])), rows.get("defended", [])
    curves = []
    for network in dict.fromkeys(row["network"] for row in quiet):
        attacked = [row for row in tampered if row["network"] == network]
        curves.append(
            {
                "name": NAMES[network],
                "domain": domain,
                "eps": list(EPS_GRID),
                "certified_normal_share": [r["certified_quiet"] for r in quiet if r["network"] == network],
                "certified_detection_share": [r["certified_detection"] for r in attacked] or None,
                "detection_share": [r["detection"] for r in attacked] or None,
                "false_alarm_share": [r["false_alarm"] for r in quiet if r["network"] == network],
            }
        )
    return curves


def _sweep(arm: Path, plant_model: PlantModel, model: Model, domain: Domain) -> list[dict[str, Any]]:
    names = [tag.name for tag in plant_model.tags]
    received = _values(arm / "telemetry.parquet", names)
    t_s = _values(arm / "telemetry.parquet", ["t_s"])[:, 0]
    moved = _moved(_values(arm / "measured.parquet", names), received)
    water = {tank.level_tag for tank in plant_model.tanks}
    columns = [i for i, name in enumerate(names) if (name in water) == (domain == "water")]
    period_s = plant_model.scan_s if domain == "grid" else max(tag.period_s for tag in plant_model.tags)
    stride = max(1, int((t_s[-1] - t_s[0]) / period_s / WINDOWS)) if len(t_s) > 1 else 1
    tampered: NDArray[np.bool_] = np.any(moved[:, columns], axis=1)
    return certified_vs_eps(model, received, plant_model, EPS_GRID, t_s, tampered, domain, stride)


def _values(path: Path, names: list[str]) -> NDArray[np.float64]:
    """(scans, names) of a value table."""
    table = pq.read_table(path, columns=names)
    return np.column_stack([table.column(name).to_numpy() for name in names])


def _moved(measured: NDArray[np.float64], received: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where a received value is not the measured one."""
    moved: NDArray[np.bool_] = (measured != received) & ~(np.isnan(measured) & np.isnan(received))
    return moved
