"""Stream statements: how many verdicts of a sliding window an attacker can make wrong by tampering with any m
scans, all other scans staying within their certified sets.

A verdict is given every ``stride`` scans on the newest ``scans`` of them. It is wrong where it is not what
the scans without tampering would have given; a certified verdict whose window holds no tampered scan is not.
docs/certificates/sets.md has the proofs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from streams.errors import BadInput


@dataclass(frozen=True)
class Pace:
    """scans: of one window; stride: scans from one verdict to the next. Raises BadInput below 1."""

    scans: int
    stride: int = 1

    def __post_init__(self) -> None:
        for name, value in (("scans of a window", self.scans), ("stride", self.stride)):
            if int(value) != value or value < 1:
                raise BadInput(name, value, "1 or more")

    @property
    def touched(self) -> int:
        """ceil(scans / stride): how many windows one scan is in, at most."""
        return -(-self.scans // self.stride)

    def span(self, verdicts: int) -> int:
        """Scans that ``verdicts`` successive verdicts are read from."""
        return (verdicts - 1) * self.stride + self.scans


@dataclass(frozen=True)
class StreamBound:
    """At most ``wrong`` of ``verdicts`` successive verdicts are wrong with ``tampered`` scans among the ones
    they are read from."""

    verdicts: int
    tampered: int
    wrong: int

    @property
    def share(self) -> float:
        """Of all verdicts."""
        return self.wrong / self.verdicts


def most_wrong(verdicts: int, pace: Pace, tampered: int) -> StreamBound:
    """If every verdict is certified: min(N, m ceil(scans / stride)), and some m scans do reach that many
    windows. Raises BadInput on counts below 1 (verdicts) or 0 (tampered)."""
    _check(verdicts, tampered)
    return StreamBound(verdicts, tampered, min(verdicts, tampered * pace.touched))


def most_wrong_given(certified: Sequence[bool], pace: Pace, tampered: int) -> StreamBound:
    """For N successive verdicts of which it is known which are certified, oldest first: all that are not may
    be wrong, and so may the certified ones that m scans can touch; the worst m scans, exactly."""
    return StreamBound(
        len(certified), tampered, int(most_wrong_sliding(certified, len(certified), pace, tampered)[0])
    )


def most_wrong_sliding(
    certified: Sequence[bool], verdicts: int, pace: Pace, tampered: int
) -> NDArray[np.int64]:
    """(len(certified) - verdicts + 1,) the same for every run of ``verdicts`` successive ones in a longer
    stream. Raises BadInput where the stream is shorter than that."""
    _check(verdicts, tampered)
    if verdicts > len(certified):
        raise BadInput("verdicts of the sliding window", verdicts, f"at most {len(certified)}, all there are")
    stands = sliding_window_view(np.asarray(certified, dtype=np.bool_), verdicts)
    before = np.zeros((len(stands), verdicts + 1), dtype=np.int64)
    np.cumsum(stands, axis=1, out=before[:, 1:])
    # best[:, j]: most certified windows among the first j that the scans placed so far touch.
    best = np.zeros_like(before)
    starts = np.maximum(np.arange(1, verdicts + 1) - pace.touched, 0)
    for _ in range(min(tampered, verdicts)):
        # One more scan, of which the newest window it touches is number j: it touches those from starts on.
        one_more = best[:, starts] + before[:, 1:] - before[:, starts]
        best[:, 1:] = np.maximum.accumulate(one_more, axis=1)
    return verdicts - before[:, -1] + best[:, -1]


def most_wrong_tolerant(tolerated: Sequence[int], pace: Pace, tampered: int) -> StreamBound:
    """For certificates that hold with any ``tolerated[j]`` scans of window j tampered with (-1: not
    certified, 0: certified for none). m scans make at most m ceil(scans / stride) hits, and window j takes
    tolerated[j] + 1 of them: the cheapest first. An upper bound, not always reached."""
    _check(len(tolerated), tampered)
    price = np.sort(np.maximum(np.asarray(tolerated, dtype=np.int64) + 1, 0))
    # No window holds more tampered scans than there are, or than it has scans.
    price = price[price <= min(tampered, pace.scans)]
    wrong = int(np.searchsorted(np.cumsum(price), tampered * pace.touched, side="right"))
    return StreamBound(len(tolerated), tampered, wrong)


def alarm_stands(alarming: int, needed: int, bound: StreamBound) -> bool:
    """Whether a hub that wants ``needed`` alarming verdicts of the ``bound.verdicts`` newest would alarm
    without the tampering as well, given that ``alarming`` of them alarm now: at most ``bound.wrong`` of these
    were brought about, so certainly from needed + wrong up."""
    return alarming - bound.wrong >= needed


def quiet_stands(alarming: int, needed: int, bound: StreamBound) -> bool:
    """Whether such a hub would be quiet without the tampering as well."""
    return alarming + bound.wrong < needed


def _check(verdicts: int, tampered: int) -> None:
    if int(verdicts) != verdicts or verdicts < 1:
        raise BadInput("verdicts of the sliding window", verdicts, "1 or more")
    if int(tampered) != tampered or tampered < 0:
        raise BadInput("tampered scans", tampered, "0 or more")
