"""Where further protected meters lower the worst hidden loading most: greedy on the proven bound.

A meter on line p adds F_p x = 0 to every programme, so bounds can only fall. That makes an old bound an upper
bound of the new one, and lines are solved again only while their old bound could still be the worst (the lazy
evaluation of Minoux 1978). No meter can lower what an honest report allows (tau 0): that is the floor.
Greedy is not optimal in general; ``best_set`` tries every set and is for few lines and meters.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from detectors.statements.grid_impact import GridImpact, Kind
from detectors.statements.grid_state import GridState

STEP_PU = 1e-6
"""A meter that lowers the worst bound by less lowers nothing."""

Item = tuple[int, int]
"""Line position and direction."""


class Placed(NamedTuple):
    """meter: line position, -1 for the state as it was; bound_pu: worst of all lines with it and all before;
    line: where that is."""

    meter: int
    bound_pu: float
    line: int


class Placement(NamedTuple):
    """steps: the first without a further meter; floor_pu: worst bound of an honest report; at_floor: whether
    no further meter can lower it."""

    steps: tuple[Placed, ...]
    floor_pu: float
    at_floor: bool


def place(state: GridState, tau: float, count: int, kind: Kind = "redispatched") -> Placement:
    """Up to ``count`` more meters, fewer where none lowers the worst bound any more."""
    floor = GridImpact(state, 0.0, kind).every_line()[0].bound_pu
    impact = GridImpact(state, tau, kind)
    bounds = {
        (int(line), sign): impact.direction(int(line), sign).bound_pu
        for line in np.flatnonzero(state.live)
        for sign in (1, -1)
    }
    metered = set(state.protected.tolist())
    steps = [_worst_of(bounds, -1)]
    while len(steps) <= count and steps[-1].bound_pu > floor + STEP_PU:
        step = _best_meter(impact, bounds, sorted({line for line, _ in bounds} - metered))
        if step is None:
            break
        metered.add(step.meter)
        impact.protect(step.meter)
        _refresh(impact, bounds)
        steps.append(step._replace(bound_pu=_worst_of(bounds, -1).bound_pu, line=_worst_of(bounds, -1).line))
    return Placement(tuple(steps), floor, steps[-1].bound_pu <= floor + STEP_PU)


def _worst_of(bounds: dict[Item, float], meter: int) -> Placed:
    line, sign = max(bounds, key=lambda item: bounds[item])
    return Placed(meter, bounds[line, sign], line)


def _best_meter(impact: GridImpact, bounds: dict[Item, float], candidates: Sequence[int]) -> Placed | None:
    """The candidate with the lowest worst bound; the first of equals; None where none lowers it."""
    best: Placed | None = None
    limit = _worst_of(bounds, -1).bound_pu - STEP_PU
    for meter in candidates:
        impact.protect(meter)
        found = _worst_below(impact, bounds, limit)
        impact.unprotect(meter)
        if found is not None:
            best, limit = Placed(meter, found[0], found[1]), found[0] - STEP_PU
    return best


def _worst_below(impact: GridImpact, bounds: dict[Item, float], limit: float) -> tuple[float, int] | None:
    """(worst bound, its line) of the programme as it is, or None as soon as it is above ``limit``."""
    worst, where = -np.inf, -1
    for item in sorted(bounds, key=lambda item: -bounds[item]):
        if bounds[item] <= worst:
            break
        bound = min(impact.direction(*item).bound_pu, bounds[item])
        if bound > limit:
            return None
        if bound > worst:
            worst, where = bound, item[0]
    return worst, where


def _refresh(impact: GridImpact, bounds: dict[Item, float]) -> None:
    """Solve again what could be the worst; others keep their older, larger bounds."""
    worst = -np.inf
    for item in sorted(bounds, key=lambda item: -bounds[item]):
        if bounds[item] <= worst:
            break
        bounds[item] = min(impact.direction(*item).bound_pu, bounds[item])
        worst = max(worst, bounds[item])


def best_set(state: GridState, tau: float, count: int, kind: Kind = "redispatched") -> tuple[set[int], float]:
    """The set of ``count`` more meters with the lowest worst bound, by trying all."""
    free = sorted(set(np.flatnonzero(state.live).tolist()) - set(state.protected.tolist()))
    found = {
        meters: GridImpact(
            replace(state, protected=np.sort(np.r_[state.protected, meters].astype(np.int64))), tau, kind
        )
        .every_line()[0]
        .bound_pu
        for meters in itertools.combinations(free, count)
    }
    best = min(found, key=lambda meters: found[meters])
    return set(best), found[best]
