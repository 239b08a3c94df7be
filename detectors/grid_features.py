"""Grid member: calibrated residual rows of the protected flows, rebuilt for every received topology.

Two makes: plain and local rows, corrected by total load and their own flow; or local and shift rows,
corrected by all protected flows, with a row beside them that says how loaded the protected lines are. Meters
err by a share of what they read, so scatter grows with that; nobody can move it.
"""

from __future__ import annotations

import numpy as np

from detectors.dc import Bools, Floats, GridIndex, Ints
from detectors.features import AffineRows, Calibration
from detectors.grid_calibration import Clean, GridCalibration, by_all_flows, by_own_flow, level, topology_key
from detectors.rows import Combination, local_rows, plain_rows
from detectors.shift_rows import under
from streams.errors import BadInput
from streams.plant_model import PlantModel


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
        self._flows = flows
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
        """Calibrated, standardised rows under a topology, and how loaded it is where the calibration knows:
        the regressors are tags too and so stay in the box."""
        matrix, offset, defined = self.raw_rows(closed)
        c = calibration.under(closed)
        full = matrix - c.coefficients[:, 1:2] * self._load
        full[:, self._flows] -= c.coefficients[:, 2:]
        full /= c.sigma[:, None]
        shifted = (offset - c.coefficients[:, 0]) / c.sigma
        known = AffineRows(full * defined[:, None], shifted * defined, defined)
        return known if calibration.level is None else self._with_level(known, calibration.level)

    def _with_level(self, rows: AffineRows, level: Floats) -> AffineRows:
        row = np.zeros((1, rows.matrix.shape[1]))
        row[0, self._flows] = level[1:]
        return AffineRows(
            np.vstack([rows.matrix, row]), np.append(rows.offset, level[0]), np.append(rows.defined, True)
        )

    def calibrate(
        self, reduced: Floats, topology: Ints, topologies: list[Bools], run: Ints | None = None
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
        common = int(np.argmax(np.bincount(topology, minlength=len(topologies))))
        where = np.zeros(topology.size, dtype=np.int64) if run is None else run
        flows = reduced[:, self._flows]
        clean = Clean(residual, present, flows, topology, where, topology == common, topologies)
        if self.shift is None:
            own = by_own_flow(clean, reduced @ self._load)
            first, other = (self.on_all_flows(c) for c in own)
            return GridCalibration(topologies[common], first, other)
        # A shift row is the same in all topologies in which it is read, and so is its calibration.
        found = by_all_flows(clean, np.arange(self.rows_count) >= self.flows_count)
        return GridCalibration(topologies[common], *found, level(flows))

    def on_all_flows(self, own: Calibration) -> Calibration:
        """Coefficients on constant, total load and own flow, (m, 3), as such on every protected flow."""
        wide = np.zeros((own.coefficients.shape[0], 2 + self.flows_count))
        wide[:, :2] = own.coefficients[:, :2]
        rows = np.arange(wide.shape[0])
        wide[rows, 2 + rows % self.flows_count] = own.coefficients[:, 2]
        return Calibration(wide, own.sigma)
