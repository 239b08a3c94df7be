"""Short gaps of slow samples, bridged for the plain decision of the water member.

A certificate never rests on a bridged value alone: it must hold with the missing values free as well. But one
lost sample must not blind a member that looks back two hours.
"""

from __future__ import annotations

import numpy as np

from detectors.features import Bools, Floats
from detectors.water_features import BLOCK, WaterIndex

LONGEST = BLOCK
"""Samples in a row that are bridged."""


def _gaps(missing: Bools) -> list[tuple[int, int]]:
    """(first, behind last) of every gap of at most LONGEST samples that has a sample before it."""
    edges = np.flatnonzero(np.diff(np.r_[False, missing, False].astype(int)))
    runs = [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return [(a, b) for a, b in runs if a > 0 and b - a <= LONGEST]


def bridge(index: WaterIndex, matrix: Floats, missing: Bools) -> tuple[Floats, Bools]:
    """Rows that read the neighbours of short gaps instead, and what is missing still.

    matrix: (rows, samples * columns); missing: (samples * columns,). Inside, a gap is a straight line. Behind
    the last sample, a level goes on by its inflow and an inflow stays as it is.
    """
    tanks, columns = len(index.tanks), index.columns.size
    out = matrix.reshape(-1, index.samples, columns).copy()
    left = missing.reshape(index.samples, columns).copy()
    for column in range(columns):  # levels first: what they take from inflows is bridged after them
        for a, b in _gaps(left[:, column].copy()):
            left[a:b, column] = False
            for at in range(b - 1, a - 1, -1):
                weight = out[:, at, column].copy()
                out[:, at, column] = 0.0
                if b < index.samples:
                    share = (at - a + 1) / (b - a + 1)
                    out[:, a - 1, column] += (1.0 - share) * weight
                    out[:, b, column] += share * weight
                    continue
                out[:, at - 1, column] += weight
                if column < tanks:
                    rise = index.period_s / 3600.0 / index.area_m2[column] / 2
                    out[:, at, column + tanks] += rise * weight
                    out[:, at - 1, column + tanks] += rise * weight
    return out.reshape(matrix.shape), left.reshape(-1)
