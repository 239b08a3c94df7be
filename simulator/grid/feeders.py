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
CLOSED = -1


class Feeders:
    """Each load (d,) is BLOCKS equal feeders; shedding opens the lowest-numbered that are closed, restoring
    closes the highest-numbered that are open: the last opened first.

    A load of negative demand is generation on the distribution side: relays leave it connected.
    changes: counts every change, for those who keep figures of their own; all_closed: no feeder is open.
    A single feeder may carry a draw of its own beside its share of the load, such as a pumping station's.
    """

    def __init__(self, load_mw: Floats) -> None:
        # What opened each feeder (position in CAUSES), CLOSED where it is closed: those follow the open ones.
        self._cause = np.full((len(load_mw), BLOCKS), CLOSED, dtype=np.int64)
        self._consumes = load_mw >= 0.0
        self.changes = 0
        self._draws: dict[tuple[int, int], float] = {}
        self._count()

    def _count(self) -> None:
        """Count anew after a change: what is connected is asked for many times between two changes."""
        self.changes += 1
        self._opened = np.stack([(self._cause == k).sum(axis=1) for k in range(len(CAUSES))])
        self._closed: Index = np.asarray(BLOCKS - self._opened.sum(axis=0))
        self.all_closed = bool((self._closed == BLOCKS).all())
        self._share: Floats = np.asarray(self._closed * BLOCK_SHARE)
        for counted in (self._closed, self._share):
            counted.flags.writeable = False
        self._add_draws()

    def _add_draws(self) -> None:
        drawn = np.zeros(self._opened.shape[1])
        for (load, block), mw in self._draws.items():
            if self.alive(load, block):
                drawn[load] += mw
        drawn.flags.writeable = False
        self._drawn: Floats = drawn

    def closed_blocks(self) -> Index:
        """(d,) feeders still connected, 0 to BLOCKS."""
        return self._closed

    def served_share(self) -> Floats:
        """(d,) share of each load's demand that is connected."""
        return self._share

    def set_draw(self, load: int, block: int, mw: float) -> None:
        """What feeder ``block`` of load position ``load`` carries beside its share, while it is closed."""
        if self._draws.get((load, block), 0.0) != mw:
            self._draws[load, block] = mw
            self._add_draws()

    def draw_mw(self) -> Floats:
        """(d,) draws of single feeders that are connected; no part of the load's demand."""
        return self._drawn

    def alive(self, load: int, block: int) -> bool:
        """Whether feeder ``block`` (0 to BLOCKS - 1) of load position ``load`` is connected."""
        return bool(self._cause[load, block] == CLOSED)

    def opened_by(self, cause: ShedCause) -> Index:
        """(d,) feeders that ``cause`` opened."""
        return np.asarray(self._opened[CAUSES.index(cause)])

    def can_shed(self) -> NDArray[np.bool_]:
        """(d,) True where a relay would find a feeder to open."""
        return np.asarray(self._consumes & (self._closed > 0))

    def restore(self, loads: Index, cause: ShedCause) -> None:
        """Close what ``cause`` opened last at each of ``loads`` (positions)."""
        for load in loads[self.opened_by(cause)[loads] > 0]:
            row = self._cause[load]
            row[row == CAUSES.index(cause)] = CLOSED
        self._count()

    def close_last(self, load: int, blocks: int) -> tuple[ShedCause, ...]:
        """Close up to ``blocks`` feeders of one load, the last opened first; returns what had opened them."""
        opened = BLOCKS - int(self._closed[load])
        back = range(opened - 1, max(opened - blocks, 0) - 1, -1)
        causes = tuple(CAUSES[self._cause[load, block]] for block in back)
        self._cause[load, list(back)] = CLOSED
        self._count()
        return causes

    def keep_open(self, load: int, blocks: int) -> int:
        """Of a dead load, ``blocks`` feeders are to stay open when supply returns; returns how many will."""
        row = self._cause[load]
        waiting = np.flatnonzero(row == CAUSES.index("island"))[: max(blocks, 0)]
        row[waiting] = CAUSES.index("planned")
        self._count()
        return len(waiting)

    def shed(self, loads: Index, blocks: int, cause: ShedCause) -> Index:
        """Open up to ``blocks`` feeders at each of ``loads`` (positions); returns how many opened at each."""
        count = np.minimum(blocks, self._closed[loads])
        if cause != "island" and cause != "voltage_collapse":
            count = np.where(self._consumes[loads], count, 0)
        for load, opened in zip(loads[count > 0], count[count > 0], strict=True):
            first = BLOCKS - int(self._closed[load])
            self._cause[load, first : first + opened] = CAUSES.index(cause)
        self._count()
        return np.asarray(count)

    def shed_mw(self, demand_mw: Floats) -> dict[str, float]:
        """Present demand behind opened feeders by cause, MW; all causes are listed."""
        amounts = self._opened @ demand_mw * BLOCK_SHARE
        return {cause: float(mw) for cause, mw in zip(CAUSES, amounts, strict=True)}
