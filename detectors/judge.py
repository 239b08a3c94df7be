"""From one received window to a three-valued judgement, for the grid and for water.

A certificate rests only on what was received. A scan with a missing value or another topology than the
newest is left out; a tag missing in most scans is free over its whole published range, and rows it could move
by more than one sigma are not read at all; a switch status missing in the newest scan may be either. Where
that allows no certificate, the plain decision still speaks: it holds the last readable state of a switch,
averages what scans there are and bridges short gaps.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from detectors.bounds import Bounder, Dense
from detectors.bounds.scan_kernels import mean_scans
from detectors.bridge import bridge
from detectors.features import AffineRows, Calibration, keep_rows
from detectors.grid_calibration import GridCalibration, topology_key
from detectors.grid_features import GridFeatures
from detectors.judgement import OVERFLOWN, Judgement, Plausible, decide, finite, jointly, unknown
from detectors.perturbation import Perturbation
from detectors.statuses import StatusReach, hold_states, read_states
from detectors.water_features import BLOCK, WaterFeatures

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

PLANS_KEPT = 64
FREE_STATUSES = 2
"""Most missing switch statuses with which a certificate is tried, for every combination of their states."""


class _Plan(NamedTuple):
    """bounder: None where no row is left; enough: whether the rows left suffice for a certificate."""

    bounder: Bounder | None
    enough: bool
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
        self.status_reach = StatusReach.build(ix, eps)
        self.plausible = Plausible.build(ix.low, ix.high, self.reach)
        self._plans: OrderedDict[tuple[str, bytes], _Plan] = OrderedDict()
        self._fast: tuple[Floats, Floats, str, Bounder] | None = None
        self._centre, self._size = np.empty(ix.columns.size), np.empty(ix.columns.size)

    def plan(self, closed: Bools, missing: Bools) -> _Plan:
        """Composed network of one topology and one set of missing tags."""
        key = (topology_key(closed), np.packbits(missing).tobytes())
        if key in self._plans:
            self._plans.move_to_end(key)
            return self._plans[key]
        ix = self.features.index
        rows = self.features.rows(closed, self.calibration)
        kept = rows.masked(keep_rows(rows, missing, ix.width))
        reach = np.where(missing, ix.width / 2, self.reach)
        enough = bool(kept.defined.sum() >= self.min_rows * rows.defined.size)
        some = bool(kept.defined.any())
        bounder = Bounder(self.network, kept.matrix, kept.offset, reach, self.window) if some else None
        made = _Plan(bounder, enough and some, tuple(n for n, m in zip(ix.names, missing, strict=True) if m))
        self._plans[key] = made
        if len(self._plans) > PLANS_KEPT:
            self._plans.popitem(last=False)
        return made

    def judge(self, values: Floats, statuses: Floats, newest: int, before: Bools | None = None) -> Judgement:
        """values: (scans, columns) MW, NaN missing; statuses: (scans, branches) as received, NaN missing.

        Scans in cyclic order of time, ``newest`` the row of the latest. Branches without a status tag read 1.
        before: (branches,), last readable states before this window, for plain decisions only; default the
        usual topology.
        """
        if self._fast is not None and values.shape[0] == self.window:
            lowest, highest, key, bounder = self._fast
            floor, roof, centre, size = self.plausible.floor, self.plausible.roof, self._centre, self._size
            if mean_scans(values, statuses, newest, lowest, highest, floor, roof, centre, size) == 0:
                return decide(bounder, centre, size, key, ())
        with np.errstate(all="ignore"):
            return self._judge_slowly(values, statuses, newest, before)

    def _judge_slowly(
        self, values: Floats, statuses: Floats, newest: int, before: Bools | None = None
    ) -> Judgement:
        order = (newest + 1 + np.arange(values.shape[0])) % values.shape[0]
        values, statuses = values[order], statuses[order]
        read = read_states(statuses)
        held = hold_states(read, self.calibration.usual_closed if before is None else before)
        lost = np.isnan(read[-1])
        judged = self._either(values, read, held, lost)
        if judged.margin is None or self.status_reach.steady(statuses).all():
            return judged
        return judged.uncertified("a switch status within eps of another state")

    def _either(self, values: Floats, read: Floats, held: Bools, lost: Bools) -> Judgement:
        """The judgement that holds whatever the states of the switches in ``lost``, (branches,)."""
        closed, count = held[-1], int(lost.sum())
        why = "switch status missing" if count == 1 else f"{count} switch statuses missing"
        if count > FREE_STATUSES:
            return self._plain(values, held, why)
        own = self._bounded(values, read, closed, lost)
        if isinstance(own, str):
            return self._plain(values, held, why if count else own)
        if not count:
            return own
        names = tuple(n for n, m in zip(self.features.index.status_names, lost, strict=True) if m)
        own = own._replace(free_tags=own.free_tags + names)
        others: list[Judgement] = []
        for flip in itertools.islice(itertools.product((False, True), repeat=count), 1, None):
            if own.margin is None or (others and others[-1].value != own.value):
                break
            other = closed.copy()
            other[lost] ^= np.array(flip)
            found = self._bounded(values, read, other, lost)
            others.append(unknown(found) if isinstance(found, str) else found)
        return jointly(own, others, why)

    def _bounded(self, values: Floats, read: Floats, closed: Bools, lost: Bools) -> Judgement | str:
        """Judgement of the scans in this topology, or why there is none. Scans oldest first."""
        agree = ((read == closed) | (lost & np.isnan(read))).all(axis=1)
        if int(agree.sum()) < self.min_scans:
            return "too few scans of this topology"
        gone = np.isnan(values)
        missing = gone[agree].sum(axis=0) * 2 > int(agree.sum())
        use = agree & ~gone[:, ~missing].any(axis=1)
        if int(use.sum()) < self.min_scans:
            return "too few complete scans"
        plan = self.plan(closed, missing)
        if plan.bounder is None or not plan.enough:
            return "too few readable rows"
        ix, key = self.features.index, topology_key(closed)
        centre, size = reduce_scans(values[use], missing, ix.low, ix.high)
        if not missing.any():
            self._fast = (*self.status_reach.band(closed), key, plan.bounder)
        return self.plausible.heed(decide(plan.bounder, centre, size, key, plan.free), centre)

    def _plain(self, values: Floats, held: Bools, why: str) -> Judgement:
        """Plain decision alone: switches in the state they were last seen in, means of what scans there are.

        Too few rows can say alarm; their silence says nothing.
        """
        closed = held[-1]
        key = topology_key(closed)
        agree = (held == closed).all(axis=1)
        if int(agree.sum()) < self.min_scans:
            return unknown("too few scans of this topology", key)
        ix, there = self.features.index, ~np.isnan(values[agree])
        count = there.sum(axis=0)
        plan = self.plan(closed, count == 0)
        if plan.bounder is None:
            return unknown(why, key)
        mean = np.where(there, values[agree] / np.maximum(count, 1), 0.0).sum(axis=0)
        mean = np.where(count == 0, (ix.low + ix.high) / 2, mean)
        score = finite(plan.bounder.logit(mean)) if self.plausible.holds(mean) else OVERFLOWN
        if score <= 0.0 and not plan.enough:
            return unknown(why, key)
        return Judgement("uncertain", score, -np.inf, np.inf, None, "", key, plan.free).uncertified(why)


def reduce_scans(used: Floats, missing: Bools, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Mean and mean magnitude of the used scans; a missing tag sits in the middle of its range."""
    middle, extent = (low + high) / 2, np.maximum(np.abs(low), np.abs(high))
    whole = np.where(missing, middle, used)
    weight = 1.0 / used.shape[0]
    return (whole * weight).sum(axis=0), np.where(missing, extent, (np.abs(whole) * weight).sum(axis=0))


class _WaterPlan(NamedTuple):
    """sure: reads no gap, None where its rows do not suffice; plain: reads short gaps bridged, None where no
    row is left; enough: whether the rows of ``plain`` suffice. One object where nothing is bridged."""

    sure: Bounder | None
    plain: Bounder | None
    enough: bool


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
        self.plausible = Plausible.build(ix.low, ix.high, self.reach)
        self._low, self._high = np.tile(ix.low, ix.samples), np.tile(ix.high, ix.samples)
        self._whole_reach = np.tile(self.reach, ix.samples)
        self._plans: OrderedDict[bytes, _WaterPlan] = OrderedDict()

    def bounder(self, missing: Bools) -> Bounder | None:
        """Composed network for one pattern of missing samples (samples * columns,); None: too few rows."""
        return self._plan(missing).sure

    def _plan(self, missing: Bools) -> _WaterPlan:
        key = np.packbits(missing).tobytes()
        if key not in self._plans:
            sure, enough = self._compose(self.rows, missing)
            over, left = bridge(self.features.index, self.rows.matrix, missing)
            plain, wide = sure, enough
            if not np.array_equal(left, missing):
                plain, wide = self._compose(AffineRows(over, self.rows.offset, self.rows.defined), left)
            self._plans[key] = _WaterPlan(sure if enough else None, plain, wide)
            if len(self._plans) > PLANS_KEPT:
                self._plans.popitem(last=False)
        return self._plans[key]

    def _compose(self, rows: AffineRows, missing: Bools) -> tuple[Bounder | None, bool]:
        """Network behind the rows that stay readable, and whether they suffice for a certificate."""
        width = self._high - self._low
        kept = rows.masked(keep_rows(rows, missing, width))
        if not kept.defined.any():
            return None, False
        reach = np.where(missing, width / 2, self._whole_reach)
        enough = bool(kept.defined.sum() >= self.min_rows * kept.defined.size)
        return Bounder(self.network, kept.matrix, kept.offset, reach, 1), enough

    def judge(self, window: Floats) -> Judgement:
        """window: (samples, columns), oldest first, NaN missing or not yet received."""
        flat = window.reshape(-1)
        missing = np.isnan(flat)
        plan, why = self._plan(missing), "too few readable rows"
        if plan.plain is None:
            return unknown(why)
        centre = np.where(missing, (self._low + self._high) / 2, flat)
        size = np.where(missing, np.maximum(np.abs(self._low), np.abs(self._high)), np.abs(centre))
        names = self.features.index.names
        lost = np.asarray(missing.reshape(window.shape).any(axis=0))
        free = tuple(n for n, m in zip(names, lost, strict=True) if m)
        with np.errstate(all="ignore"):
            own = decide(plan.plain, centre, size, "", free)
            for sample in centre.reshape(window.shape)[-BLOCK:]:
                own = self.plausible.heed(own, sample)
            if plan.sure is None:
                return own.uncertified(why) if plan.enough or own.alarm else unknown(why)
            others = [] if plan.sure is plan.plain else [decide(plan.sure, centre, size, "", free)]
        return jointly(own, others, "samples missing") if others else own


class Judge(Protocol):
    """Either judge, as far as reports need it."""

    eps: Perturbation
    network: Dense
