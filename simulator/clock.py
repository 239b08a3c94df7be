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
    FAULTS = 4
    CONTROLLERS = 5
    REPORT = 6


def due_at(env: simpy.Environment, t_s: float, order: Order) -> Event:
    """An event at ``t_s``, not in the past, in its place among those of the same instant."""
    due = Event(env)
    due._ok, due._value = True, None  # a plain event scheduled by hand, as simpy.Timeout does
    env.schedule(due, order, t_s - env.now)
    return due


def periodic(
    env: simpy.Environment, period_s: float, order: Order, action: Callable[[int], None]
) -> Generator[Event, None, None]:
    """Call ``action(n)`` at n * period_s for n = 1, 2, ...; times are computed, not accumulated."""
    n = 0
    while True:
        n += 1
        yield due_at(env, n * period_s, order)
        action(n)


def run_through(env: simpy.Environment, until_s: float) -> None:
    """Process every event up to and including ``until_s``."""
    while env.peek() <= until_s:
        env.step()
