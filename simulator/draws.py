"""Random numbers as a function of (seed, role, element, step), so that no element changes another's luck."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BLOCK_STEPS = 1024
# Elements whose numbers are drawn before they are laid out step by step: few enough to stay in the cache.
GROUP = 16


class Draws:
    """Standard normal and uniform numbers for the elements of one role, drawn ahead in blocks of steps.

    block_steps: steps in a block; small where few steps are ever asked for. Another number is another stream.

    Each (seed, role, element, block) has its own Philox key (Salmon et al. 2011), so that nothing depends
    on what was drawn before or on which other elements exist.
    """

    def __init__(
        self,
        seed: int,
        role: str,
        elements: tuple[str, ...],
        kind: str = "normal",
        block_steps: int = BLOCK_STEPS,
    ) -> None:
        self._block_steps = block_steps
        self._keys = [
            int.from_bytes(hashlib.blake2b(f"{seed}|{role}|{name}".encode(), digest_size=16).digest())
            for name in elements
        ]
        self._philox = np.random.Philox(key=0)
        generator = np.random.Generator(self._philox)
        self._fill: Any = generator.standard_normal if kind == "normal" else generator.random
        self._key, self._counter = np.zeros(2, dtype=np.uint64), np.zeros(4, dtype=np.uint64)
        self._state: Any = {
            "bit_generator": "Philox",
            "state": {"key": self._key, "counter": self._counter},
            "buffer": np.zeros(4, dtype=np.uint64),
            "buffer_pos": 4,
            "has_uint32": 0,
            "uinteger": 0,
        }
        self._block = -1
        self._values: Floats = np.empty((0, 0))

    def at(self, step: int) -> Floats:
        """Row of numbers, one per element, for step >= 0."""
        block, row = divmod(step, self._block_steps)
        if block != self._block:
            self._values, self._block = self.block(block), block
        values: Floats = self._values[row]
        return values

    def block(self, block: int) -> Floats:
        """(block_steps, elements) numbers of a whole block, which begins at step block * block_steps; a new
        array."""
        values = np.empty((self._block_steps, len(self._keys)))
        drawn = np.empty((GROUP, self._block_steps))
        for first in range(0, len(self._keys), GROUP):
            keys = self._keys[first : first + GROUP]
            for key, own in zip(keys, drawn, strict=False):
                self._seek(key, block)
                self._fill(out=own)
            values[:, first : first + GROUP] = drawn[: len(keys)].T
        return values

    def _seek(self, key: int, block: int) -> None:
        """As ``Philox(key=key, counter=[0, 0, 0, block])``; making one costs as much as its draws."""
        self._key[0], self._key[1], self._counter[3] = key % 2**64, key >> 64, block
        self._philox.state = self._state
