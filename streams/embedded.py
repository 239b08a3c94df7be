"""A bus inside one process: lists in memory, the same bytes as over Kafka, safe between threads."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Mapping, Sequence

from streams.bus import Record, partition_of
from streams.errors import RunFailed

RETAINED_BYTES = 4 << 20
"""Payload that a topic keeps after every subscriber has read it, so that a reader may come late."""


class _Log:
    """Records of one topic in order of arrival; ``base`` counts those already let go."""

    __slots__ = ("base", "partitions", "records", "size", "trim_at")

    def __init__(self, partitions: int) -> None:
        self.partitions = partitions
        self.records: list[Record] = []
        self.base = 0
        self.size = 0
        self.trim_at = 2 * RETAINED_BYTES


class EmbeddedBus:
    """Implements ``streams.bus.Bus`` for participants of one process."""

    def __init__(self) -> None:
        self._logs: dict[str, _Log] = {}
        self._subscriptions: list[EmbeddedSubscription] = []
        # Entered in C, unlike the condition on it, which takes twice as long.
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)
        self._waiting = 0

    def declare(self, partitions: Mapping[str, int]) -> None:
        """See ``Bus.declare``."""
        with self._lock:
            for topic, count in partitions.items():
                found = self._logs.setdefault(topic, _Log(count)).partitions
                if found != count:
                    raise RunFailed(f"topic {topic} has {found} partitions instead of {count}")

    def partitions(self, topic: str) -> int:
        """See ``Bus.partitions``."""
        return self._log(topic).partitions

    def empty(self, topic: str) -> bool:
        """See ``Bus.empty``."""
        log = self._log(topic)
        return not log.records and not log.base

    def publish(self, topic: str, key: str, payload: bytes) -> int:
        """See ``Bus.publish``."""
        return self.publish_all(topic, [(key, payload)]).index(1)

    def publish_all(self, topic: str, keyed: Sequence[tuple[str, bytes]]) -> list[int]:
        """See ``Bus.publish_all``."""
        log = self._log(topic)
        counts = [0] * log.partitions
        records = []
        for key, payload in keyed:
            partition = partition_of(key, log.partitions)
            counts[partition] += 1
            records.append(Record(topic, partition, key, payload))
        self._append(log, records)
        return counts

    def publish_to(self, topic: str, partition: int, payload: bytes) -> None:
        """See ``Bus.publish_to``."""
        self._append(self._log(topic), [Record(topic, partition, "", payload)])

    def flush(self, timeout_s: float | None = None) -> None:
        """Nothing to do: a record is stored when publish returns."""

    def subscribe(self, topics: Sequence[str]) -> EmbeddedSubscription:
        """See ``Bus.subscribe``. Raises RunFailed when the first records of a topic are gone already."""
        with self._lock:
            for topic in topics:
                if self._log(topic).base:
                    raise RunFailed(f"topic {topic}: its first records are no longer kept; subscribe earlier")
            subscription = EmbeddedSubscription(self, {topic: self._logs[topic] for topic in topics})
            self._subscriptions.append(subscription)
        return subscription

    def close(self) -> None:
        """Forget every record."""
        with self._lock:
            self._logs.clear()
            self._subscriptions.clear()

    def _log(self, topic: str) -> _Log:
        try:
            return self._logs[topic]
        except KeyError:
            raise RunFailed(f"topic {topic} was not declared") from None

    def _append(self, log: _Log, records: list[Record]) -> None:
        if not records:
            return
        with self._lock:
            log.records += records
            log.size += sum([len(record.payload) for record in records])
            if log.size > log.trim_at:
                self._trim(records[0].topic, log)
            if self._waiting:
                self._arrived.notify_all()

    def _trim(self, topic: str, log: _Log) -> None:
        end = log.base + len(log.records)
        read = min((s.cursors[topic] for s in self._subscriptions if topic in s.cursors), default=end)
        drop = 0
        for record in itertools.islice(log.records, read - log.base):
            if log.size <= RETAINED_BYTES:
                break
            log.size -= len(record.payload)
            drop += 1
        del log.records[:drop]
        log.base += drop
        # Trimming again only after as much has come in as was left keeps its cost per record constant.
        log.trim_at = max(2 * RETAINED_BYTES, 2 * log.size)


class EmbeddedSubscription:
    """Implements ``streams.bus.Subscription``: one cursor per topic."""

    def __init__(self, bus: EmbeddedBus, logs: dict[str, _Log]) -> None:
        self._bus = bus
        self._logs = logs
        self.cursors = dict.fromkeys(logs, 0)

    def poll(self, timeout_s: float) -> list[Record]:
        """See ``Subscription.poll``."""
        arrived = self._bus._arrived
        with self._bus._lock:
            records = self._take()
            if records or timeout_s <= 0.0:
                return records
            deadline = time.monotonic() + timeout_s
            self._bus._waiting += 1
            try:
                while not records and (left := deadline - time.monotonic()) > 0.0:
                    arrived.wait(left)
                    records = self._take()
            finally:
                self._bus._waiting -= 1
            return records

    def close(self) -> None:
        """See ``Subscription.close``."""
        with self._bus._lock:
            if self in self._bus._subscriptions:
                self._bus._subscriptions.remove(self)

    def _take(self) -> list[Record]:
        taken: list[Record] = []
        cursors = self.cursors
        for topic, log in self._logs.items():
            taken += log.records[cursors[topic] - log.base :]
            cursors[topic] = log.base + len(log.records)
        return taken
