"""Which open branch operators may close next, judged by what they received."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.control.redispatch import Redispatch

Floats = NDArray[np.float64]
Index = NDArray[np.int64]
Flags = NDArray[np.bool_]

SYNCHRONISM_HZ = 0.067
"""Largest difference of frequencies at which islands are tied: a slip of 0.067 Hz (IEEE C50.12, C50.13)."""

BAND_HZ = 0.2
"""An island outside this band about nominal frequency is left to recover first."""

LIVE_PU = 0.9
HIGH_PU = 1.1
"""A bus above this energises nothing: another line without load would raise it further."""

NO_WORSE_PU = 0.01
"""Share of rating by which a loading above the emergency rating may seem to grow: less than meters can
tell."""


class Sight(NamedTuple):
    """What operators see. voltage_pu, island, load_mw (n_bus,): received magnitude, believed island label,
    nominal load; island_hz: label -> received frequency; headroom_mw: label -> what its units can still give
    within ten minutes; nominal_hz."""

    voltage_pu: Floats
    island: Index
    load_mw: Floats
    island_hz: dict[int, float]
    headroom_mw: dict[int, float]
    nominal_hz: float

    def steady(self, label: int) -> bool:
        """Whether an island is near nominal frequency; False for one without a frequency."""
        return abs(self.island_hz.get(label, np.inf) - self.nominal_hz) <= BAND_HZ


def may_close(branch: int, sight: Sight, redispatch: Redispatch, dead: Flags) -> str:
    """ "loop", "energise" or "tie" for a branch that may be closed now, "" for one that must wait."""
    start, end = int(redispatch.dc.network.start[branch]), int(redispatch.dc.network.end[branch])
    if dead[start] and dead[end]:
        return ""
    if dead[start] or dead[end]:
        return "energise" if _carries(end if dead[start] else start, sight) else ""
    if min(sight.voltage_pu[start], sight.voltage_pu[end]) < LIVE_PU:
        return ""
    sides = int(sight.island[start]), int(sight.island[end])
    if sides[0] == sides[1]:
        return "loop" if _overloads_nothing(branch, redispatch) else ""
    if not all(sight.steady(label) for label in sides):
        return ""
    slip = abs(sight.island_hz[sides[0]] - sight.island_hz[sides[1]])
    return "tie" if slip <= SYNCHRONISM_HZ else ""


def _carries(live: int, sight: Sight) -> bool:
    """Whether a live bus is fit to energise a dead one, whose load has been cut off before."""
    label = int(sight.island[live])
    return bool(LIVE_PU <= sight.voltage_pu[live] <= HIGH_PU and sight.steady(label))


def _overloads_nothing(branch: int, redispatch: Redispatch) -> bool:
    """Linear prediction from received flows: no loading above the emergency rating that is not there already.

    Up to it the next redispatch relieves what the closing brings; the branch itself must keep to its rating.
    The flow on the closed branch is b dtheta / (1 + b X), X the transfer reactance between its ends.
    """
    dc = redispatch.dc
    network = dc.network
    start, end = int(network.start[branch]), int(network.end[branch])
    if not dc.connected[start]:
        return True  # another island than the main one: no picture of its flows, and few of them
    through = np.zeros(network.n_bus)
    through[start], through[end] = 1.0, -1.0
    spread = dc.angles(through)
    susceptance = network.susceptance[branch]
    angle = dc.angles(redispatch.believed_injections())
    flow = susceptance * (angle[start] - angle[end]) / (1.0 + susceptance * (spread[start] - spread[end]))
    own = abs(flow) / redispatch.rating_mva[branch]
    return bool(own <= 1.0 and bearable(redispatch, -flow * through))


def bearable(redispatch: Redispatch, change_mw: Floats) -> bool:
    """Whether a change of injections (n_bus,) puts no line further above its emergency rating."""
    before = redispatch.expected_loading(np.zeros(len(change_mw)))
    after = redispatch.expected_loading(change_mw)
    return bool(((after <= redispatch.emergency_factor) | (after <= before + NO_WORSE_PU)).all())
