"""Instruments between truth and measurement: white noise, quantisation, dropouts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.draws import Draws

Floats = NDArray[np.float64]

CONVERTER_STEPS = 65_536
DROPOUT_PROBABILITY = 1e-6


@dataclass(frozen=True)
class Accuracy:
    """One sigma of white noise: share of the reading plus an absolute part in the tag's unit.

    exact: a contact or a calculated value, neither noisy nor quantised.
    """

    reading_share: float
    absolute: float
    exact: bool = False


# Transducers of class 0.5 (IEC 60688) behind class 0.5 instrument transformers: 0.7 % of reading together.
POWER = Accuracy(0.007, 0.05)
VOLTAGE = Accuracy(0.002, 0.0)
FREQUENCY = Accuracy(0.0, 0.001)
LEVEL = Accuracy(0.0, 0.003)
PRESSURE = Accuracy(0.0, 0.2)  # 0.1 % of a range of 200 m
WATER_FLOW = Accuracy(0.005, 0.05)
CONTACT = Accuracy(0.0, 0.0, exact=True)


class Instruments:
    """All instruments of the plant as vectors in tag order."""

    def __init__(
        self, seed: int, names: tuple[str, ...], accuracies: tuple[Accuracy, ...], low: Floats, high: Floats
    ) -> None:
        self._noise = Draws(seed, "instrument", names)
        self._luck = Draws(seed, "dropout", names, kind="uniform")
        self._share = np.array([a.reading_share for a in accuracies])
        self._absolute = np.array([a.absolute for a in accuracies])
        self._exact = np.array([a.exact for a in accuracies])
        self._step = (high - low) / CONVERTER_STEPS
        self._low, self._high = low, high

    def measure(self, true: Floats, step: int) -> Floats:
        """Measured values of ``true`` at sample number ``step``; NaN is a dropout.

        Instruments saturate at their range.
        """
        noisy = true + (self._share * np.abs(true) + self._absolute) * self._noise.at(step)
        steps = np.rint((noisy - self._low) / self._step)
        measured = np.clip(self._low + steps * self._step, self._low, self._high)
        measured = np.where(self._exact, true, measured)
        measured[self._luck.at(step) < DROPOUT_PROBABILITY] = np.nan
        return measured
