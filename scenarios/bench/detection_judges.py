"""Detectors of the detection bench: calibrated rows, networks behind them, and rows against thresholds."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.bounds import Bounder, Dense
from detectors.config import MemberConfig
from detectors.features import AffineRows
from detectors.prepare import GridData, chosen_features
from scenarios.bench.detection_world import World

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Judged(NamedTuple):
    """low, high: bounds of the logit; plain: the logit; each (w,)."""

    low: Floats
    high: Floats
    plain: Floats


Judge = Callable[[GridData, float], Judged]
"""(windows, eps) -> what a detector says."""


class Rows:
    """Calibrated rows of one plant, by topology, chosen for one eps."""

    def __init__(self, world: World, config: MemberConfig, eps: float) -> None:
        self.world = world
        whole = msgspec.structs.replace(world.config, grid=config, eps=eps)
        taught = world.taught
        clean = np.ones(len(taught.label), dtype=np.bool_)
        self.features = chosen_features(world.plant, taught, clean, whole)
        self.calibration = self.features.calibrate(
            taught.mean, taught.topology, taught.topologies, taught.run
        )

    def under(self, closed: Bools) -> AffineRows:
        """Rows in one topology."""
        return self.features.rows(closed, self.calibration)

    def reach(self, eps: float) -> Floats:
        """Half width of the box by column, MW."""
        index = self.features.index
        return np.where(index.protected, 0.0, eps * index.width)


def by_topology(data: GridData, judge: Callable[[Bools, NDArray[np.intp]], Floats]) -> Floats:
    """judge(closed, windows) -> (windows, ...) of every topology, put together in order."""
    parts = [
        (here, judge(closed, here))
        for i, closed in enumerate(data.topologies)
        if (here := np.flatnonzero(data.topology == i)).size
    ]
    out = np.zeros((len(data.label), *parts[0][1].shape[1:]))
    for here, found in parts:
        out[here] = found
    return out


def network_judge(rows: Rows, network: Dense, window: int) -> Judge:
    """The deployed bound, intervals met with lines (CROWN-IBP)."""

    def judge(data: GridData, eps: float) -> Judged:
        def one(closed: Bools, here: NDArray[np.intp]) -> Floats:
            made = rows.under(closed)
            bounder = Bounder(network, made.matrix, made.offset, rows.reach(eps), window)
            mean = np.ascontiguousarray(data.mean[here])
            found = bounder.batch(mean, "crown_ibp", np.ascontiguousarray(data.size[here]))[:, 0]
            return np.column_stack([found, bounder.logits(mean)])

        low, high, plain = by_topology(data, one).T
        return Judged(low, high, plain)

    return judge


def linear_judge(rows: Rows, use: slice, normal: float) -> Judge:
    """Rows against thresholds: alarm where a row leaves +-(K + eps L1), K the quantile ``normal`` of what
    clean windows of training show. Exact but for rounding: low is max |z| - K - 2 eps L1 over the rows."""

    def excess(data: GridData, weight: float) -> Floats:
        def one(closed: Bools, here: NDArray[np.intp]) -> Floats:
            made = rows.under(closed)
            length = np.abs(made.matrix[use]) @ rows.reach(1.0)
            value = np.abs(made.features(data.mean[here])[:, use]) - weight * length
            most: Floats = np.where(made.defined[use], value, -np.inf).max(axis=1, initial=-np.inf)
            return most[:, None]

        found: Floats = by_topology(data, one)[:, 0]
        return found

    threshold = float(np.quantile(excess(rows.world.taught, 0.0), normal, method="higher"))

    def judge(data: GridData, eps: float) -> Judged:
        low, high, plain = (excess(data, share * eps) - threshold for share in (2.0, 0.0, 1.0))
        return Judged(low, high, plain)

    return judge
