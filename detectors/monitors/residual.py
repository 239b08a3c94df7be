"""Residual monitors: nodal balance of the grid, mass balance of tanks. They certify nothing.

NodalMonitor: at every bus with measured flows, flows out + load - generation, standardised by its scatter in
clean training windows; alarms on the chi-square sum and on the largest normalised residual (Abur and Gomez
Exposito, "Power System State Estimation", 2004, chapter 5). TankMonitor: two-sided CUSUM (Page 1954) of the
level against an observer fed by the metered inflow. Thresholds are the clean training maximum times a
spare factor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.dataset import sample_rows
from detectors.dc import Bools, Floats, GridIndex, Ints
from detectors.features import Calibration
from detectors.water_features import WaterIndex
from streams.plant_model import PlantModel

SPARE = 1.5
SIGMA_FLOOR_MW = 0.05
SIGMA_FLOOR_M = 0.0005
ROOF = 1.2
"""Share of the limit at which the sums stop, so that an alarm ends soon after its cause."""
CUSUM_SLACK_SIGMA = 0.5
LIMIT_MW = 1e9
"""Received powers are cut to this size, far outside every range, so that no score overflows."""
HIGHEST_SCORE = 1e9
GAIN = 0.05
"""Share of the innovation by which the expected level follows the received one, per sample."""
BELIEVED_SIGMA = 6.0


def nodal_rows(index: GridIndex) -> Floats:
    """Balance of every fully measured bus, shape (buses kept, columns): zero up to losses, in any
    topology."""
    rows = np.zeros((index.n_bus, index.columns.size))
    whole = ~index.unmeasured
    for branch, column in enumerate(index.flow_column):
        if column < 0:
            whole[index.start[branch]] = whole[index.end[branch]] = False
            continue
        rows[index.start[branch], column] += 1.0
        rows[index.end[branch], column] -= 1.0
    here = np.flatnonzero(index.bus_of >= 0)
    rows[index.bus_of[here], here] -= index.sign[here]
    kept: Floats = rows[whole & (rows != 0).any(axis=1)]
    return kept


@dataclass
class NodalMonitor:
    """mean, slope (per MW of total load), sigma: per row; limits: (chi-square, largest |z|); low, high: per
    column, published range in MW."""

    rows: Floats
    load: Floats
    mean: Floats
    slope: Floats
    sigma: Floats
    limits: Floats
    low: Floats
    high: Floats

    @staticmethod
    def calibrate(plant: PlantModel, mean: Floats, topology: Ints, topologies: list[Bools]) -> NodalMonitor:
        """Fit on clean window means (w, columns); topology is not needed, balances hold in all."""
        del topology, topologies
        index = GridIndex.build(plant)
        rows, load = nodal_rows(index), np.where(index.sign < 0, 1.0, 0.0)
        residual, total = mean @ rows.T, mean @ load
        table = np.column_stack([np.ones(total.size), total - total.mean()])
        fitted = np.linalg.lstsq(table, residual, rcond=None)[0]
        sigma = np.maximum((residual - table @ fitted).std(axis=0), SIGMA_FLOOR_MW)
        monitor = NodalMonitor(
            rows, load, fitted[0] - fitted[1] * total.mean(), fitted[1], sigma, np.array([1.0, 1.0]),
            index.low, index.high,
        )  # fmt: skip
        z2 = ((residual - table @ fitted) / sigma) ** 2
        monitor.limits = np.array([z2.sum(axis=1).max(), np.sqrt(z2.max())]) * SPARE
        return monitor

    def arrays(self) -> dict[str, Floats]:
        """What weights.npz keeps."""
        return {f"monitor.grid.{n}": getattr(self, n) for n in ("mean", "slope", "sigma", "limits")}

    @staticmethod
    def load_from(plant: PlantModel, arrays: Mapping[str, Floats]) -> NodalMonitor:
        """Rebuild from a model's arrays. Raises KeyError where they are missing."""
        index = GridIndex.build(plant)
        kept = {n: np.asarray(arrays[f"monitor.grid.{n}"]) for n in ("mean", "slope", "sigma", "limits")}
        load = np.where(index.sign < 0, 1.0, 0.0)
        return NodalMonitor(nodal_rows(index), load, **kept, low=index.low, high=index.high)

    def score_scans(self, scans: Floats) -> float:
        """Score of the mean over scans (scans, columns), whatever was received."""
        return self.score(np.clip(scans, -LIMIT_MW, LIMIT_MW).mean(axis=0))

    def score(self, mean: Floats) -> float:
        """> 0 alarms, finite. Rows that read a missing (NaN) value are left out.

        A value further outside its published range than that range is wide alarms by itself.
        """
        lost = np.isnan(mean)
        filled = np.where(lost, 0.0, np.clip(mean, -LIMIT_MW, LIMIT_MW))
        z = (self.rows @ filled - self.mean - self.slope * float(self.load @ filled)) / self.sigma
        if lost.any():
            z = np.where((self.rows[:, lost] != 0).any(axis=1), 0.0, z)
        outside = np.maximum(self.low - filled, filled - self.high) / (self.high - self.low)
        far = np.where(lost, 0.0, outside).max(initial=0.0)
        told = max((z @ z) / self.limits[0], np.abs(z).max(initial=0.0) / self.limits[1], far)
        return float(min(told - 1.0, HIGHEST_SCORE))


@dataclass
class TankMonitor:
    """drift: m per sample; scale: factor on volume / area; sigma: m; limit: CUSUM threshold in sigma. up,
    down: running sums."""

    index: WaterIndex
    drift: Floats
    scale: Floats
    sigma: Floats
    limit: Floats

    def __post_init__(self) -> None:
        """Start quiet."""
        self.reset()

    def reset(self) -> None:
        """Forget the past."""
        n = len(self.index.tanks)
        self.up, self.down = np.zeros(n), np.zeros(n)
        self._level, self._inflow, self._seen = np.full(n, np.nan), np.zeros(n), np.zeros(n)
        self._lost = np.zeros(n, dtype=bool)

    def innovations(self, sample: Floats) -> Floats:
        """Received level minus the level that follows from the inflow, m; NaN where the level is missing.

        The expected level is drawn to the received one by GAIN each sample (Luenberger observer), so that
        meter errors do not add up for ever; at the start by more, so that one noisy first level does not
        count. What is further off than BELIEVED_SIGMA is not followed at all: a lie is not learned, so that
        the alarm ends with it; a level that jumped for good stays in alarm for a person to look at.
        After a missing inflow, which nobody can tap, it starts from the received level anew. Values further
        outside their range than it is wide are cut.
        """
        n, width = len(self.index.tanks), self.index.high - self.index.low
        sample = np.clip(sample, self.index.low - width, self.index.high + width)
        level, inflow = sample[:n], np.where(np.isnan(sample[n:]), self._inflow, sample[n:])
        volume = (self._inflow + inflow) / 2 * self.index.period_s / 3600.0
        rise = volume * self.scale / self.index.area_m2 + self.drift
        unknown = np.isnan(self._level) | self._lost | np.isnan(sample[n:])
        expected = np.where(unknown, level, self._level + rise)
        self._seen = np.where(unknown, 0.0, self._seen)
        found: Floats = level - expected
        got = ~np.isnan(found)
        gain = np.maximum(GAIN, 1.0 / (self._seen + 1.0))
        learned = got & ((np.abs(found) <= BELIEVED_SIGMA * self.sigma) | (self._seen < 1.0 / GAIN))
        self._level = expected + gain * np.where(learned, found, 0.0)
        self._seen += got
        self._inflow = inflow
        self._lost = np.isnan(sample[n:]) | (self._lost & ~got)
        return found

    @staticmethod
    def calibrate(
        plant: PlantModel,
        fitted: Calibration,
        telemetry: Sequence[Floats],
        t_s: Sequence[Floats],
        tampered: Sequence[NDArray[np.bool_]],
    ) -> TankMonitor:
        """Drift and area from the water member's longest rows; scatter and limits from the runs before
        tampering.

        fitted: calibration of ``WaterFeatures``; telemetry, t_s, tampered: one entry per run.
        """
        index = WaterIndex.build(plant)
        n = len(index.tanks)
        longest = fitted.coefficients.reshape(n, len(index.lags), -1)[:, -1]
        drift, scale = longest[:, 0] / index.lags[-1], 1.0 + longest[:, 1]
        monitor = TankMonitor(index, drift, scale, np.ones(n), np.full(n, np.inf))
        stretches = []
        for values, times, marked in zip(telemetry, t_s, tampered, strict=True):
            at = sample_rows(times, index.period_s)
            stop = int(np.argmax(marked[at])) if marked[at].any() else at.size
            stretches.append(values[at[:stop]][:, index.columns])
        rows = [monitor.innovations(row) for s in stretches for row in monitor.restarted(s)]
        found = np.array(rows).reshape(-1, n)
        found = found[~np.isnan(found).any(axis=1)]
        if found.shape[0]:
            monitor.sigma = np.maximum(found.std(axis=0), SIGMA_FLOOR_M)
        highest = np.full(n, 2.0)
        for stretch in stretches:
            monitor.reset()
            for row in stretch:
                monitor.score(row)
                highest = np.maximum(highest, np.maximum(monitor.up, monitor.down))
        monitor.limit = highest * SPARE
        monitor.reset()
        return monitor

    def restarted(self, stretch: Floats) -> Floats:
        """The same samples, after forgetting what came before."""
        self.reset()
        return stretch

    def arrays(self) -> dict[str, Floats]:
        """What weights.npz keeps."""
        return {f"monitor.water.{n}": getattr(self, n) for n in ("drift", "scale", "sigma", "limit")}

    @staticmethod
    def load_from(plant: PlantModel, arrays: Mapping[str, Floats]) -> TankMonitor:
        """Rebuild from a model's arrays; scale is 1 where it has none. Raises KeyError for the rest."""
        index = WaterIndex.build(plant)
        kept = [np.asarray(arrays[f"monitor.water.{n}"]) for n in ("drift", "sigma", "limit")]
        scale = np.asarray(arrays.get("monitor.water.scale", np.ones(len(index.tanks))))
        return TankMonitor(index, kept[0], scale, *kept[1:])

    def score(self, sample: Floats) -> float:
        """Take one sample (levels, inflows), NaN missing; > 0 alarms. A tank with a missing value waits."""
        step = self.innovations(sample) / self.sigma
        step = np.where(np.isnan(step) | (self._seen < 1.0 / GAIN), 0.0, step)
        roof = ROOF * self.limit
        self.up = np.clip(self.up + step - CUSUM_SLACK_SIGMA, 0.0, roof)
        self.down = np.clip(self.down - step - CUSUM_SLACK_SIGMA, 0.0, roof)
        return float(np.max(np.maximum(self.up, self.down) / self.limit, initial=0.0) - 1.0)
