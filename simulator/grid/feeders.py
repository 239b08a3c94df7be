"""Which feeders of each load bus are still connected, and what opened the others."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Index = NDArray[np.int64]

ShedCause = Literal["ufls", "uvls", "voltage_collapse", "island", "planned"]
CAUSES: tuple[ShedCause, ...] = get_args(ShedCause)
BLOCKS = 20
BLOCK_SHARE = 1.0 / BLOCKS


class Feeders:
    """Each load (d,) is BLOCKS equal feeders; shedding opens the lowest-numbered that are closed.

    A load of negative demand is generation on the distribution side: relays leave it connected.
    """

    def __init__(self, load_mw: Floats) -> None:
        self._opened = np.zeros((len(CAUSES), len(load_mw)), dtype=np.int64)
        self._consumes = load_mw >= 0.0
        self._count()

    def _count(self) -> None:
        """Count anew after a change: what is connected is asked for many times between two changes."""
        self._closed: Index = np.asarray(BLOCKS - self._opened.sum(axis=0))
        self._share: Floats = np.asarray(self._closed * BLOCK_SHARE)
        for counted in (self._closed, self._share):
            counted.flags.writeable = False

    def closed_blocks(self) -> Index:
        """(d,) feeders still connected, 0 to BLOCKS."""
        return self._closed

    def served_share(self) -> Floats:
        """(d,) share of each load's demand that is connected."""
        return self._share

    def alive(self, load: int, block: int) -> bool:
        """Whether feeder ``block`` (0 to BLOCKS - 1) of load position ``load`` is connected."""
        return block >= int(self._opened[:, load].sum())

    def opened_by(self, cause: ShedCause) -> Index:
        """(d,) feeders that ``cause`` opened."""
        return np.asarray(self._opened[CAUSES.index(cause)])

    def can_shed(self) -> NDArray[np.bool_]:
        """(d,) True where a relay would find a feeder to open."""
        return np.asarray(self._consumes & (self.closed_blocks() > 0))

    def restore(self, loads: Index, cause: ShedCause) -> None:
        """Close what ``cause`` opened at each of ``loads`` (positions)."""
        self._opened[CAUSES.index(cause), loads] = 0
        self._count()

    def close(self, load: int, blocks: int) -> int:
        """Close up to ``blocks`` feeders of one load, whatever opened them; returns how many."""
        left = blocks
        for cause in range(len(CAUSES)):
            count = min(left, int(self._opened[cause, load]))
            self._opened[cause, load] -= count
            left -= count
        self._count()
        return blocks - left

    def keep_open(self, load: int) -> None:
        """What opened because the load's bus died stays open when the bus comes back."""
        island, planned = CAUSES.index("island"), CAUSES.index("planned")
        self._opened[planned, load] += self._opened[island, load]
        self._opened[island, load] = 0

    def shed(self, loads: Index, blocks: int, cause: ShedCause) -> Index:
        """Open up to ``blocks`` feeders at each of ``loads`` (positions); returns how many opened at each."""
        count = np.minimum(blocks, self.closed_blocks()[loads])
        if cause != "island" and cause != "voltage_collapse":
            count = np.where(self._consumes[loads], count, 0)
        self._opened[CAUSES.index(cause), loads] += count
        self._count()
        return np.asarray(count)

    def shed_mw(self, demand_mw: Floats) -> dict[str, float]:
        """Present demand behind opened feeders by cause, MW; all causes are listed."""
        amounts = self._opened @ demand_mw * BLOCK_SHARE
        return {cause: float(mw) for cause, mw in zip(CAUSES, amounts, strict=True)}
