"""From one received window to a three-valued judgement, for the grid and for water.

Only what was received is read. A scan with a missing value or another topology than the newest is left out; a
tag missing in most scans is free over its whole published range, and rows it could move by more than one
sigma are not read at all. Nothing is filled in.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from detectors.bounds import Bounder, Dense
from detectors.bounds.interval import Range
from detectors.bounds.kernels import mean_scans
from detectors.features import AffineRows, Calibration, keep_rows
from detectors.grid_features import GridCalibration, GridFeatures, topology_key
from detectors.perturbation import Perturbation
from detectors.water_features import WaterFeatures
from streams.messages import VerdictValue

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

PLANS_KEPT = 64


class Judgement(NamedTuple):
    """value: verdict; score: logit at the received window (0 where none); low, high: certified range of it.

    margin: distance of the deciding bound from 0, None if uncertain; method: "interval", "linear" or
    "none: why"; topology: hex switch state; free_tags: tags that were missing and range freely in the box.
    """

    value: VerdictValue
    score: float
    low: float
    high: float
    margin: float | None
    method: str
    topology: str
    free_tags: tuple[str, ...]

    @property
    def alarm(self) -> bool:
        """Plain decision, uncertified."""
        return self.score > 0.0


def unknown(why: str, topology: str = "") -> Judgement:
    """No window to judge: uncertain, no score."""
    return Judgement("uncertain", 0.0, -np.inf, np.inf, None, f"none: {why}", topology, ())


def decide(bounder: Bounder, centre: Floats, size: Floats, topology: str, free: tuple[str, ...]) -> Judgement:
    """Interval bound first, the linear bound where that leaves the sign open."""
    found, method = bounder.interval(centre, size), "interval"
    if found.low <= 0.0 < found.high:
        found, method = bounder.linear(centre, size), "linear"
    score = bounder.logit(centre)
    return settle(found, score, method, topology, free)


def settle(found: Range, score: float, method: str, topology: str, free: tuple[str, ...]) -> Judgement:
    """The verdict a bound allows: alarm is logit > 0."""
    if found.low > 0.0:
        return Judgement("certified_alarm", score, found.low, found.high, found.low, method, topology, free)
    if found.high <= 0.0:
        return Judgement(
            "certified_normal", score, found.low, found.high, -found.high, method, topology, free
        )
    plain = score if np.isfinite(score) else 0.0
    return Judgement("uncertain", plain, found.low, found.high, None, method, topology, free)


class _Plan(NamedTuple):
    bounder: Bounder | None
    free: tuple[str, ...]


class GridJudge:
    """Judges grid windows for one network, calibration and perturbation."""

    def __init__(
        self,
        features: GridFeatures,
        network: Dense,
        calibration: GridCalibration,
        eps: Perturbation,
        window: int,
        min_scans: int,
        min_rows: float,
    ) -> None:
        self.features, self.network, self.calibration = features, network, calibration
        self.window, self.min_scans, self.min_rows = window, min_scans, min_rows
        ix = features.index
        self.eps = eps
        self.reach = eps.half_widths(ix.names, ix.low, ix.high, ix.protected)
        self._plans: OrderedDict[tuple[str, bytes], _Plan] = OrderedDict()
        self._none_missing = np.zeros(ix.columns.size, dtype=bool)
        self._fast: tuple[Floats, str, Bounder] | None = None
        self._centre, self._size = np.empty(ix.columns.size), np.empty(ix.columns.size)

    def plan(self, closed: Bools, missing: Bools) -> _Plan:
        """Composed network of one topology and one set of missing tags; bounder None: too few rows left."""
        key = (topology_key(closed), np.packbits(missing).tobytes())
        if key in self._plans:
            self._plans.move_to_end(key)
            return self._plans[key]
        ix = self.features.index
        rows = self.features.rows(closed, self.calibration)
        kept = rows.masked(keep_rows(rows, missing, ix.width))
        reach = np.where(missing, ix.width / 2, self.reach)
        enough = kept.defined.sum() >= self.min_rows * rows.defined.size
        bounder = Bounder(self.network, kept.matrix, kept.offset, reach, self.window) if enough else None
        made = _Plan(bounder, tuple(n for n, m in zip(ix.names, missing, strict=True) if m))
        self._plans[key] = made
        if len(self._plans) > PLANS_KEPT:
            self._plans.popitem(last=False)
        return made

    def judge(self, values: Floats, statuses: Floats, newest: int) -> Judgement:
        """values: (scans, columns) MW, NaN missing; statuses: (scans, branches), 1 closed, NaN missing.

        Any order of scans; ``newest`` is the row of the latest. Branches without a status tag read 1.
        """
        if self._fast is not None and values.shape[0] == self.window:
            closed, key, bounder = self._fast
            if mean_scans(values, statuses, closed, self._centre, self._size) == 0:
                return decide(bounder, self._centre, self._size, key, ())
        return self._judge_slowly(values, statuses, newest)

    def _judge_slowly(self, values: Floats, statuses: Floats, newest: int) -> Judgement:
        latest = statuses[newest]
        if np.isnan(latest).any():
            return unknown("switch status missing")
        closed = latest > 0.5
        key = topology_key(closed)
        agree = (~np.isnan(statuses)).all(axis=1) & ((statuses > 0.5) == closed).all(axis=1)
        if int(agree.sum()) < self.min_scans:
            return unknown("too few scans of this topology", key)
        lost = np.isnan(values)
        missing = lost[agree].sum(axis=0) * 2 > int(agree.sum())
        use = agree & ~lost[:, ~missing].any(axis=1)
        if int(use.sum()) < self.min_scans:
            return unknown("too few complete scans", key)
        bounder, free = self.plan(closed, missing)
        if bounder is None:
            return unknown("too few readable rows", key)
        centre, size = reduce_scans(values[use], missing, self.features.index.low, self.features.index.high)
        if not missing.any():
            self._fast = (closed.astype(np.float64), key, bounder)
        return decide(bounder, centre, size, key, free)


def reduce_scans(used: Floats, missing: Bools, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Mean and mean magnitude of the used scans; a missing tag sits in the middle of its range."""
    middle, extent = (low + high) / 2, np.maximum(np.abs(low), np.abs(high))
    whole = np.where(missing, middle, used)
    weight = 1.0 / used.shape[0]
    return (whole * weight).sum(axis=0), np.where(missing, extent, (np.abs(whole) * weight).sum(axis=0))


class WaterJudge:
    """Judges water windows; every raw sample of the window keeps its own half width."""

    def __init__(
        self,
        features: WaterFeatures,
        network: Dense,
        calibration: Calibration,
        eps: Perturbation,
        min_rows: float,
    ) -> None:
        self.features, self.network, self.min_rows, self.eps = features, network, min_rows, eps
        ix = features.index
        self.rows: AffineRows = features.rows(calibration)
        self.reach = eps.half_widths(ix.names, ix.low, ix.high, ix.protected)
        self._low, self._high = np.tile(ix.low, ix.samples), np.tile(ix.high, ix.samples)
        self._whole_reach = np.tile(self.reach, ix.samples)
        self._plans: OrderedDict[bytes, Bounder | None] = OrderedDict()

    def bounder(self, missing: Bools) -> Bounder | None:
        """Composed network for one pattern of missing samples (samples * columns,); None: too few rows."""
        key = np.packbits(missing).tobytes()
        if key not in self._plans:
            width = self._high - self._low
            kept = self.rows.masked(keep_rows(self.rows, missing, width))
            reach = np.where(missing, width / 2, self._whole_reach)
            enough = kept.defined.sum() >= self.min_rows * kept.defined.size
            self._plans[key] = Bounder(self.network, kept.matrix, kept.offset, reach, 1) if enough else None
            if len(self._plans) > PLANS_KEPT:
                self._plans.popitem(last=False)
        return self._plans[key]

    def judge(self, window: Floats) -> Judgement:
        """window: (samples, columns), oldest first, NaN missing or not yet received."""
        flat = window.reshape(-1)
        missing = np.isnan(flat)
        bounder = self.bounder(missing)
        if bounder is None:
            return unknown("too few readable rows")
        centre = np.where(missing, (self._low + self._high) / 2, flat)
        size = np.where(missing, np.maximum(np.abs(self._low), np.abs(self._high)), np.abs(centre))
        names = self.features.index.names
        lost = np.asarray(missing.reshape(window.shape).any(axis=0))
        return decide(bounder, centre, size, "", tuple(n for n, m in zip(names, lost, strict=True) if m))


class Judge(Protocol):
    """Either judge, as far as reports need it."""

    eps: Perturbation
    network: Dense
