"""When training runs start and which branch is out: every month, weekday, hour and branch equally often, in
an order of chance."""

from __future__ import annotations

import calendar
import math
from datetime import datetime

import numpy as np

YEAR = 2025
MONTHS, WEEKDAYS, HOURS = 12, 7, 24


def training_start(first_seed: int, number: int) -> datetime:
    """Start of run ``number`` of those from ``first_seed`` on; a function of these two alone.

    Any 12 runs from a multiple of 12 on hold each month once, so do 7 for weekdays and 24 for hours: the
    three are shuffled apart, so that over many runs every combination comes up.
    """
    month = 1 + _stratum(first_seed, 0, number, MONTHS)
    weekday = _stratum(first_seed, 1, number, WEEKDAYS)
    hour = _stratum(first_seed, 2, number, HOURS)
    first_day, days = calendar.monthrange(YEAR, month)
    candidates = range(1 + (weekday - first_day) % WEEKDAYS, days + 1, WEEKDAYS)
    day = candidates[int(_luck(first_seed, 3, number).integers(len(candidates)))]
    return datetime(YEAR, month, day, hour)


def training_outage(first_seed: int, number: int, share: float, branches: int) -> int | None:
    """Which of ``branches`` is out in run ``number``, None for none; a function of the arguments alone.

    In any row of n runs, n times ``share`` have an outage (to within one), and of those any ``branches`` from
    the first on hold each branch once.
    """
    before, after = math.floor(number * share), math.floor((number + 1) * share)
    return None if before == after else _stratum(first_seed, 4, before, branches)


def _stratum(first_seed: int, role: int, number: int, count: int) -> int:
    """Place of ``number`` in a shuffled row of ``count``; every ``count`` runs are shuffled anew."""
    row = _luck(first_seed, role, number // count).permutation(count)
    return int(row[number % count])


def _luck(first_seed: int, role: int, number: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=first_seed, counter=[0, 0, role + 1, number]))
