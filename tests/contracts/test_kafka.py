"""What only a bus over a network can meet: records that no bus of ours writes, a broker that goes away."""

import contextlib
import time

import pytest
from kafka import KafkaProducer

from streams import kafka_bus, topics
from streams.broker import development_broker
from streams.bus import topics_of
from streams.codec import decode
from streams.errors import RunFailed
from streams.kafka_bus import KafkaBus
from streams.lockstep import run_lockstep
from tests.contracts.reading import read
from tests.streams.toys import Sink, Source, Toy, join

LONG_S = 600.0
"""A wait that a test would not survive."""


@pytest.fixture
def own_broker(monkeypatch):
    """Address of a broker and a function that ends it; a lost one is noticed after a second."""
    monkeypatch.setattr(kafka_bus, "PROBE_S", 0.5)
    monkeypatch.setattr(kafka_bus, "BOOTSTRAP_S", 0.5)
    monkeypatch.setattr(kafka_bus, "GONE_S", 0.5)
    with contextlib.ExitStack() as stack:
        yield stack.enter_context(development_broker()), stack.close


def test_records_of_strangers_are_dead_letters(broker, new_run):
    telemetry, dead = (topics.full_name(new_run, t) for t in (topics.TELEMETRY, topics.DEAD_LETTER))
    records = [(b"S01", None), (b"\xff\xfe", b"junk"), (None, b"\xc1")]

    class Stranger(Toy):
        name = "stranger"

        def step(self, k, t_s, inbox):
            if k == 1:
                for key, value in records:
                    producer.send(telemetry, value, key=key, partition=0)
                producer.flush()
            return []

    bus, sink = KafkaBus(broker()), Sink()
    producer = KafkaProducer(bootstrap_servers=broker())
    try:
        run_lockstep(join(bus, new_run, [Source(), Stranger(), sink]), 3)
        assert [len(seen) for seen in sink.seen] == [4, 4, 4]
        letters = [decode(record.payload) for record in read(bus.subscribe([dead]), len(records))]
    finally:
        producer.close()
        bus.close()
    assert [(letter.key, letter.payload) for letter in letters] == [
        ("S01", b""),
        (r"\xff\xfe", b"junk"),
        ("", b"\xc1"),
    ]


def test_a_lost_broker_is_named_and_waited_for_no_longer(own_broker, new_run):
    address, end = own_broker
    topic = topics.full_name(new_run, topics.TAPS)
    buses = [KafkaBus(address) for _ in range(3)]
    for bus in buses:
        bus.declare(topics_of(new_run))
    reader, sender, keeper = buses
    subscription = reader.subscribe([topic])
    # Who knows the place of the topic does not wait when it sends, but when it flushes.
    keeper.publish(topic, "", b"0")
    keeper.flush()
    end()
    keeper.publish(topic, "", b"1")
    began = time.monotonic()
    for wait in (lambda: subscription.poll(LONG_S), lambda: sender.publish(topic, "", b"1"), keeper.flush):
        with pytest.raises(RunFailed, match=f"the broker at {address} is gone"):
            wait()
    # From now on nobody waits again.
    for bus in buses * 20:
        with pytest.raises(RunFailed, match="is gone"):
            bus.flush(LONG_S)
        with pytest.raises(RunFailed, match="is gone"):
            bus.publish(topic, "", b"1")
    for bus in buses:
        bus.close()
    assert time.monotonic() - began < 60.0


def test_a_broker_that_answers_is_waited_for(broker, new_run, monkeypatch):
    monkeypatch.setattr(kafka_bus, "PROBE_S", 0.1)
    bus = KafkaBus(broker())
    bus.declare(topics_of(new_run))
    assert bus.subscribe([topics.full_name(new_run, topics.TAPS)]).poll(1.0) == []
    bus.close()


def test_a_run_that_loses_its_broker_ends_with_that_reason(own_broker, new_run):
    address, end = own_broker

    class Vandal(Toy):
        name = "vandal"

        def step(self, k, t_s, inbox):
            if k == 2:
                end()
            return []

    bus = KafkaBus(address)
    participants = join(bus, new_run, [Vandal(), Source(), Sink()], timeout_s=LONG_S)
    began = time.monotonic()
    with pytest.raises(RunFailed, match=f"the broker at {address} is gone"):
        run_lockstep(participants, 5)
    bus.close()
    assert time.monotonic() - began < 60.0
    assert {participant.notice.reason for participant in participants} == {
        f"the broker at {address} is gone: no answer for 0.5 s"
    }
