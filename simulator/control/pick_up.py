"""Which feeders operators close next."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.control.reclosing import LIVE_PU, Sight
from simulator.control.redispatch import Redispatch

Floats = NDArray[np.float64]

BLOCK_SHARE = 0.05
"""Largest step of load, share of the capacity that runs (PJM Manual 36, load pick-up)."""

RESERVE_SHARE = 0.05
"""Share of the capacity that runs which stays in reserve: the frequency must hold while load comes back."""

NO_WORSE_PU = 1e-3
"""Share of rating by which an overloaded line may seem to gain: small, as many pick-ups follow each other."""

LOWEST_HZ = 0.1
"""No load is picked up while frequency is further below nominal than this."""


def next_feeders(
    loads: NDArray[np.intp],
    feeders: Floats,
    usual: Floats,
    sight: Sight,
    capacity_mw: dict[int, float],
    redispatch: Redispatch,
) -> list[int]:
    """Buses that get one more feeder now, those with the smallest share connected first.

    loads: candidates; feeders, usual (n_bus,): closed now and when all is well; capacity_mw: by island. An
    island takes at most BLOCK_SHARE of its capacity and keeps RESERVE_SHARE of it in reserve; what would
    overload a line waits.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        share = feeders[loads] / usual[loads]
    left: dict[int, float] = {}
    chosen: list[int] = []
    for bus in loads[np.argsort(share, kind="stable")].tolist():
        label = int(sight.island[bus])
        hz = sight.island_hz.get(label, -np.inf)
        if hz < sight.nominal_hz - LOWEST_HZ or sight.voltage_pu[bus] < LIVE_PU:
            continue
        if label not in left:
            capacity = capacity_mw.get(label, 0.0)
            room = sight.headroom_mw.get(label, 0.0) - RESERVE_SHARE * capacity
            left[label] = min(BLOCK_SHARE * capacity, room)
        block = sight.load_mw[bus] / usual[bus]
        if block <= left[label]:
            left[label] -= block
            chosen.append(bus)
    while chosen and not _carried(chosen, usual, sight, redispatch):
        del chosen[len(chosen) // 2 :]
    return chosen


def _carried(chosen: list[int], usual: Floats, sight: Sight, redispatch: Redispatch) -> bool:
    """Whether no line is predicted above its rating by the load, or further above it; the reference bus is
    taken to supply it. Emergency ratings are no room for load: redispatch may have nothing to relieve it."""
    change = np.zeros(len(usual))
    change[chosen] = -sight.load_mw[chosen] / usual[chosen]
    before = redispatch.expected_loading(np.zeros(len(change)))
    after = redispatch.expected_loading(change)
    return bool(((after <= 1.0) | (after <= before + NO_WORSE_PU)).all())
