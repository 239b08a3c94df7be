"""Grid member: calibrated residual rows of the protected flows, rebuilt for every received topology."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.dc import Bools, Floats, GridIndex
from detectors.features import AffineRows, Calibration, fit
from detectors.rows import Combination, local_rows, plain_rows
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
    """usual: the commonest topology of training; other: all others pooled. Regressors: total load, own
    flow."""

    usual_closed: Bools
    usual: Calibration
    other: Calibration


class GridFeatures:
    """Row factory of one plant model. ``local``: the least-L1 rows of the all-closed grid (solved if
    None)."""

    def __init__(self, plant: PlantModel, local: Combination | None = None) -> None:
        self.index = GridIndex.build(plant)
        if self.index.protected_branches.size == 0:
            raise BadInput("plant model", "no protected flow", "at least one flow over a protected link")
        n_branch = self.index.flow_column.size
        self.local = local or local_rows(self.index, np.ones(n_branch, dtype=bool))
        if self.local.flow.shape != (self.index.protected_branches.size, n_branch):
            raise BadInput(
                "model rows", self.local.flow.shape, "one local row per protected flow of this plant"
            )
        self.rows_count = 2 * self.index.protected_branches.size
        self._load = np.where(self.index.sign < 0, 1.0, 0.0)
        flows = self.index.flow_column[self.index.protected_branches]
        self._own = np.r_[flows, flows]
        self._raw: dict[str, tuple[Floats, Floats, Bools]] = {}

    def raw_rows(self, closed: Bools) -> tuple[Floats, Floats, Bools]:
        """Uncalibrated rows in MW under a topology: matrix (m, n), offset (m,), defined (m,). Cached."""
        key = topology_key(closed)
        if key not in self._raw:
            if len(self._raw) > 256:
                self._raw.clear()
            parts = (plain_rows(self.index, closed), local_rows(self.index, closed, self.local))
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
        full[np.arange(full.shape[0]), self._own] -= c.coefficients[:, 2]
        full /= c.sigma[:, None]
        shifted = (offset - c.coefficients[:, 0]) / c.sigma
        return AffineRows(full * defined[:, None], shifted * defined, defined)

    def calibrate(self, reduced: Floats, topology: Floats, topologies: list[Bools]) -> GridCalibration:
        """Fit on clean windows. reduced: (w, n) means; topology: (w,) index into ``topologies``."""
        residual = np.zeros((reduced.shape[0], self.rows_count))
        present = np.zeros(residual.shape, dtype=bool)
        for i, closed in enumerate(topologies):
            here = topology == i
            matrix, offset, defined = self.raw_rows(closed)
            residual[here] = reduced[here] @ matrix.T + offset
            present[here] = defined
        load = np.repeat((reduced @ self._load)[:, None], self.rows_count, axis=1)
        own = reduced[:, self._own]
        common = int(np.argmax(np.bincount(topology.astype(int), minlength=len(topologies))))
        floor = np.full(self.rows_count, SIGMA_FLOOR_MW)
        usual = topology == common
        first = fit(residual[usual], [load[usual], own[usual]], present[usual], floor)
        other = first
        if int((~usual).sum()) >= MIN_WINDOWS:
            rare = ~usual
            other = fit(residual[rare], [load[rare], own[rare]], present[rare], first.sigma)
            unseen = _unseen_sigma(residual[rare], [load[rare], own[rare]], present[rare], topology[rare])
            other = Calibration(other.coefficients, np.maximum(other.sigma, unseen))
        return GridCalibration(topologies[common], first, other)


def _unseen_sigma(residual: Floats, regressors: list[Floats], present: Bools, topology: Floats) -> Floats:
    """Root mean square of each row in topologies its calibration has not seen, shape (m,), by
    cross-validation.

    An outage shifts rows as a whole; scatter within known outages would call the next one an attack.
    """
    numbers = np.unique(topology)
    folds = min(FOLDS, numbers.size)
    if folds < 2:
        return np.zeros(residual.shape[1])
    fold = np.searchsorted(numbers, topology) % folds
    total, count = np.zeros(residual.shape[1]), np.zeros(residual.shape[1])
    for part in range(folds):
        out = fold == part
        known = fit(residual[~out], [x[~out] for x in regressors], present[~out], np.zeros(residual.shape[1]))
        expected = known.coefficients[:, 0] + sum(
            known.coefficients[:, i + 1] * x[out] for i, x in enumerate(regressors)
        )
        total += (((residual[out] - expected) * present[out]) ** 2).sum(axis=0)
        count += present[out].sum(axis=0)
    return np.sqrt(total / np.maximum(count, 1))
