"""What every bus offers: named topics of one or more partitions, each an ordered log of bytes.

A bus knows nothing of messages; it moves payloads. Two exist: ``streams.embedded`` inside one process
and ``streams.kafka_bus`` over Kafka's protocol. Both give a key to the same partition.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Protocol

import msgspec

from streams import topics


class Record(msgspec.Struct, frozen=True, gc=False):
    """One payload as read back: full topic name, partition, key ("" for none), payload."""

    topic: str
    partition: int
    key: str
    payload: bytes


class Subscription(Protocol):
    """A reader of some topics, all partitions, from the first record on."""

    def poll(self, timeout_s: float) -> list[Record]:
        """Records not yet seen, in order within each partition; waits up to ``timeout_s`` (wall) for one.

        Returns an empty list when none came. Raises RunFailed when the broker is gone.
        """
        ...

    def close(self) -> None:
        """Stop reading."""
        ...


class Bus(Protocol):
    """Where participants publish and read. Names are full topic names (``topics.full_name``)."""

    def declare(self, partitions: Mapping[str, int]) -> None:
        """Make sure that each topic exists. Raises RunFailed for one with another number of partitions."""
        ...

    def partitions(self, topic: str) -> int:
        """Number of partitions of a declared topic. Raises RunFailed for one that was not declared here."""
        ...

    def empty(self, topic: str) -> bool:
        """Whether nothing was ever stored in a declared topic."""
        ...

    def publish(self, topic: str, key: str, payload: bytes) -> int:
        """Append to the partition that the key belongs to and return its number."""
        ...

    def publish_all(self, topic: str, keyed: Sequence[tuple[str, bytes]]) -> list[int]:
        """Publish (key, payload) pairs in order and return how many went to each partition."""
        ...

    def publish_to(self, topic: str, partition: int, payload: bytes) -> None:
        """Append to one partition, without a key; for markers, which go to every partition."""
        ...

    def flush(self, timeout_s: float | None = None) -> None:
        """Return once everything published is stored. Raises RunFailed if something could not be.

        timeout_s: wall seconds after which it is given up; None leaves them to the bus.
        """
        ...

    def subscribe(self, topics: Sequence[str]) -> Subscription:
        """Read these declared topics from their first record."""
        ...

    def close(self) -> None:
        """Release connections and threads; what was flushed stays with the broker."""
        ...


@lru_cache(maxsize=65536)
def partition_of(key: str, partitions: int) -> int:
    """Partition of a key: CRC-32 modulo the count, librdkafka's ``consistent`` partitioner."""
    return zlib.crc32(key.encode()) % partitions


TELEMETRY_PARTITIONS = 4


def topics_of(run: str) -> dict[str, int]:
    """Full name of every topic of a run, with its number of partitions; for ``Bus.declare``.

    Telemetry is spread by station so that detectors can share it; the other topics are small.
    """
    return {
        topics.full_name(run, topic): TELEMETRY_PARTITIONS if topic == topics.TELEMETRY else 1
        for topic in topics.ALL
    }
