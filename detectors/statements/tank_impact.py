"""Impact certificate of a tank: the largest false level that stays silent, and whether harm comes first.

The balance row of lag L compares the rise of the mean received level over L with the metered, protected
inflow. With m(t) the lie (mean of one block of samples, received minus true; zero before it starts), every
row moves by exactly m(t) - m(t - L), so a lie is silent for sure only while

    |m(t) - m(t - L)| <= tolerance_L      for every lag L and all t.

These are difference constraints; the largest m(t) is the shortest path from 0 to t (Cormen et al.,
Introduction to Algorithms, "Difference constraints and shortest paths"). Going back in time never costs more
than going forward, so one pass suffices:

    D(t) = min over lags of  D(max(t - L, 0)) + tolerance_L,

and m = D is itself silent, so the bound is exact for these rows. It grows without end: who creeps slowly
enough is not seen by any row of finite lag. What counts is whether harm comes before the creep is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from detectors.features import Calibration, Floats
from detectors.water_features import BLOCK, WaterIndex
from streams.errors import BadInput

ASSUMPTIONS = (
    "The net inflow is metered over a protected link; area and meter are as calibrated.",
    "Without the lie every row lies within scatter_sigma times its sigma; a row alarms beyond alarm_sigma.",
    "The lie is the mean over one block of samples: a pattern whose every block has mean zero moves no row.",
    "The net outflow is constant; nobody acts before the received level falls to act_below_m.",
)


class TankHarm(NamedTuple):
    """unsafe_s: from the start of the lie to the unsafe level; exposed_s: to the first sample at which every
    lie that is large enough moves a row for sure, None where there is none before that; needed_m: lie at the
    unsafe level; silent_m: largest silent lie by then; fastest_hidden_m3_h: no faster net outflow can be
    hidden to the end, None where none can within the horizon; detected_first: guaranteed detection before
    harm."""

    unsafe_s: float
    exposed_s: float | None
    needed_m: float
    silent_m: float
    fastest_hidden_m3_h: float | None
    detected_first: bool


def row_tolerances(
    index: WaterIndex, calibration: Calibration, tank: int, alarm_sigma: float, scatter_sigma: float
) -> Floats:
    """(lags,) m: by how much a lie may move each row of a tank and still be silent at best."""
    if not (np.isfinite([alarm_sigma, scatter_sigma]).all() and min(alarm_sigma, scatter_sigma) >= 0.0):
        raise BadInput("sigma", (alarm_sigma, scatter_sigma), "finite, 0 or more")
    lags = len(index.lags)
    sigma = calibration.sigma[tank * lags : (tank + 1) * lags]
    return np.nextafter((alarm_sigma + scatter_sigma) * sigma, np.inf)


def silent_lie(lags: Sequence[int], tolerance_m: Floats, samples: int) -> Floats:
    """(samples + 1,) largest silent lie, m, at every sample after its start, rounded up.

    lags: in samples, at least 1; tolerance_m: (lags,), 0 or more. Raises BadInput.
    """
    if not len(lags) or len(lags) != len(tolerance_m) or min(lags) < 1:
        raise BadInput("lags", list(lags), "one or more of at least one sample, each with a tolerance")
    if not (np.isfinite(tolerance_m).all() and (np.asarray(tolerance_m) >= 0.0).all()):
        raise BadInput("tolerance", list(tolerance_m), "finite, 0 m or more")
    lie = np.zeros(samples + 1)
    steps = list(zip(lags, np.asarray(tolerance_m).tolist(), strict=True))
    for t in range(1, samples + 1):
        lie[t] = min(float(np.nextafter(lie[max(t - lag, 0)] + allowed, np.inf)) for lag, allowed in steps)
    return lie


def harm(
    lie_m: Floats,
    period_s: float,
    area_m2: float,
    level_m: float,
    unsafe_m: float,
    act_below_m: float,
    outflow_m3_h: float,
) -> TankHarm:
    """Whether a tank that drains from level_m at a constant net outflow can be shown above act_below_m until
    it is unsafe. lie_m: from ``silent_lie``, long enough for the drain. Raises BadInput.

    The lie that is needed never falls, so the mean of a block is at least what its oldest sample needed.
    """
    if not (np.isfinite(outflow_m3_h) and outflow_m3_h > 0.0):
        raise BadInput("net outflow", outflow_m3_h, "above 0 m3/h")
    if not unsafe_m < min(level_m, act_below_m):
        raise BadInput("unsafe level", unsafe_m, "below the present level and the level of action")
    fall = outflow_m3_h * period_s / 3600.0 / area_m2
    unsafe_at = int(np.ceil((level_m - unsafe_m) / fall))
    if unsafe_at >= len(lie_m):
        raise BadInput("horizon", (len(lie_m) - 1) * period_s, f"at least {unsafe_at * period_s:g} s")
    needed = act_below_m - unsafe_m
    reached = np.flatnonzero(lie_m >= needed)
    fastest = None
    if reached.size:
        fastest = (level_m - unsafe_m) * area_m2 / (max(int(reached[0]), 1) * period_s / 3600.0)
    oldest = np.maximum(np.arange(unsafe_at) - (BLOCK - 1), 0)
    exposed = np.flatnonzero(np.maximum(act_below_m - (level_m - fall * oldest), 0.0) > lie_m[:unsafe_at])
    return TankHarm(
        unsafe_at * period_s,
        float(exposed[0]) * period_s if exposed.size else None,
        needed,
        float(lie_m[unsafe_at]),
        fastest,
        bool(exposed.size),
    )
