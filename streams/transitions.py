"""When tampering shows on a link and when it ends, told from what taps do to values and not from orders."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.taps import Channel, SlotTap, Vector

Mask = NDArray[np.bool_]

_NEUTRAL = {"offset": 0.0, "scale": 1.0, "delay": 0.0}
"""Value with which an operation changes nothing: how an attacker withdraws."""


class Transition(NamedTuple):
    """A link on which tampering began (``tap_in``) or ended (``tap_out``), at the first value that shows it.

    operation: of the tap that began or ended it; tags: how many were tampered with when it began or ended.
    """

    t_s: float
    kind: Literal["tap_in", "tap_out"]
    link: str
    operation: str
    tags: int


class _Tampering(NamedTuple):
    """What acts on a link: the first tag's operation, and the slots that are tampered with."""

    operation: str
    slots: NDArray[np.intp]


class Watch:
    """Follows the links of one channel. ``links``: link of each slot."""

    def __init__(self, channel: Channel, links: Sequence[str]) -> None:
        self._channel = channel
        self._links = links
        self._slots: dict[str, list[int]] = defaultdict(list)
        for slot, link in enumerate(links):
            self._slots[link].append(slot)
        self._acting: dict[str, _Tampering] = {}
        self._shown: dict[str, _Tampering] = {}
        self._open = False

    @property
    def idle(self) -> bool:
        """Whether the next application cannot show anything new."""
        return not (self._open or self._channel.changed)

    def look(
        self, t_s: float, measured: Vector, received: Vector, arriving: Mask | None = None
    ) -> list[Transition]:
        """What an application of the channel shows.

        A link is tampered with from the first value that a tap changes to the first arrival at which no tap
        acts that could change one. A tap that gives the measured value for once does not interrupt it; being
        over or adding nothing ends it. arriving: slots whose values reach the receiver now, None for all.
        """
        if self._channel.changed:
            self._channel.changed = False
            self._acting = self._find_acting()
            # A tap that takes over without a gap is no transition.
            self._shown |= {link: now for link, now in self._acting.items() if link in self._shown}
        ended = [
            link
            for link in sorted(self._shown.keys() - self._acting.keys())
            if arriving is None or arriving[self._slots[link]].any()
        ]
        begun = [
            link
            for link in sorted(self._acting.keys() - self._shown.keys())
            if _differs(measured, received, self._acting[link].slots, arriving)
        ]
        found = [_transition(t_s, "tap_out", link, self._shown.pop(link)) for link in ended]
        found += [_transition(t_s, "tap_in", link, self._acting[link]) for link in begun]
        self._shown |= {link: self._acting[link] for link in begun}
        self._open = self._shown.keys() != self._acting.keys()
        return found

    def _find_acting(self) -> dict[str, _Tampering]:
        active = self._channel.active
        can = {tap.number: _can_change(tap) for tap in active.values()}
        slots: dict[str, list[int]] = defaultdict(list)
        for slot in sorted(active):
            if can[active[slot].number][slot]:
                slots[self._links[slot]].append(slot)
        return {
            link: _Tampering(active[own[0]].operation, np.array(own, dtype=np.intp))
            for link, own in slots.items()
        }


def _can_change(tap: SlotTap) -> dict[int, bool]:
    """Slot -> whether the tap can make of a value another one."""
    if tap.operation == "drop":
        return dict.fromkeys(tap.slots.tolist(), True)
    can = (tap.eps > 0.0) & (tap.values != _NEUTRAL.get(tap.operation, np.nan))
    return dict(zip(tap.slots.tolist(), can.tolist(), strict=True))


def _differs(measured: Vector, received: Vector, slots: NDArray[np.intp], arriving: Mask | None) -> bool:
    if arriving is not None:
        slots = slots[arriving[slots]]
    sent, got = measured[slots], received[slots]
    return bool(((sent != got) & ~(np.isnan(sent) & np.isnan(got))).any())


def _transition(
    t_s: float, kind: Literal["tap_in", "tap_out"], link: str, tampering: _Tampering
) -> Transition:
    return Transition(t_s, kind, link, tampering.operation, len(tampering.slots))
