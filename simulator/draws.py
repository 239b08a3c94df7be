"""Random numbers as a function of (seed, role, element, step), so that no element changes another's luck."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

BLOCK_STEPS = 1024


class Draws:
    """Standard normal and uniform numbers for the elements of one role, drawn ahead in blocks of steps.

    Each (seed, role, element, block) has its own Philox key (Salmon et al. 2011), so that nothing depends
    on what was drawn before or on which other elements exist.
    """

    def __init__(self, seed: int, role: str, elements: tuple[str, ...], kind: str = "normal") -> None:
        self._keys = [
            int.from_bytes(hashlib.blake2b(f"{seed}|{role}|{name}".encode(), digest_size=16).digest())
            for name in elements
        ]
        self._kind = kind
        self._block = -1
        self._values = np.empty((0, 0))

    def at(self, step: int) -> NDArray[np.float64]:
        """Row of numbers, one per element, for step >= 0."""
        block, row = divmod(step, BLOCK_STEPS)
        if block != self._block:
            self._values = np.ascontiguousarray(np.array([self._draw(key, block) for key in self._keys]).T)
            self._block = block
        values: NDArray[np.float64] = self._values[row] if self._keys else np.empty(0)
        return values

    def _draw(self, key: int, block: int) -> NDArray[np.float64]:
        generator = np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, block]))
        if self._kind == "normal":
            return generator.standard_normal(BLOCK_STEPS)
        return generator.random(BLOCK_STEPS)
