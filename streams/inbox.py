"""The receiving half of lockstep: what is due in an exchange, complete, counted and in order.

Every producer of a topic ends its part of exchange k with a marker on each partition, which says how many
messages it wrote there. A reader waits for the markers of all producers, then compares. Message numbers run
without gaps per producer, so a loss that a duplicate makes up for is noticed too. Only those who take part
may have written, so that no stray message makes up for one either.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from operator import attrgetter

import msgspec

from streams.bus import Bus, Record
from streams.codec import Malformed, decode
from streams.errors import RunFailed
from streams.messages import Abort, AnyMessage, Marker, PlantModelMessage
from streams.plant_model import stations_of
from streams.topics import MODEL, TELEMETRY, full_name

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


class _Topic:
    """One topic read: its short name and lag, who writes it, what is due by exchange, what was taken out.

    producers: who may have written a message. The roles that write the topic, but for telemetry: there the
    stations, anybody (None) until the plant model names them. next_seq: number of each one's next message.
    """

    __slots__ = ("due", "expected", "finished", "lag", "name", "next_seq", "partitions", "producers")

    def __init__(self, name: str, lag: int, expected: frozenset[str], partitions: int) -> None:
        self.name, self.lag, self.expected, self.partitions = name, lag, expected, partitions
        self.due: dict[int, _Due] = {}
        self.finished = -1
        self.producers = None if name == TELEMETRY else expected
        self.next_seq: dict[str, int] = defaultdict(int)

    def refuse_stranger(self, producer: str) -> None:
        """Raises RunFailed for a producer of messages who takes no part."""
        if self.producers is not None and producer not in self.producers:
            raise _stranger(self.name, producer)

    def awaited(self, k: int) -> int | None:
        """The exchange that must be complete in exchange k, None for nothing."""
        once = self.name in WRITTEN_ONCE and k > self.lag
        return k - self.lag if k >= self.lag and self.expected and not once else None

    def missing(self, exchange: int) -> list[str]:
        """Producers that have not ended the exchange on every partition."""
        due = self.due.get(exchange)
        if due is None:
            return sorted(self.expected)
        if len(due.markers) == len(self.expected) * self.partitions:
            return []
        needed = ((name, p) for name in self.expected for p in range(self.partitions))
        return sorted({name for name, p in needed if (name, p) not in due.markers})


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
        self._topics: dict[str, _Topic] = {}
        # The plant model first: it names the producers of telemetry.
        for topic, lag in sorted(reads.items(), key=lambda item: item[0] != MODEL):
            name = full_name(run, topic)
            self._topics[name] = _Topic(topic, lag, frozenset(expected.get(topic, ())), bus.partitions(name))
        self._subscription = bus.subscribe(list(self._topics)) if reads else None
        self._timeout_s = timeout_s
        self._dead_letter = dead_letter

    def gather(self, k: int) -> dict[str, list[AnyMessage]]:
        """Messages due in exchange k per topic read, ordered by (producer, seq).

        A topic read with lag 1 gives those of k - 1. Raises RunFailed when a message was lost, duplicated or
        late, or when the wait exceeds ``timeout_s``; Aborted when another participant gave up.
        """
        awaited = [
            (topic, exchange) for topic in self._topics.values() if (exchange := topic.awaited(k)) is not None
        ]
        self._wait(awaited)
        inbox: dict[str, list[AnyMessage]] = {topic.name: [] for topic in self._topics.values()}
        for topic, exchange in awaited:
            inbox[topic.name] = _settle(topic, exchange)
            if topic.name == MODEL:
                self._name_stations(inbox[MODEL])
        return inbox

    def finish(self, k: int) -> None:
        """After the last exchange, k: refuse whatever came and belongs to no exchange of the run.

        Sees what has come by now and waits for nothing. Raises RunFailed, or Aborted as ``gather`` does.
        """
        if self._subscription is None:
            return
        self._take(self._subscription.poll(0.0))
        for topic in self._topics.values():
            for exchange, due in topic.due.items():
                names = {message.producer for message in itertools.chain.from_iterable(due.messages)}
                for name in sorted(names):
                    topic.refuse_stranger(name)
                # What a topic read with lag 1 carries in the last exchange is nobody's to read.
                if not k - topic.lag < exchange <= k:
                    who = ", ".join(sorted(names | {name for name, _ in due.markers}))
                    raise RunFailed(
                        f"topic {topic.name}: {who} wrote for exchange {exchange}, but the run ended with "
                        f"exchange {k}"
                    )

    def close(self) -> None:
        """Stop reading."""
        if self._subscription is not None:
            self._subscription.close()

    def _wait(self, awaited: Sequence[tuple[_Topic, int]]) -> None:
        deadline = time.monotonic() + self._timeout_s
        while missing := [(t, k, names) for t, k in awaited if (names := t.missing(k))]:
            left_s = deadline - time.monotonic()
            if left_s <= 0.0:
                waiting = "; ".join(f"{', '.join(names)} on {topic.name}" for topic, _, names in missing)
                raise RunFailed(
                    f"no end of exchange {missing[0][1]} within {self._timeout_s:g} s: waiting for {waiting}"
                )
            assert self._subscription is not None
            self._take(self._subscription.poll(left_s))

    def _name_stations(self, models: Sequence[AnyMessage]) -> None:
        """From now on the stations of the plant model write telemetry, and nobody else."""
        telemetry = next((topic for topic in self._topics.values() if topic.name == TELEMETRY), None)
        for model in models:
            if telemetry is not None and isinstance(model, PlantModelMessage):
                try:
                    telemetry.producers = stations_of(model.document)
                except msgspec.DecodeError as error:
                    raise RunFailed(f"the plant model cannot be read: {error}") from error

    def _take(self, records: Sequence[Record]) -> None:
        for record in records:
            topic = self._topics[record.topic]
            try:
                message = decode(record.payload)
            except Malformed as error:
                self._dead_letter(topic.name, record, str(error))
                continue
            if type(message) is Abort:
                raise Aborted(message)
            due = topic.due.get(message.k)
            if due is None:
                due = _begin(topic, message, record.topic)
            if type(message) is Marker:
                _mark(topic, record.partition, message, due)
            else:
                due.messages[record.partition].append(message)


def _begin(topic: _Topic, message: AnyMessage, full: str) -> _Due:
    """Make room for the exchange of a message, the first that came of it."""
    if not topic.expected:
        raise RunFailed(f"topic {topic.name}: {message.producer} writes on it but nobody is expected to")
    if message.k <= topic.finished:
        raise RunFailed(
            f"topic {full}: {type(message).__name__} of {message.producer} for exchange {message.k} came "
            "after its end; was this run id used before?"
        )
    if type(message) is not Marker:
        # Here as well as at the end of the exchange: a stray one may belong to an exchange that never comes.
        topic.refuse_stranger(message.producer)
    due = topic.due[message.k] = _Due(topic.partitions)
    return due


def _stranger(topic: str, producer: str) -> RunFailed:
    return RunFailed(f"topic {topic}: {producer} writes on it but is not expected in this run")


def _mark(topic: _Topic, partition: int, marker: Marker, due: _Due) -> None:
    if marker.producer not in topic.expected:
        raise _stranger(topic.name, marker.producer)
    if (marker.producer, partition) in due.markers:
        raise RunFailed(
            f"topic {topic.name}: {marker.producer} ended exchange {marker.k} twice; was this run id used "
            "before?"
        )
    due.markers.add((marker.producer, partition))
    due.announced[partition] += marker.count


def _settle(topic: _Topic, exchange: int) -> list[AnyMessage]:
    """Take a complete exchange out: counted, ordered, numbered without gaps."""
    due = topic.due.pop(exchange)
    topic.finished = sys.maxsize if topic.name in WRITTEN_ONCE else exchange
    for partition, messages in enumerate(due.messages):
        if len(messages) != due.announced[partition]:
            raise RunFailed(
                f"topic {topic.name}, partition {partition}, exchange {exchange}: {due.announced[partition]} "
                f"messages were announced and {len(messages)} arrived"
            )
    ordered = sorted(itertools.chain.from_iterable(due.messages), key=_order)
    next_seq = topic.next_seq
    for message in ordered:
        producer = message.producer
        number = next_seq[producer]
        if number == 0:
            topic.refuse_stranger(producer)
        if message.seq != number:
            raise RunFailed(
                f"topic {topic.name}, exchange {exchange}: message {number} of {producer} was "
                f"expected and {message.seq} came: one is lost or came twice"
            )
        next_seq[producer] = number + 1
    return ordered
