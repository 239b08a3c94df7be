"""What a participant of the loop is, whichever package it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from streams.messages import AnyMessage


class Outgoing(msgspec.Struct, frozen=True, gc=False):
    """A message to publish: topic (short name of ``streams.topics``), partition key, message."""

    topic: str
    key: str
    message: AnyMessage


class Role(Protocol):
    """One participant: plant, estimator, detector, hub, responder, control, attacker or recorder.

    name: its producer name for markers, unique in the run.
    reads: topic -> lag; 0 means messages of the same exchange, 1 those of the exchange before.
    writes: every topic it may write; a marker follows on each in each exchange.
    """

    name: str
    reads: Mapping[str, int]
    writes: Sequence[str]

    def step(self, k: int, t_s: float, inbox: Mapping[str, Sequence[AnyMessage]]) -> list[Outgoing]:
        """Take part in exchange k at simulated time t_s.

        inbox: per topic read, the messages due (markers removed), ordered by (producer, seq).
        The plant model arrives in ``inbox["model"]`` at k = 0 for roles that read it.
        """
        ...

    def close(self) -> None:
        """Release what the role holds; called once, also after a failure."""
        ...
