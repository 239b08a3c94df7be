"""Instruments between truth and measurement: errors of the device, drift, noise, old samples, gaps, faults.

The variance of an instrument's error is that of its class; a fixed part of it belongs to the device (scale
error and bias, the same in every run), a small one drifts, the rest is white noise. Then come the converter's
steps, the end of the range, faults of the instrument and lost samples.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simulator.draws import Draws
from simulator.instrument_gaps import Gaps
from simulator.instrument_kernels import Row, read_out
from simulator.nature.noise import CorrelatedNoise

Floats = NDArray[np.float64]
Mode = Literal["stuck", "bias", "drift", "scale", "dropout"]

CONVERTER_STEPS = 65_536
# Shares of the error's variance. The fixed part of a power reading is then uniform within 0.86 %: the limits
# of a current transformer, a voltage transformer and a transducer, 0.5 % each, in root sum of squares.
FIXED_VARIANCE, DRIFT_VARIANCE, WHITE_VARIANCE = 0.50, 0.05, 0.45
# Drift follows the days' temperature in cabinets and cellars; held within three sigma.
DRIFT_MEMORY_S, DRIFT_STEP_S, DRIFT_LIMIT = 86_400.0, 60.0, 3.0
DRIFT_BLOCK_STEPS = 64


@dataclass(frozen=True)
class Accuracy:
    """One sigma of the whole error: share of the reading plus an absolute part in the tag's unit.

    exact: a contact or a calculated value, neither noisy nor quantised.
    """

    reading_share: float
    absolute: float
    exact: bool = False


# Transducers of class 0.5 (IEC 60688) behind class 0.5 instrument transformers (IEC 61869-2, -3): 0.7 % of
# reading together. Water flow: magnetic meters, 0.5 % of reading (ISO 20456); level: pressure cells, 3 mm.
POWER = Accuracy(0.007, 0.05)
VOLTAGE = Accuracy(0.002, 0.0)
FREQUENCY = Accuracy(0.0, 0.001)
LEVEL = Accuracy(0.0, 0.003)
PRESSURE = Accuracy(0.0, 0.2)  # 0.1 % of a range of 200 m
WATER_FLOW = Accuracy(0.005, 0.05)
CONTACT = Accuracy(0.0, 0.0, exact=True)


class Instruments:
    """All instruments of the plant as vectors in tag order.

    scan_s: time between samples; samples: how many the run takes, gaps are drawn that far; late_s: (tags,)
    age of a sample by the station's clock, a scan at most, 0 everywhere if None. A contact reports its
    changes with their time and is never late.
    """

    def __init__(
        self,
        seed: int,
        names: tuple[str, ...],
        accuracies: tuple[Accuracy, ...],
        low: Floats,
        high: Floats,
        scan_s: float,
        samples: int,
        late_s: Floats | None = None,
    ) -> None:
        # What is exact has no error of its own: nothing is drawn for it.
        self._slots = np.flatnonzero([not a.exact for a in accuracies])
        blurred = tuple(names[slot] for slot in self._slots)
        self._noise = Draws(seed, "instrument", blurred)
        self._drift = CorrelatedNoise(
            seed, "instrument-drift", blurred, DRIFT_STEP_S, DRIFT_MEMORY_S, DRIFT_BLOCK_STEPS
        )
        self._gaps = Gaps(seed, names, samples)
        share = np.array([accuracies[slot].reading_share for slot in self._slots])
        absolute = np.array([accuracies[slot].absolute for slot in self._slots])
        self._drifts = (math.sqrt(DRIFT_VARIANCE) * share, math.sqrt(DRIFT_VARIANCE) * absolute)
        own = Draws(0, "instrument-device", blurred, kind="uniform", block_steps=2)
        # Uniform numbers of unit variance.
        gain, bias = (math.sqrt(12.0) * (own.at(n) - 0.5) for n in range(2))
        self._device_gain = 1.0 + math.sqrt(FIXED_VARIANCE) * share * gain
        self._device_offset = math.sqrt(FIXED_VARIANCE) * absolute * bias
        self._low, self._high, self._scan_s = low, high, scan_s
        self._device = np.zeros((len(Row), len(self._slots)))
        if late_s is not None:
            self._device[Row.LATE] = np.minimum(late_s / scan_s, 1.0)[self._slots]
        self._device[Row.SHARE] = math.sqrt(WHITE_VARIANCE) * share
        self._device[Row.ABSOLUTE] = math.sqrt(WHITE_VARIANCE) * absolute
        self._device[Row.LOW], self._device[Row.HIGH] = low[self._slots], high[self._slots]
        self._device[Row.STEP] = ((high - low) / CONVERTER_STEPS)[self._slots]
        self._drift_step, self._seen_step = -1, -1
        self._latest = self._before = self._out = np.full(len(names), np.nan)
        self._faults: dict[int, dict[Mode, list[tuple[float, float]]]] = defaultdict(dict)
        self._held: dict[int, float] = {}

    def measure(self, true: Floats, step: int) -> Floats:
        """Measured values of ``true`` at sample number ``step``; NaN is a lost sample; a new array.

        Instruments saturate at their range. Steps never decrease; a step may be measured again. ``true`` is
        kept for the next step and must not be written to.
        """
        if step != self._seen_step:
            self._before = self._latest if self._seen_step >= 0 else true
            self._seen_step = step
        self._latest = true
        self._follow_drift(int(step * self._scan_s // DRIFT_STEP_S))
        out = true.copy()
        read_out(true, self._before, self._slots, self._device, self._noise.at(step), out)
        if self._faults:
            self._spoil(out, step * self._scan_s)
        self._out = out
        missing = self._gaps.at(step)
        return out.copy() if missing is None else np.where(missing, np.nan, out)

    def set_fault(self, tag: int, mode: Mode, active: Sequence[tuple[float, float]]) -> None:
        """Faults of one mode that a tag has from now on, (start_s, size) each; none mends it.

        stuck: at the value it shows now; bias: sizes added, tag's unit; drift: tag's unit per hour since its
        start; scale: factors; dropout: nothing arrives.
        """
        modes = self._faults[tag]
        if active:
            modes[mode] = list(active)
        else:
            modes.pop(mode, None)
        if "stuck" in modes:
            self._held.setdefault(tag, float(self._out[tag]))
        else:
            self._held.pop(tag, None)
        if not modes:
            del self._faults[tag]

    def _follow_drift(self, step: int) -> None:
        if step == self._drift_step:
            return
        self._drift_step = step
        drift = np.clip(self._drift.at(step), -DRIFT_LIMIT, DRIFT_LIMIT)
        self._device[Row.GAIN] = self._device_gain + self._drifts[0] * drift
        self._device[Row.OFFSET] = self._device_offset + self._drifts[1] * drift

    def _spoil(self, out: Floats, t_s: float) -> None:
        """Readings of faulty instruments, in place."""
        for tag, modes in self._faults.items():
            value = float(out[tag]) * math.prod(size for _, size in modes.get("scale", ()))
            value += math.fsum(size for _, size in modes.get("bias", ()))
            value += math.fsum(size * (t_s - start_s) / 3600.0 for start_s, size in modes.get("drift", ()))
            value = min(max(value, float(self._low[tag])), float(self._high[tag]))
            value = self._held.get(tag, value)
            out[tag] = np.nan if "dropout" in modes else value
