"""Noise that remembers: Ornstein-Uhlenbeck processes in fixed steps."""

from __future__ import annotations

import numpy as np
from numba import njit
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
        self._block_steps, self._block = block_steps, 0
        self._values = self._draws.block(0)
        _remember(self._values[1:], self._values[0], self._keep, self._fresh)

    def at(self, step: int) -> Floats:
        """Values at ``step``, which never goes back by a block; not to be written to."""
        block, row = divmod(step, self._block_steps)
        while self._block < block:
            self._block += 1
            last, self._values = self._values[-1], self._draws.block(self._block)
            _remember(self._values, last, self._keep, self._fresh)
        values: Floats = self._values[row]
        return values


@njit(cache=True)  # type: ignore[untyped-decorator]
def _remember(values: Floats, last: Floats, keep: float, fresh: float) -> None:
    """Make of independent numbers (steps, elements) the noise that follows ``last`` (elements,), in place."""
    for step in range(len(values)):
        for i in range(len(last)):
            before = last[i] if step == 0 else values[step - 1, i]
            values[step, i] = keep * before + fresh * values[step, i]
