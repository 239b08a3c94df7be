"""Noise that remembers: Ornstein-Uhlenbeck processes in fixed steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.draws import BLOCK_STEPS, Draws

Floats = NDArray[np.float64]


class CorrelatedNoise:
    """Ornstein-Uhlenbeck noise of unit variance, the same in every arm of a run.

    Its autocorrelation is exp(-lag / time_constant_s); exact for any step. block_steps: as in ``Draws``.
    """

    def __init__(
        self,
        seed: int,
        role: str,
        elements: tuple[str, ...],
        step_s: float,
        time_constant_s: float,
        block_steps: int = BLOCK_STEPS,
    ) -> None:
        self._draws = Draws(seed, role, elements, block_steps=block_steps)
        self._keep = float(np.exp(-step_s / time_constant_s))
        self._fresh = float(np.sqrt(1.0 - self._keep**2))
        self._value = self._draws.at(0).copy()
        self._step = 0

    def at(self, step: int) -> Floats:
        """Values at ``step``, which never decreases; a new array at every step."""
        while self._step < step:
            self._step += 1
            self._value = self._keep * self._value + self._fresh * self._draws.at(self._step)
        return self._value
