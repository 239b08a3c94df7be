"""Water member: for every tank, level change against the integral of its protected inflow, over four lags.

Row (tank, lag): mean level over the newest block minus mean level over a block ``lag`` earlier, minus the
inflow between them divided by the tank's area; zero by conservation of volume. The inflow is protected
(eps 0), the level is not, so a false level has to follow the true one or leave the balance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.features import AffineRows, Bools, Calibration, Floats, fit
from streams.errors import BadInput
from streams.plant_model import PlantModel

BLOCK = 5
"""Samples averaged into one level: scatter falls by sqrt(5), the reach of eps stays the same."""
LAGS_MIN = (10.0, 30.0, 60.0, 116.0)
SIGMA_FLOOR_M = 0.002


@dataclass(frozen=True)
class WaterIndex:
    """tanks with level and inflow tag. columns: plant-model tag index, levels first, then inflows.

    lags: in samples; samples: window length (newest last); period_s: sample interval.
    """

    tanks: tuple[str, ...]
    columns: NDArray[np.int64]
    names: tuple[str, ...]
    low: Floats
    high: Floats
    protected: Bools
    area_m2: Floats
    period_s: float
    lags: tuple[int, ...]
    samples: int

    @staticmethod
    def build(plant: PlantModel) -> WaterIndex:
        """Read the plant model; tanks without both tags are left out."""
        tag_at = {tag.name: i for i, tag in enumerate(plant.tags)}
        tanks = [t for t in plant.tanks if t.level_tag and t.inflow_tag]
        names = [t.level_tag for t in tanks] + [t.inflow_tag for t in tanks]
        columns = [tag_at[n] for n in names]
        tags = [plant.tags[c] for c in columns]
        periods = {t.period_s for t in tags}
        if len(periods) > 1:
            raise BadInput(
                "plant model", sorted(periods), "one report period for levels and inflows of tanks"
            )
        period = periods.pop() if periods else 60.0
        lags = tuple(max(BLOCK, round(minutes * 60.0 / period)) for minutes in LAGS_MIN)
        return WaterIndex(
            tanks=tuple(t.name for t in tanks),
            columns=np.array(columns, dtype=np.int64),
            names=tuple(names),
            low=np.array([t.low for t in tags]),
            high=np.array([t.high for t in tags]),
            protected=np.array([t.protected for t in tags], dtype=bool),
            area_m2=np.array([t.area_m2 for t in tanks]),
            period_s=period,
            lags=lags,
            samples=lags[-1] + BLOCK,
        )


class WaterFeatures:
    """Rows over the flattened window (samples * columns); reduction and rows are one matrix here.

    The window is small (tanks * 2 * 121), so it is not reduced: every raw sample keeps its own half width.
    """

    def __init__(self, plant: PlantModel) -> None:
        self.index = WaterIndex.build(plant)
        if not self.index.tanks:
            raise BadInput("plant model", "no tank", "a tank with level tag and inflow tag")
        self.rows_count = len(self.index.tanks) * len(self.index.lags)
        self.raw, self.volume = self._raw_rows()

    def _raw_rows(self) -> tuple[Floats, Floats]:
        """Balance rows in m, and their inflow part alone (m of level), both (rows, samples * columns)."""
        ix = self.index
        n_tank, n_col = len(ix.tanks), ix.columns.size
        raw = np.zeros((self.rows_count, ix.samples, n_col))
        volume = np.zeros_like(raw)
        newest = ix.samples - 1
        for tank in range(n_tank):
            for k, lag in enumerate(ix.lags):
                row = tank * len(ix.lags) + k
                for i in range(BLOCK):
                    raw[row, newest - i, tank] += 1.0 / BLOCK
                    raw[row, newest - lag - i, tank] -= 1.0 / BLOCK
                    for age in range(i, lag + i):
                        per_sample = ix.period_s / 3600.0 / ix.area_m2[tank] / BLOCK / 2
                        volume[row, newest - age, n_tank + tank] += per_sample
                        volume[row, newest - age - 1, n_tank + tank] += per_sample
        raw -= volume
        return raw.reshape(self.rows_count, -1), volume.reshape(self.rows_count, -1)

    def rows(self, calibration: Calibration) -> AffineRows:
        """Calibrated by a constant and the inflow integral (area and meter errors), standardised."""
        c = calibration
        matrix = (self.raw - c.coefficients[:, 1:2] * self.volume) / c.sigma[:, None]
        return AffineRows(matrix, -c.coefficients[:, 0] / c.sigma, np.ones(self.rows_count, dtype=bool))

    def calibrate(self, windows: Floats) -> Calibration:
        """Fit on clean, complete windows, shape (w, samples * columns)."""
        residual, volume = windows @ self.raw.T, windows @ self.volume.T
        floor = np.full(self.rows_count, SIGMA_FLOOR_M)
        return fit(residual, [volume], np.ones(residual.shape, dtype=bool), floor)
