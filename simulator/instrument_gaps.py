"""Samples that get lost on the way out of an instrument, a few in a row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.draws import Draws

Flags = NDArray[np.bool_]

# Share of samples that are lost, and how many in a row on average (polls in vain); declared.
LOST_SHARE = 1e-6
BURST_SAMPLES = 3.0
BLOCK_STEPS = 8


class Gaps:
    """Gaps of every tag over a run of ``samples``, drawn ahead."""

    def __init__(self, seed: int, names: tuple[str, ...], samples: int) -> None:
        self._changes = _changes(seed, names, samples)
        self._next = 0
        self._open = np.zeros(len(names), dtype=np.int64)
        self._gaps = 0

    def at(self, step: int) -> Flags | None:
        """(tags,) which are missing at ``step``, which never decreases; None where none is."""
        while self._next < len(self._changes) and self._changes[self._next][0] <= step:
            _, tag, change = self._changes[self._next]
            self._open[tag] += change
            self._gaps += change
            self._next += 1
        return self._open > 0 if self._gaps else None


def _changes(seed: int, names: tuple[str, ...], samples: int) -> list[tuple[int, int, int]]:
    """(step, tag, +1 at a gap's first sample or -1 after its last), in order.

    Times from one gap's beginning to the next are exponential, lengths geometric.
    """
    begin = Draws(seed, "gap", names, kind="uniform", block_steps=BLOCK_STEPS)
    length = Draws(seed, "gap-length", names, kind="uniform", block_steps=BLOCK_STEPS)
    mean = BURST_SAMPLES / LOST_SHARE
    place, n = np.zeros(len(names)), 0
    changes: list[tuple[int, int, int]] = []
    while True:
        place = place - mean * np.log1p(-begin.at(n))
        hit = np.flatnonzero(place < samples)
        if not len(hit):
            return sorted(changes)
        for tag in hit.tolist():
            first = int(place[tag])
            lost = 1 + int(np.log1p(-length.at(n)[tag]) / np.log1p(-1.0 / BURST_SAMPLES))
            changes += [(first, tag, 1), (first + lost, tag, -1)]
        n += 1
