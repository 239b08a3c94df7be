"""When to stop: asked between the steps of every bound, so that none runs far past its time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

Clock = Callable[[], float]
"""Seconds, never backwards."""

STEP = 5e8
"""Multiplications between two looks at the clock, about a tenth of a second."""


class OutOfTime(Exception):
    """Raised by ``Deadline.check``; nothing is known then that was not known before."""


class Deadline:
    """A moment of a clock."""

    def __init__(self, timeout_s: float = float("inf"), clock: Clock = time.perf_counter) -> None:
        self.clock = clock
        self._until = clock() + timeout_s

    def left_s(self) -> float:
        """Below 0 where it is past."""
        return self._until - self.clock()

    def over(self) -> bool:
        """Whether it is past."""
        return self.left_s() <= 0.0

    def later(self, by_s: float) -> Deadline:
        """``by_s`` after this one."""
        return Deadline(self.left_s() + by_s, self.clock)

    def share(self, of: float) -> Deadline:
        """After this share of the time that is left."""
        return Deadline(self.left_s() * of, self.clock)

    def check(self) -> None:
        """Raises OutOfTime where it is past."""
        if self.over():
            raise OutOfTime


NEVER = Deadline()


def blocks(count: int, cost: float) -> Iterator[slice]:
    """Of ``count`` rows that take ``cost`` multiplications each: as many at once as take a ``STEP``."""
    at_once = max(1, int(STEP / max(cost, 1.0)))
    for start in range(0, count, at_once):
        yield slice(start, min(start + at_once, count))
