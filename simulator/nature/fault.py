"""One thing that breaks, declared or drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from simulator.settings import FaultKind, FaultSettings


class Fault(NamedTuple):
    """``element`` fails at ``start_s`` and is sound again at ``end_s`` (inf: never).

    size: as in FaultSettings; cause: "declared", "storm", "fault" (in normal weather), "wear".
    """

    start_s: float
    kind: FaultKind
    element: str
    end_s: float
    size: float
    cause: str


def declared_faults(entries: Sequence[FaultSettings]) -> list[Fault]:
    """The scenario's own faults."""
    return [
        Fault(e.start_s, e.kind, e.element, math.inf if e.end_s is None else e.end_s, e.size, "declared")
        for e in entries
    ]
