"""Instruments that freeze: random faults of a run, drawn ahead."""

from __future__ import annotations

import numpy as np

from simulator.draws import Draws
from simulator.nature.fault import Fault

# A frozen value is a failure that the instrument does not notice; of the order that reliability data books
# (OREDA) give for transmitters, 1 per million hours. It stays a day on average, declared.
STUCK_PER_H = 1e-6
STUCK_MEAN_H = 24.0
BLOCK_STEPS = 4


def frozen_instruments(seed: int, tag_names: tuple[str, ...], duration_s: float) -> list[Fault]:
    """Stuck values of a run: at most a few tags in a year of all of them."""
    gap = Draws(seed, "stuck", tag_names, kind="uniform", block_steps=BLOCK_STEPS)
    lasts = Draws(seed, "stuck-lasts", tag_names, kind="uniform", block_steps=BLOCK_STEPS)
    begins_s, n = np.zeros(len(tag_names)), 0
    found: list[Fault] = []
    while True:
        begins_s = begins_s - np.log1p(-gap.at(n)) * 3600.0 / STUCK_PER_H
        hit = np.flatnonzero(begins_s < duration_s)
        if not len(hit):
            return sorted(found)
        for tag in hit.tolist():
            end_s = begins_s[tag] - STUCK_MEAN_H * 3600.0 * np.log1p(-lasts.at(n)[tag])
            fault = Fault(float(begins_s[tag]), "instrument_stuck", tag_names[tag], float(end_s), 0.0, "wear")
            found.append(fault)
        n += 1
