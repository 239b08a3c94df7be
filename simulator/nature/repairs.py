"""Crews that repair in the order in which things failed."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import NamedTuple

TRAVEL_S = 3600.0


class Failure(NamedTuple):
    """Element ``position`` of its kind fails at ``t_s``; repairing it takes ``work_s`` on the spot."""

    t_s: float
    kind: str
    position: int
    work_s: float


class Outage(NamedTuple):
    """Element ``position`` of its kind is out from ``start_s`` to ``end_s``."""

    start_s: float
    kind: str
    position: int
    end_s: float


def repaired(failures: Sequence[Failure], crews: int | None) -> list[Outage]:
    """Outages in order of failure: first failed, first served, by the crew that is free first.

    A crew travels to each; crews: None where there are always enough. A failure of what is out already is
    passed over.
    """
    free_s = [0.0] * (crews or 0)
    out_until: dict[tuple[str, int], float] = {}
    outages = []
    for failure in sorted(failures):
        element = (failure.kind, failure.position)
        if failure.t_s < out_until.get(element, 0.0):
            continue
        begins_s = failure.t_s if crews is None else max(failure.t_s, heapq.heappop(free_s))
        end_s = begins_s + TRAVEL_S + failure.work_s
        if crews is not None:
            heapq.heappush(free_s, end_s)
        out_until[element] = end_s
        outages.append(Outage(failure.t_s, *element, end_s))
    return outages
