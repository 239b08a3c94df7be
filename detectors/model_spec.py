"""What ``model.json`` says, and what a model's parts must be without knowing the plant."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.perturbation import FLIP
from detectors.water_features import LAGS_MIN
from streams.errors import BadInput

Floats = NDArray[np.float64]

LONGEST_WINDOW = 10_000


class TagSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tag that a member reads, as it was in training."""

    name: str
    low: float
    high: float
    protected: bool
    period_s: float


class MemberSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One member. window: scans; min_scans, min_rows: as in ``TrainConfig``; layers: sizes, input first."""

    tags: tuple[TagSpec, ...]
    window: int
    min_scans: int
    min_rows: float
    layers: tuple[int, ...]
    figures: dict[str, float]


class ModelSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``model.json``. eps: certified share of range it was trained for; provenance: config, data,
    versions."""

    schema: int
    eps: float
    plant_model: str
    branches: tuple[str, ...]
    members: dict[str, MemberSpec]
    provenance: dict[str, Any]


def check_spec(file: Path, spec: ModelSpec) -> None:
    """Ranges that types cannot say. Raises BadInput naming file and field."""

    def need(field: str, value: object, allowed: str, good: bool) -> None:
        if not good:
            raise BadInput(f"{file}: {field}", value, allowed)

    need("eps", spec.eps, f"above 0, below {FLIP:g}", 0.0 < spec.eps < FLIP)
    for domain, member in spec.members.items():
        name = f"members.{domain}"
        need(f"{name}.tags", "empty", "the tags that the member reads", bool(member.tags))
        for tag in member.tags:
            good = math.isfinite(tag.low) and math.isfinite(tag.high) and tag.low < tag.high
            need(f"{name}.tags, {tag.name}", (tag.low, tag.high), "a finite range, low below high", good)
        window, least = member.window, member.min_scans
        need(f"{name}.window", window, f"1 to {LONGEST_WINDOW}", 1 <= window <= LONGEST_WINDOW)
        need(f"{name}.min_scans", least, f"1 to window ({window})", 1 <= least <= window)
        need(f"{name}.min_rows", member.min_rows, "above 0, at most 1", 0.0 < member.min_rows <= 1.0)
        layers = member.layers
        good = len(layers) >= 3 and all(n >= 1 for n in layers) and layers[-1] == 1
        need(f"{name}.layers", layers, "three or more positive sizes, the last 1", good)


def _columns(arrays: Mapping[str, Floats], name: str, flows: int) -> tuple[int]:
    """Own flow alone, or every protected flow, beside constant and total load."""
    three = name in arrays and arrays[name].ndim == 2 and arrays[name].shape[1] == 3
    return (3 if three else 2 + flows,)


def check_arrays(file: Path, spec: ModelSpec, arrays: Mapping[str, Floats]) -> None:
    """Shapes and signs of everything in weights.npz but the networks. Raises BadInput with the file and
    the array."""

    def need(name: str, *shape: int | None, positive: bool = False) -> tuple[int, ...]:
        if name not in arrays:
            raise BadInput(str(file), f"no array {name}", "every array of a model")
        found = arrays[name]
        right = len(shape) == found.ndim and all(
            s is None or s == f for s, f in zip(shape, found.shape, strict=True)
        )
        if not right:
            wanted = ", ".join("any" if s is None else str(s) for s in shape)
            raise BadInput(f"{file}: {name}", found.shape, f"the shape ({wanted})")
        if positive and not (found > 0).all():
            raise BadInput(f"{file}: {name}", float(found.min()), "numbers above 0")
        return found.shape

    if "grid" in spec.members:
        inputs, branches = spec.members["grid"].layers[0], len(spec.branches)
        flows = need("grid.local.defined", None)[0]
        shifts = need("grid.shift.flow", None, branches)[0] if "grid.shift.flow" in arrays else flows
        rows, levels = flows + shifts, int("grid.level" in arrays)
        if rows + levels != inputs:
            allowed = f"one for each of the network's {inputs} inputs"
            raise BadInput(f"{file}: grid.local.defined", f"{rows} rows and {levels} level", allowed)
        if levels:
            need("grid.level", 1 + flows)
        need("grid.local.flow", flows, branches)
        buses = need("grid.local.bus", flows, None)[1]
        if "grid.shift.flow" in arrays:
            need("grid.shift.bus", shifts, buses)
        need("grid.usual.closed", branches)
        if "grid.known.closed" in arrays:
            known = need("grid.known.closed", None, branches)[0]
            need("grid.known.shift", known, rows)
            need("grid.known.sigma", rows, positive=True)
        for name in ("grid.usual", "grid.other"):
            need(f"{name}.coefficients", rows, *_columns(arrays, f"{name}.coefficients", flows))
            need(f"{name}.sigma", rows, positive=True)
        buses = need("monitor.grid.mean", None)[0]
        need("monitor.grid.slope", buses)
        need("monitor.grid.sigma", buses, positive=True)
        need("monitor.grid.limits", 2, positive=True)
    if "water" in spec.members:
        rows, tanks = spec.members["water"].layers[0], len(spec.members["water"].tags) // 2
        if rows != tanks * len(LAGS_MIN):
            allowed = f"{len(LAGS_MIN)} inputs for each of {tanks} tanks"
            raise BadInput(f"{file}: water network", f"{rows} inputs", allowed)
        need("water.coefficients", rows, 2)
        need("water.sigma", rows, positive=True)
        need("monitor.water.drift", tanks)
        if "monitor.water.scale" in arrays:
            need("monitor.water.scale", tanks)
        for name in ("sigma", "limit"):
            need(f"monitor.water.{name}", tanks, positive=True)
