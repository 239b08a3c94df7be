"""Where governors settle once load is lost: lower power at a higher frequency."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Governors(NamedTuple):
    """Units (g,): mechanical power_mw, least low_mw, droop_mw_per_hz; damping_per_hz: share of its demand by
    which load grows with frequency."""

    power_mw: Floats
    low_mw: Floats
    droop_mw_per_hz: Floats
    damping_per_hz: float


def settle(governors: Governors, unit: Flags, lost_mw: float, left_mw: float) -> tuple[Floats, float]:
    """Power (g,) MW of all units, and rise of frequency, Hz, once the units ``unit`` (g,) of an island have
    answered the loss of ``lost_mw`` of its load, of which ``left_mw`` is left.

    Static droop: each gives droop_i df less, down to its least power, and load takes D df more (Kundur 1994,
    11.1). What units at their least power cannot give up stays a surplus.
    """
    before, droop = governors.power_mw, governors.droop_mw_per_hz
    room = np.maximum(before - governors.low_mw, 0.0)
    free, pinned_mw, rise_hz = unit & (droop > 0.0), 0.0, 0.0
    while free.any():
        stiffness = float(droop[free].sum()) + governors.damping_per_hz * left_mw
        rise_hz = max(lost_mw - pinned_mw, 0.0) / stiffness
        beyond = free & (droop * rise_hz > room)
        if not beyond.any():
            break
        pinned_mw += float(room[beyond].sum())
        free &= ~beyond
    less = np.where(unit, np.minimum(droop * rise_hz, room), 0.0)
    return np.asarray(before - less), rise_hz
