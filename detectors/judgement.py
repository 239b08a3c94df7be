"""What is said of one window, and what a bound, or several, allow to be said."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.bounds import Bounder
from detectors.bounds.bounder import Range
from streams.messages import VerdictValue

Floats = NDArray[np.float64]

OVERFLOWN = 1e9
"""Score of telemetry out of all proportion: it alarms, whatever a network makes of what it never saw."""
PLAIN = "plain: "
"""Begins the method of a judgement that certifies nothing but has a score all the same."""


class Judgement(NamedTuple):
    """value: verdict; score: logit at the received window (0 where none); low, high: certified range of it.

    margin: distance of the deciding bound from 0, None if uncertain; method: "interval", "linear",
    "plain: why" where there is a score but no bound, or "none: why" where nothing was judged; topology: hex
    switch state; free_tags: tags that were missing and range freely in the box.
    """

    value: VerdictValue
    score: float
    low: float
    high: float
    margin: float | None
    method: str
    topology: str
    free_tags: tuple[str, ...]

    @property
    def alarm(self) -> bool:
        """Plain decision, uncertified."""
        return self.score > 0.0

    def uncertified(self, why: str) -> Judgement:
        """The same plain decision without a certificate."""
        return Judgement(
            "uncertain",
            self.score,
            -np.inf,
            np.inf,
            None,
            PLAIN + why,
            self.topology,
            self.free_tags,
        )


def unknown(why: str, topology: str = "") -> Judgement:
    """No window to judge: uncertain, no score."""
    return Judgement("uncertain", 0.0, -np.inf, np.inf, None, f"none: {why}", topology, ())


def decide(bounder: Bounder, centre: Floats, size: Floats, topology: str, free: tuple[str, ...]) -> Judgement:
    """Interval bound first, the linear bound where that leaves the sign open."""
    found, method = bounder.interval(centre, size), "interval"
    if found.low <= 0.0 < found.high:
        found, method = bounder.linear(centre, size), "linear"
    score = bounder.logit(centre)
    return settle(found, score, method, topology, free)


def settle(found: Range, score: float, method: str, topology: str, free: tuple[str, ...]) -> Judgement:
    """The verdict a bound allows: alarm is logit > 0."""
    low, high = found
    if math.isfinite(score):
        if 0.0 < low < math.inf:
            return Judgement("certified_alarm", score, low, high, low, method, topology, free)
        if -math.inf < high <= 0.0:
            return Judgement("certified_normal", score, low, high, -high, method, topology, free)
    return Judgement("uncertain", finite(score), low, high, None, method, topology, free)


def finite(score: float) -> float:
    """The score, or OVERFLOWN."""
    return score if math.isfinite(score) else OVERFLOWN


def jointly(own: Judgement, others: list[Judgement], why: str) -> Judgement:
    """What holds in several cases at once, of which ``own`` is the one the plain decision is taken from."""
    every = [own, *others]
    if own.margin is None or any(one.value != own.value for one in every):
        return own.uncertified(why)
    return own._replace(
        low=min(one.low for one in every),
        high=max(one.high for one in every),
        margin=min(one.margin for one in every if one.margin is not None),
        method="linear" if any(one.method == "linear" for one in every) else "interval",
    )


@dataclass(frozen=True)
class Plausible:
    """Values further outside their published range than it is wide alarm by themselves and are not certified.

    low, high: those limits; floor, roof: what no change within eps carries over them.
    """

    low: Floats
    high: Floats
    floor: Floats
    roof: Floats

    @staticmethod
    def build(low: Floats, high: Floats, reach: Floats) -> Plausible:
        """low, high: published ranges; reach: half widths of the box; all (columns,)."""
        width = high - low
        least, most, room = low - width, high + width, reach + 1e-6 * width
        return Plausible(least, most, least + room, most - room)

    def holds(self, values: Floats) -> bool:
        """Whether all values, (columns,), are plausible."""
        return bool(((values >= self.low) & (values <= self.high)).all())

    def heed(self, judged: Judgement, values: Floats) -> Judgement:
        """The judgement of a window with these values."""
        if ((values >= self.floor) & (values <= self.roof)).all():
            return judged
        score = judged.score if self.holds(values) else OVERFLOWN
        return judged._replace(score=score).uncertified("a value far outside its range")
