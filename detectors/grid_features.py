"""Grid member: calibrated residual rows of the protected flows, rebuilt for every received topology.

Two makes: plain and local rows, corrected by total load and their own flow; or local and shift rows,
corrected by all protected flows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.dc import Bools, Floats, GridIndex, Ints
from detectors.features import AffineRows, Calibration, fit, fit_ridge
from detectors.rows import Combination, local_rows, plain_rows
from detectors.shift_rows import under
from streams.errors import BadInput
from streams.plant_model import PlantModel

SIGMA_FLOOR_MW = 0.05
FOLDS = 10
MIN_WINDOWS = 200
"""Fewer clean windows than this in unusual topologies and they share the usual topology's calibration."""


def topology_key(closed: Bools) -> str:
    """Hex name of a switch state, branch order of the plant model."""
    return np.packbits(closed).tobytes().hex()


@dataclass(frozen=True)
class GridCalibration:
    """usual: the commonest topology of training; other: all others pooled. Regressors: total load, then every
    protected flow."""

    usual_closed: Bools
    usual: Calibration
    other: Calibration


class GridFeatures:
    """Row factory of one plant model. ``local``: the least-L1 rows of the all-closed grid (solved if None);
    ``shift``: rows of ``shift_rows`` in place of the plain ones."""

    def __init__(
        self, plant: PlantModel, local: Combination | None = None, shift: Combination | None = None
    ) -> None:
        self.index = GridIndex.build(plant)
        if self.index.protected_branches.size == 0:
            raise BadInput("plant model", "no protected flow", "at least one flow over a protected link")
        n_branch = self.index.flow_column.size
        self.local = local or local_rows(self.index, np.ones(n_branch, dtype=bool))
        if self.local.flow.shape != (self.index.protected_branches.size, n_branch):
            raise BadInput(
                "model rows", self.local.flow.shape, "one local row per protected flow of this plant"
            )
        self.shift = shift
        self.flows_count = self.index.protected_branches.size
        self.rows_count = self.flows_count + (self.flows_count if shift is None else len(shift.defined))
        self._load = np.where(self.index.sign < 0, 1.0, 0.0)
        flows = self.index.flow_column[self.index.protected_branches]
        self._flows, self._own = flows, np.r_[flows, flows]
        self._raw: dict[str, tuple[Floats, Floats, Bools]] = {}

    def raw_rows(self, closed: Bools) -> tuple[Floats, Floats, Bools]:
        """Uncalibrated rows in MW under a topology: matrix (m, n), offset (m,), defined (m,). Cached."""
        key = topology_key(closed)
        if key not in self._raw:
            if len(self._raw) > 256:
                self._raw.clear()
            local = local_rows(self.index, closed, self.local)
            parts = (
                (plain_rows(self.index, closed), local)
                if self.shift is None
                else (local, under(self.index, closed, self.shift))
            )
            self._raw[key] = (
                np.concatenate([p.matrix(self.index) for p in parts]),
                -np.concatenate([p.constant(self.index, closed) for p in parts]),
                np.concatenate([p.defined for p in parts]),
            )
        return self._raw[key]

    def rows(self, closed: Bools, calibration: GridCalibration) -> AffineRows:
        """Calibrated, standardised rows under a topology: the regressors are tags too and so stay in the
        box."""
        matrix, offset, defined = self.raw_rows(closed)
        usual = bool(np.array_equal(closed, calibration.usual_closed))
        c = calibration.usual if usual else calibration.other
        full = matrix - c.coefficients[:, 1:2] * self._load
        full[:, self._flows] -= c.coefficients[:, 2:]
        full /= c.sigma[:, None]
        shifted = (offset - c.coefficients[:, 0]) / c.sigma
        return AffineRows(full * defined[:, None], shifted * defined, defined)

    def calibrate(
        self, reduced: Floats, topology: Floats, topologies: list[Bools], run: Ints | None = None
    ) -> GridCalibration:
        """Fit on clean windows. reduced: (w, n) means; topology: (w,) index into ``topologies``; run: (w,)
        where a window comes from, default all from one."""
        residual = np.zeros((reduced.shape[0], self.rows_count))
        present = np.zeros(residual.shape, dtype=bool)
        for i, closed in enumerate(topologies):
            here = topology == i
            matrix, offset, defined = self.raw_rows(closed)
            residual[here] = reduced[here] @ matrix.T + offset
            present[here] = defined
        common = int(np.argmax(np.bincount(topology.astype(int), minlength=len(topologies))))
        usual = topology == common
        if self.shift is None:
            first, other = self._by_own_flow(reduced, residual, present, usual, topology)
        else:
            where = np.zeros(topology.size, dtype=np.int64) if run is None else run
            first, other = self._by_all_flows(reduced, residual, present, usual, topology, where)
        return GridCalibration(topologies[common], first, other)

    def _by_own_flow(
        self, reduced: Floats, residual: Floats, present: Bools, usual: Bools, topology: Floats
    ) -> tuple[Calibration, Calibration]:
        load = np.repeat((reduced @ self._load)[:, None], self.rows_count, axis=1)
        own = reduced[:, self._own]
        floor = np.full(self.rows_count, SIGMA_FLOOR_MW)
        first = fit(residual[usual], [load[usual], own[usual]], present[usual], floor)
        other = first
        if int((~usual).sum()) >= MIN_WINDOWS:
            rare = ~usual
            other = fit(residual[rare], [load[rare], own[rare]], present[rare], first.sigma)
            unseen = _unseen_sigma(residual[rare], [load[rare], own[rare]], present[rare], topology[rare])
            other = Calibration(other.coefficients, np.maximum(other.sigma, unseen))
        return self.on_all_flows(first), self.on_all_flows(other)

    def on_all_flows(self, own: Calibration) -> Calibration:
        """Coefficients on constant, total load and own flow, (m, 3), as such on every protected flow."""
        wide = np.zeros((own.coefficients.shape[0], 2 + self.flows_count))
        wide[:, :2] = own.coefficients[:, :2]
        rows = np.arange(wide.shape[0])
        wide[rows, 2 + rows % self.flows_count] = own.coefficients[:, 2]
        return Calibration(wide, own.sigma)

    def _by_all_flows(
        self, reduced: Floats, residual: Floats, present: Bools, usual: Bools, topology: Floats, run: Ints
    ) -> tuple[Calibration, Calibration]:
        """Protected flows cannot be moved: a row may be corrected by all of them and gets no longer."""
        flows, floor = reduced[:, self._flows], np.full(self.rows_count, SIGMA_FLOOR_MW)
        first = fit_ridge(residual[usual], flows[usual], present[usual], floor)
        unseen = _unseen_ridge_sigma(residual[usual], flows[usual], present[usual], run[usual])
        first = Calibration(first.coefficients, np.maximum(first.sigma, unseen))
        rare, other = ~usual, first
        if int(rare.sum()) >= MIN_WINDOWS:
            other = fit_ridge(residual[rare], flows[rare], present[rare], first.sigma)
            unseen = _unseen_ridge_sigma(residual[rare], flows[rare], present[rare], topology[rare])
            # A shift row is the same in all topologies in which it is read, and so is its calibration.
            same = np.arange(self.rows_count) >= self.flows_count
            off = residual[rare] - first.coefficients[:, 0] - flows[rare] @ first.coefficients[:, 1:].T
            seen = np.sqrt((off**2 * present[rare]).sum(axis=0) / np.maximum(present[rare].sum(axis=0), 1))
            other = Calibration(
                np.where(same[:, None], first.coefficients, other.coefficients),
                np.maximum(other.sigma, np.where(same, np.maximum(first.sigma, seen), unseen)),
            )

        def with_load(c: Calibration) -> Calibration:
            return Calibration(np.insert(c.coefficients, 1, 0.0, axis=1), c.sigma)

        return with_load(first), with_load(other)


def _unseen_ridge_sigma(residual: Floats, flows: Floats, present: Bools, group: Floats | Ints) -> Floats:
    """As ``_unseen_sigma``, of ``fit_ridge``: root mean square in groups of windows left out of the fit."""
    total, count = np.zeros(residual.shape[1]), np.zeros(residual.shape[1])
    for out in _folds(group):
        known = fit_ridge(residual[~out], flows[~out], present[~out], np.zeros(residual.shape[1]))
        off = residual[out] - known.coefficients[:, 0] - flows[out] @ known.coefficients[:, 1:].T
        total += (off**2 * present[out]).sum(axis=0)
        count += present[out].sum(axis=0)
    return np.sqrt(total / np.maximum(count, 1))


def _folds(group: Floats | Ints) -> list[Bools]:
    """Windows of each part that is left out in turn; none where there is one group only."""
    numbers = np.unique(group)
    parts = min(FOLDS, numbers.size)
    fold = np.searchsorted(numbers, group) % max(parts, 1)
    return [fold == part for part in range(parts)] if parts >= 2 else []


def _unseen_sigma(residual: Floats, regressors: list[Floats], present: Bools, topology: Floats) -> Floats:
    """Root mean square of each row in topologies its calibration has not seen, shape (m,), by
    cross-validation.

    An outage shifts rows as a whole; scatter within known outages would call the next one an attack.
    """
    total, count = np.zeros(residual.shape[1]), np.zeros(residual.shape[1])
    for out in _folds(topology):
        known = fit(residual[~out], [x[~out] for x in regressors], present[~out], np.zeros(residual.shape[1]))
        expected = known.coefficients[:, 0] + sum(
            known.coefficients[:, i + 1] * x[out] for i, x in enumerate(regressors)
        )
        total += (((residual[out] - expected) * present[out]) ** 2).sum(axis=0)
        count += present[out].sum(axis=0)
    return np.sqrt(total / np.maximum(count, 1))
