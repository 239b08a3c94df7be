"""SimPy helpers: periodic processes with an explicit order at the same instant."""

from __future__ import annotations

from collections.abc import Callable, Generator
from enum import IntEnum

import simpy
from simpy.events import Event


class Order(IntEnum):
    """Who goes first when several processes fall on the same instant (after SimPy's own 0 and 1)."""

    GRID = 2
    WATER = 3
    CONTROLLERS = 4
    REPORT = 5


def periodic(
    env: simpy.Environment, period_s: float, order: Order, action: Callable[[int], None]
) -> Generator[Event, None, None]:
    """Call ``action(n)`` at n * period_s for n = 1, 2, ...; times are computed, not accumulated."""
    n = 0
    while True:
        n += 1
        due = Event(env)
        due._ok, due._value = True, None  # a plain event scheduled by hand, as simpy.Timeout does
        env.schedule(due, order, n * period_s - env.now)
        yield due
        action(n)


def run_through(env: simpy.Environment, until_s: float) -> None:
    """Process every event up to and including ``until_s``."""
    while env.peek() <= until_s:
        env.step()
