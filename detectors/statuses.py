"""Received switch statuses: which state a value shows, and whether a perturbation could change that.

A status counts as closed from CLOSED_FROM up and as open from OPEN_TO down; what lies between is unreadable,
as if it were missing. Two thresholds, so that no change below FLIP carries an exact 0 or 1 out of its state.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.dc import Bools, Floats, GridIndex
from detectors.perturbation import FLIP, Perturbation

CLOSED_FROM = 1.0 - FLIP
OPEN_TO = FLIP


def read_states(statuses: Floats) -> Floats:
    """1 closed, 0 open, NaN unreadable or missing; same shape."""
    return np.where(statuses >= CLOSED_FROM, 1.0, np.where(statuses <= OPEN_TO, 0.0, np.nan))


def hold_states(read: Floats, before: Bools) -> Bools:
    """Closed or not, (scans, branches), oldest first: what is unreadable holds its last readable state.

    read: as from ``read_states``; before: (branches,), the states before the first scan.
    """
    held, out = before.copy(), np.empty(read.shape, dtype=bool)
    for scan, row in enumerate(read):
        np.copyto(held, row == 1.0, where=~np.isnan(row))
        out[scan] = held
    return out


@dataclass(frozen=True)
class StatusReach:
    """Per branch: a status from ``closed_from`` up, to ``open_to`` down or strictly between ``lost_above``
    and ``lost_below`` keeps its class under every change within its eps. Edges are rounded inward.
    """

    closed_from: Floats
    open_to: Floats
    lost_above: Floats
    lost_below: Floats

    @staticmethod
    def build(index: GridIndex, eps: Perturbation) -> StatusReach:
        """Reach of a perturbation; protected statuses, and branches without a status tag, do not move."""
        half = eps.half_widths(
            index.status_names, index.status_low, index.status_high, index.status_protected
        )

        def edge(value: float, by: Floats, towards: float) -> Floats:
            return np.where(by == 0.0, value, np.nextafter(value + by, towards))

        return StatusReach(
            edge(CLOSED_FROM, half, np.inf), edge(OPEN_TO, -half, -np.inf),
            edge(OPEN_TO, half, np.inf), edge(CLOSED_FROM, -half, -np.inf),
        )  # fmt: skip

    def steady(self, statuses: Floats) -> Bools:
        """Scans in which no status can change its class, (scans,). A missing one stays missing."""
        kept = (statuses >= self.closed_from) | (statuses <= self.open_to) | np.isnan(statuses)
        kept |= (statuses > self.lost_above) & (statuses < self.lost_below)
        return np.asarray(kept.all(axis=1))

    def band(self, closed: Bools) -> tuple[Floats, Floats]:
        """(lowest, highest) status per branch that surely shows this topology, whatever moves within eps."""
        return np.where(closed, self.closed_from, -np.inf), np.where(closed, np.inf, self.open_to)
