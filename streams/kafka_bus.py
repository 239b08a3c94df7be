"""The bus over Kafka's protocol, by kafka-python: Apache Kafka in production, the development broker else."""

from __future__ import annotations

import contextlib
import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaConfigurationError, KafkaError, KafkaTimeoutError, TopicAlreadyExistsError

from streams.bus import Record, partition_of
from streams.errors import BadInput, RunFailed

BOOTSTRAP_S = 4.0
"""Wall seconds within which a broker must answer the first time."""

DELIVERY_S = 60.0
"""Wall seconds for a record to be stored while a broker answers."""

PROBE_S = 4.0
"""Wall seconds of waiting in vain after which a broker is asked whether it is still there."""

GONE_S = 12.0
"""Wall seconds without an answer after which it counts as gone; one that restarts sooner is found again."""

MAX_MESSAGE_BYTES = 16 << 20
"""Largest payload; the plant model of a network of ten thousand branches has a few MiB."""

FETCH_WAIT_MS = 10
"""How long a broker may hold back an empty answer. Kafka answers when a record comes; the development broker
only at the end of the wait, which at the client's default of 500 ms makes a hop ten times as long."""

# Without a handler, warnings of the client would stand on stderr beside our one sentence.
logging.getLogger("kafka").addHandler(logging.NullHandler())


class KafkaBus:
    """Implements ``streams.bus.Bus``. Not to be shared between processes; publishing is safe between threads.

    bootstrap: ``HOST:PORT``, several separated by commas. Raises BadInput when no broker answers there.
    """

    def __init__(self, bootstrap: str) -> None:
        if not all(re.fullmatch(r"[^:\s]+:\d{1,5}", server) for server in bootstrap.split(",")):
            raise BadInput("bootstrap", bootstrap, "HOST:PORT of a Kafka broker, several separated by commas")
        self.bootstrap = bootstrap
        self._partitions: dict[str, int] = {}
        self._pending: list[Any] = []
        self._subscriptions: list[KafkaSubscription] = []
        self._gone = ""
        self._producer: Any = self._connect(
            KafkaProducer,
            metrics_enabled=False,
            acks="all",
            enable_idempotence=True,
            # Records of an exchange leave together at flush; this only bounds the wait where nobody flushes.
            linger_ms=100,
            batch_size=1 << 20,
            max_request_size=MAX_MESSAGE_BYTES + (1 << 20),
            delivery_timeout_ms=int(DELIVERY_S * 1000),
            max_block_ms=int(PROBE_S * 1000),
            reconnect_backoff_max_ms=1000,
        )

    def declare(self, partitions: Mapping[str, int]) -> None:
        """See ``Bus.declare``."""
        admin = self._connect(KafkaAdminClient)
        try:
            options = {"max.message.bytes": str(MAX_MESSAGE_BYTES + (1 << 20))}
            for topic, count in partitions.items():
                # One by one: of a list, the first that exists already would hide the fate of the others.
                try:
                    admin.create_topics({topic: {"num_partitions": count, "configs": options}})
                except TopicAlreadyExistsError:
                    continue
            admin.wait_for_topics(list(partitions))
            for found in admin.describe_topics(list(partitions)):
                name, count = found["name"], len(found["partitions"])
                if count != partitions[name]:
                    raise RunFailed(f"topic {name} has {count} partitions instead of {partitions[name]}")
        except KafkaError as error:
            raise RunFailed(f"topics could not be made on {self.bootstrap}: {error}") from error
        finally:
            admin.close()
        self._partitions.update(partitions)

    def partitions(self, topic: str) -> int:
        """See ``Bus.partitions``."""
        try:
            return self._partitions[topic]
        except KeyError:
            raise RunFailed(f"topic {topic} was not declared") from None

    def empty(self, topic: str) -> bool:
        """See ``Bus.empty``."""
        consumer = self._connect(KafkaConsumer, metrics_enabled=False)
        try:
            places = [TopicPartition(topic, p) for p in range(self.partitions(topic))]
            return not any(consumer.end_offsets(places).values())
        except KafkaError as error:
            raise RunFailed(f"topic {topic} could not be read from {self.bootstrap}: {error}") from error
        finally:
            consumer.close()

    def publish(self, topic: str, key: str, payload: bytes) -> int:
        """See ``Bus.publish``."""
        partition = partition_of(key, self.partitions(topic))
        self._send(topic, partition, key.encode(), payload)
        return partition

    def publish_all(self, topic: str, keyed: Sequence[tuple[str, bytes]]) -> list[int]:
        """See ``Bus.publish_all``."""
        counts = [0] * self.partitions(topic)
        for key, payload in keyed:
            counts[self.publish(topic, key, payload)] += 1
        return counts

    def publish_to(self, topic: str, partition: int, payload: bytes) -> None:
        """See ``Bus.publish_to``."""
        self._send(topic, partition, None, payload)

    def flush(self, timeout_s: float | None = None) -> None:
        """See ``Bus.flush``."""
        limit_s = DELIVERY_S + 5.0 if timeout_s is None else timeout_s
        try:
            self._patiently(lambda left_s: self._producer.flush(timeout=left_s), limit_s)
        except KafkaError as error:
            raise RunFailed(f"the broker at {self.bootstrap} stored nothing more: {error}") from error
        # flush says nothing of records that failed; each of them would be a lost message.
        pending, self._pending = self._pending, []
        for future in pending:
            if future.failed():
                raise RunFailed(f"the broker at {self.bootstrap} lost a message: {future.exception}")

    def subscribe(self, topics: Sequence[str]) -> KafkaSubscription:
        """See ``Bus.subscribe``. Reads assigned partitions, without a consumer group."""
        wanted = [TopicPartition(topic, p) for topic in topics for p in range(self.partitions(topic))]
        consumer = self._connect(
            KafkaConsumer,
            metrics_enabled=False,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=FETCH_WAIT_MS,
            max_partition_fetch_bytes=MAX_MESSAGE_BYTES + (1 << 20),
            max_poll_records=100_000,
            reconnect_backoff_max_ms=1000,
        )
        consumer.assign(wanted)
        subscription = KafkaSubscription(consumer, self)
        self._subscriptions.append(subscription)
        return subscription

    def close(self) -> None:
        """See ``Bus.close``."""
        for subscription in self._subscriptions:
            subscription.close()
        try:
            self._producer.close(timeout=0.0 if self._gone else 5.0)
        except KafkaError:
            # Records that no broker takes: given up here, or the client waits for them again at exit.
            self._producer._sender.force_close()
            with contextlib.suppress(KafkaError):
                self._producer.close(timeout=1.0)

    def require_broker(self) -> None:
        """Return once a broker answers. Raises RunFailed when none did for GONE_S, later at once."""
        self._refuse_if_gone()
        began = time.monotonic()
        while True:
            try:
                self._connect(KafkaAdminClient).close()
                return
            except BadInput:
                if time.monotonic() - began >= GONE_S:
                    self._gone = f"the broker at {self.bootstrap} is gone: no answer for {GONE_S:g} s"
                    raise RunFailed(self._gone) from None

    def _refuse_if_gone(self) -> None:
        if self._gone:
            raise RunFailed(self._gone)

    def _connect(self, client: Any, **settings: Any) -> Any:
        try:
            return client(
                bootstrap_servers=self.bootstrap.split(","),
                bootstrap_timeout_ms=int(BOOTSTRAP_S * 1000),
                **settings,
            )
        except KafkaConfigurationError:
            raise
        except KafkaError:
            allowed = f"HOST:PORT of a Kafka broker that answers within {BOOTSTRAP_S:g} s"
            raise BadInput("bootstrap", self.bootstrap, allowed) from None

    def _send(self, topic: str, partition: int, key: bytes | None, payload: bytes) -> None:
        def attempt(_: float) -> Any:
            return self._producer.send(topic, payload, key=key, partition=partition)

        try:
            self._pending.append(self._patiently(attempt, DELIVERY_S))
        except KafkaError as error:
            raise RunFailed(f"{len(payload)} bytes could not be sent to topic {topic}: {error}") from error

    def _patiently(self, attempt: Callable[[float], Any], limit_s: float) -> Any:
        """Try for limit_s, at most PROBE_S at a time, as long as a broker answers between."""
        self._refuse_if_gone()
        deadline = time.monotonic() + limit_s
        while True:
            left_s = max(0.0, deadline - time.monotonic())
            try:
                return attempt(min(PROBE_S, left_s))
            except KafkaTimeoutError:
                if left_s <= PROBE_S:
                    raise
            self.require_broker()


class KafkaSubscription:
    """Implements ``streams.bus.Subscription``."""

    def __init__(self, consumer: Any, bus: KafkaBus) -> None:
        self._consumer = consumer
        self._bus = bus

    def poll(self, timeout_s: float) -> list[Record]:
        """See ``Subscription.poll``."""
        deadline = time.monotonic() + timeout_s
        while True:
            left_s = max(0.0, deadline - time.monotonic())
            try:
                found = self._consumer.poll(timeout_ms=min(PROBE_S, left_s) * 1000.0)
            except KafkaError as error:
                raise RunFailed(
                    f"reading from the broker at {self._bus.bootstrap} failed: {error}"
                ) from error
            if found or left_s <= PROBE_S:
                break
            # The client itself would look for a lost broker in silence until the end of the wait.
            self._bus.require_broker()
        return [
            # A stray record may have any bytes as its key, and no value.
            Record(
                at.topic,
                at.partition,
                (record.key or b"").decode(errors="backslashreplace"),
                record.value or b"",
            )
            for at, records in found.items()
            for record in records
        ]

    def close(self) -> None:
        """See ``Subscription.close``."""
        self._consumer.close(autocommit=False, timeout_ms=2000)
