"""When it storms: intervals per area, drawn or declared.

Normal and adverse weather alternate as in the two-state model of Billinton and Allan, Reliability Evaluation
of Power Systems (1996), chapter 8: a mean of NORMAL_H hours between storms that last STORM_H on average.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from simulator.draws import Draws
from simulator.nature.climate import MONTH_STORMS
from simulator.settings import Storm
from streams.errors import BadInput

NORMAL_H = 200.0
STORM_H = 1.5
# Storms that began this long before the start may still go on.
BEFORE_H = 12


class Spell(NamedTuple):
    """A storm over one area, from ``start_s`` to ``end_s``; the first may have begun before t = 0."""

    area: int
    start_s: float
    end_s: float


def declared_storms(storms: Sequence[Storm], areas: Sequence[int]) -> list[Spell]:
    """The scenario's own storms. Raises BadInput for an area that the grid does not have."""
    spells = []
    for number, storm in enumerate(storms):
        if storm.area and storm.area not in areas:
            allowed = f"0 for everywhere, or one of {', '.join(map(str, areas))}"
            raise BadInput(f"nature.storm[{number}].area", storm.area, allowed)
        over = areas if storm.area == 0 else (storm.area,)
        spells += [Spell(int(area), storm.start_s, storm.end_s) for area in over]
    return spells


def drawn_storms(seed: int, first: datetime, duration_s: float, areas: Sequence[int]) -> list[Spell]:
    """Storms of a run whose hours count from ``first``: each hour may begin one; lengths are exponential."""
    hours = BEFORE_H + int(duration_s // 3600.0) + 2
    elements = tuple(f"area{area}" for area in areas)
    roles = ("storm-begins", "storm-minute", "storm-lasts")
    begins, minute, lasts = (Draws(seed, role, elements, kind="uniform") for role in roles)
    spells = []
    for n in range(hours):
        rate = MONTH_STORMS[(first + timedelta(hours=n - BEFORE_H)).month - 1] / NORMAL_H
        for i in np.flatnonzero(begins.at(n) < 1.0 - np.exp(-rate)).tolist():
            start_s = (n - BEFORE_H + float(minute.at(n)[i])) * 3600.0
            end_s = start_s - STORM_H * 3600.0 * float(np.log1p(-lasts.at(n)[i]))
            if end_s > 0.0:
                spells.append(Spell(int(areas[i]), start_s, end_s))
    return spells
