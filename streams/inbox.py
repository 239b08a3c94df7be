"""The receiving half of lockstep: what is due in an exchange, complete, counted and in order.

Every producer of a topic ends its part of exchange k with a marker on each partition, which says how many
messages it wrote there. A reader waits for the markers of all producers, then compares. Message numbers run
without gaps per producer, so a loss that a duplicate makes up for is noticed too.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from operator import attrgetter

from streams.bus import Bus, Record
from streams.codec import Malformed, decode
from streams.errors import RunFailed
from streams.messages import Abort, AnyMessage, Marker
from streams.topics import MODEL, full_name

WRITTEN_ONCE = frozenset({MODEL})
"""Topics written in exchange 0 only: nobody marks or awaits them later, which saves their traffic."""

_order = attrgetter("producer", "seq")


class Aborted(RunFailed):
    """Another participant stopped the run; carries its ``Abort``."""

    def __init__(self, abort: Abort) -> None:
        self.abort = abort
        super().__init__(f"{abort.producer} stopped the run in exchange {abort.k}: {abort.reason}")


class _Due:
    """What arrived of one topic in one exchange: messages per partition, markers per partition."""

    __slots__ = ("announced", "markers", "messages")

    def __init__(self, partitions: int) -> None:
        self.messages: list[list[AnyMessage]] = [[] for _ in range(partitions)]
        self.markers: set[tuple[str, int]] = set()
        self.announced = [0] * partitions


class Inbox:
    """Reads the topics of one role. ``expected``: topic -> role names that write it in this run.

    dead_letter is called with each record that is no message; such a record counts for nobody.
    timeout_s: wall seconds to wait for one exchange's inputs.
    """

    def __init__(
        self,
        bus: Bus,
        run: str,
        reads: Mapping[str, int],
        expected: Mapping[str, Collection[str]],
        timeout_s: float,
        dead_letter: Callable[[str, Record, str], None],
    ) -> None:
        self._reads = dict(reads)
        self._expected = {topic: frozenset(expected.get(topic, ())) for topic in reads}
        self._short = {full_name(run, topic): topic for topic in reads}
        self._partitions = {topic: bus.partitions(full_name(run, topic)) for topic in reads}
        self._subscription = bus.subscribe(list(self._short)) if reads else None
        self._timeout_s = timeout_s
        self._dead_letter = dead_letter
        self._due: dict[tuple[str, int], _Due] = {}
        self._finished = dict.fromkeys(reads, -1)
        self._next_seq: dict[tuple[str, str], int] = defaultdict(int)

    def gather(self, k: int) -> dict[str, list[AnyMessage]]:
        """Messages due in exchange k per topic read, ordered by (producer, seq).

        A topic read with lag 1 gives those of k - 1. Raises RunFailed when a message was lost, duplicated or
        late, or when the wait exceeds ``timeout_s``; Aborted when another participant gave up.
        """
        inbox: dict[str, list[AnyMessage]] = {topic: [] for topic in self._reads}
        awaited = {
            topic: k - lag
            for topic, lag in self._reads.items()
            if k >= lag and self._expected[topic] and not (topic in WRITTEN_ONCE and k > lag)
        }
        self._wait(awaited)
        for topic, exchange in awaited.items():
            inbox[topic] = self._settle(topic, exchange)
        return inbox

    def close(self) -> None:
        """Stop reading."""
        if self._subscription is not None:
            self._subscription.close()

    def _wait(self, awaited: Mapping[str, int]) -> None:
        deadline = time.monotonic() + self._timeout_s
        while missing := [pair for pair in awaited.items() if not self._complete(*pair)]:
            left_s = deadline - time.monotonic()
            if left_s <= 0.0:
                waiting = "; ".join(f"{self._missing(*pair)} on {pair[0]}" for pair in missing)
                raise RunFailed(
                    f"no end of exchange {missing[0][1]} within {self._timeout_s:g} s: waiting for {waiting}"
                )
            assert self._subscription is not None
            for record in self._subscription.poll(left_s):
                self._take(record)

    def _complete(self, topic: str, exchange: int) -> bool:
        due = self._due.get((topic, exchange))
        needed = len(self._expected[topic]) * self._partitions[topic]
        return due is not None and len(due.markers) == needed

    def _missing(self, topic: str, exchange: int) -> str:
        due = self._due.get((topic, exchange))
        seen = due.markers if due else set()
        needed = ((name, p) for name in self._expected[topic] for p in range(self._partitions[topic]))
        return ", ".join(sorted({name for name, p in needed if (name, p) not in seen}))

    def _take(self, record: Record) -> None:
        topic = self._short[record.topic]
        try:
            message = decode(record.payload)
        except Malformed as error:
            self._dead_letter(topic, record, str(error))
            return
        if type(message) is Abort:
            raise Aborted(message)
        if not self._expected[topic]:
            raise RunFailed(f"topic {topic}: {message.producer} writes on it but nobody is expected to")
        k = message.k
        if k <= self._finished[topic]:
            raise RunFailed(
                f"topic {record.topic}: {type(message).__name__} of {message.producer} for exchange {k} came "
                "after its end; was this run id used before?"
            )
        due = self._due.get((topic, k))
        if due is None:
            due = self._due[topic, k] = _Due(self._partitions[topic])
        if type(message) is Marker:
            self._mark(topic, record.partition, message, due)
        else:
            due.messages[record.partition].append(message)

    def _mark(self, topic: str, partition: int, marker: Marker, due: _Due) -> None:
        if marker.producer not in self._expected[topic]:
            raise RunFailed(f"topic {topic}: {marker.producer} writes on it but is not expected in this run")
        if (marker.producer, partition) in due.markers:
            raise RunFailed(
                f"topic {topic}: {marker.producer} ended exchange {marker.k} twice; was this run id used "
                "before?"
            )
        due.markers.add((marker.producer, partition))
        due.announced[partition] += marker.count

    def _settle(self, topic: str, exchange: int) -> list[AnyMessage]:
        due = self._due.pop((topic, exchange))
        self._finished[topic] = sys.maxsize if topic in WRITTEN_ONCE else exchange
        for partition, messages in enumerate(due.messages):
            if len(messages) != due.announced[partition]:
                raise RunFailed(
                    f"topic {topic}, partition {partition}, exchange {exchange}: {due.announced[partition]} "
                    f"messages were announced and {len(messages)} arrived"
                )
        ordered = sorted((m for messages in due.messages for m in messages), key=_order)
        for message in ordered:
            number = self._next_seq[topic, message.producer]
            if message.seq != number:
                raise RunFailed(
                    f"topic {topic}, exchange {exchange}: message {number} of {message.producer} was "
                    f"expected and {message.seq} came: one is lost or came twice"
                )
            self._next_seq[topic, message.producer] = number + 1
        return ordered
