"""A planner's forecast: which lines relays would trip, in linear power flow, once a dispatch is reached."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.control.dc_model import DcModel

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

MAX_TRIPS = 12


@dataclass(frozen=True)
class Forecast:
    """trips: lines expected to trip; worst: highest loading before any trip, per unit of rating."""

    trips: int
    worst: float


def forecast(
    dc: DcModel,
    closed: Flags,
    injection_mw: Floats,
    offset_mw: Floats,
    rating_mva: Floats,
    pickup: float,
) -> Forecast:
    """Trip the most loaded line above ``pickup`` until none is left, the grid splits or MAX_TRIPS is reached.

    injection_mw: (n_bus,); offset_mw: (n_branch,) what that model leaves out. A split ends the forecast and
    counts as one trip more.
    """
    loading = np.abs(dc.flows(injection_mw) + offset_mw) / rating_mva
    worst = float(loading.max())
    trips = 0
    closed = closed.copy()
    while trips < MAX_TRIPS and loading.max() > pickup:
        line = int(loading.argmax())
        trips += 1
        if dc.splits(line):
            return Forecast(trips + 1, worst)
        closed[line] = False
        dc = dc.with_status(closed)
        loading = np.abs(dc.flows(injection_mw) + offset_mw * closed) / rating_mva
    return Forecast(trips, worst)
