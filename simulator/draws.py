"""Random numbers as a function of (seed, role, element, step), so that no element changes another's luck."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK_STEPS = 1024


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
        self._block = -1
        self._values = np.empty((0, 0))

    def at(self, step: int) -> NDArray[np.float64]:
        """Row of numbers, one per element, for step >= 0."""
        block, row = divmod(step, self._block_steps)
        if block != self._block:
            drawn = np.empty((len(self._keys), self._block_steps))
            for key, own in zip(self._keys, drawn, strict=True):
                self._seek(key, block)
                self._fill(out=own)
            self._values, self._block = np.ascontiguousarray(drawn.T), block
        values: NDArray[np.float64] = self._values[row]
        return values

    def _seek(self, key: int, block: int) -> None:
        """As ``Philox(key=key, counter=[0, 0, 0, block])``; making one costs as much as its draws."""
        words = np.array([key % 2**64, key >> 64, 0, 0, 0, block], dtype=np.uint64)
        self._philox.state = {
            "bit_generator": "Philox",
            "state": {"key": words[:2], "counter": words[2:]},
            "buffer": np.zeros(4, dtype=np.uint64),
            "buffer_pos": 4,
            "has_uint32": 0,
            "uinteger": 0,
        }
