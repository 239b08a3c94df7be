"""Drives the compiled search: lanes of parts, searched in rounds, on as many threads as there are cores.

How parts are dealt to lanes does not depend on the threads, so that the result does not either; only where a
time limit strikes does.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.verification.chains.layout import Chain, new_bounds, new_work
from detectors.verification.chains.parts import Lines, Parts, Rows
from detectors.verification.chains.programme_kernels import new_dictionary
from detectors.verification.chains.search_kernels import explore
from detectors.verification.deadline import Deadline

Floats = NDArray[np.float64]

QUIET_S = 2.0
"""Compilation that takes longer is told."""
LANES = 4
FIRST_ROUND = 8
ROUND_COST = 2.5e8
"""Multiplications of one lane in one round, about a tenth of a second: how often the clock is read."""
LOOK_S = 0.05
"""How often the clock is read within a round."""
MOST_SPLITS = 64
MOST_BYTES = 2**29
"""Of all parts; with more the search gives up."""


class Outcome(NamedTuple):
    """bound: lower bound of the margin over the set; point: (n,) that violates, confirmed; open:
    parts that are not decided; parts: how many were bounded."""

    bound: float
    point: Floats | None
    open: int
    parts: int


class _Lane:
    """Scratch of one lane; what is passed to the kernel is its own."""

    def __init__(self, chain: Chain, rows: Rows) -> None:
        n, outputs = int(chain.sizes[0]), int(chain.sizes[-1])
        most = int(np.diff(rows.starts).max()) + MOST_SPLITS + 1
        self.chain, self.rows = chain, rows
        self.bounds, self.work = new_bounds(chain), new_work(chain)
        self.lines = Lines(
            np.zeros((most, n)), np.zeros(most), np.zeros(most), np.zeros(most), np.zeros(outputs),
            np.zeros(n), np.zeros(len(chain.biases)), np.zeros(n), np.zeros(n), np.zeros(n),
            new_dictionary(most, n),
        )  # fmt: skip
        self.state = np.array([np.inf, np.inf, 0.0])
        self.done, self.stuck = 0, 0

    def search(self, parts: Parts, limit: int) -> Parts:
        """Parts that are left; the counters go on."""
        count = len(parts.clause)
        room = _each(lambda a: np.concatenate([a, np.zeros((limit + 2, *a.shape[1:]), a.dtype)]), parts)
        top, done, stuck = explore(
            self.chain, self.rows, room, count, limit, self.bounds, self.work, self.lines, self.state
        )
        self.done, self.stuck = self.done + done, self.stuck + stuck
        return _each(lambda a: a[:top], room)


def search(
    chain: Chain, rows: Rows, low: Floats, high: Floats, deadline: Deadline, confirm: Callable[[Floats], bool]
) -> Outcome:
    """Decide whether a point of the box low <= x <= high, (n,) each, violates a clause of ``rows``.

    deadline: does not count compilation, which the first call on a machine may take.
    confirm: asked of every point that does so by plain evaluation; where it refuses one, points are looked
    for that exceed ``rows.spare``, and no others are asked for.
    """
    clauses = len(rows.starts) - 1
    parts = Parts(
        np.tile(low, (clauses, 1)),
        np.tile(high, (clauses, 1)),
        np.arange(clauses),
        np.full(clauses, -np.inf),
        np.zeros((clauses, MOST_SPLITS), dtype=np.int32),
    )
    lanes = [_Lane(chain, rows) for _ in range(LANES)]
    length, longest = FIRST_ROUND, _longest_round(chain)
    most = MOST_BYTES // sum(a.nbytes // clauses for a in parts)
    with _telling():
        # Without parts: the first call ever compiles for seconds, which is not the search's time.
        before = deadline.left_s()
        lanes[0].search(_each(lambda a: a[:0], parts), 0)
        deadline = deadline.later(before - deadline.left_s())
    threads = ThreadPoolExecutor(min(LANES, len(os.sched_getaffinity(0))))
    with threads as pool, _stopped(deadline, lanes):
        while 0 < len(parts.clause) < most and not deadline.over():
            dealt = [_each(lambda a, i=i: a[i::LANES], parts) for i in range(LANES)]
            left = list(pool.map(lambda lane, own, limit=length: lane.search(own, limit), lanes, dealt))
            # Upside down: every round dives somewhere else, where a violation may be near.
            parts = _each(lambda *arrays: np.concatenate(arrays)[::-1], *left)
            for lane in lanes:
                if lane.state[2] and confirm(lane.lines.point):
                    return Outcome(-np.inf, lane.lines.point.copy(), len(parts.clause), _done(lanes))
                if lane.state[2]:
                    _demand(lanes, rows.spare)
            length = min(2 * length, longest)
    ends = [lane.state[:2].min() for lane in lanes]
    bound = float(np.min([*ends, *parts.bound]))
    return Outcome(bound, None, len(parts.clause) + sum(lane.stuck for lane in lanes), _done(lanes))


@contextmanager
def _stopped(deadline: Deadline, lanes: list[_Lane]) -> Iterator[None]:
    """The lanes are told when the time is over: a part of a large network may take long."""
    done = threading.Event()

    def watch() -> None:
        while not deadline.over():
            if done.wait(LOOK_S):
                return
        for lane in lanes:
            lane.work.stop[0] = True

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@contextmanager
def _telling() -> Iterator[None]:
    line = "compiling the search once for this machine ..."
    timer = threading.Timer(QUIET_S, lambda: print(line, file=sys.stderr, flush=True))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _each(act: Callable[..., NDArray[Any]], *parts: Parts) -> Parts:
    return Parts(*(act(*arrays) for arrays in zip(*parts, strict=True)))


def _longest_round(chain: Chain) -> int:
    """In parts; one takes a pass forward and, for about a tenth of the neurons, one back."""
    return max(FIRST_ROUND, int(ROUND_COST / (len(chain.weights) * (30.0 + 0.1 * len(chain.biases)))))


def _demand(lanes: list[_Lane], proof: Floats) -> None:
    for lane in lanes:
        lane.state[2] = 0.0
        lane.rows = lane.rows._replace(proof=proof)


def _done(lanes: list[_Lane]) -> int:
    return sum(lane.done for lane in lanes)
