"""What every bus must do."""

import time

import pytest

from streams import topics
from streams.bus import TELEMETRY_PARTITIONS, partition_of, topics_of
from streams.errors import BadInput, RunFailed
from streams.kafka_bus import KafkaBus
from tests.contracts.reading import read
from tests.streams.toys import STATIONS


def test_order_and_place_of_keyed_records(bus, run):
    topic = topics.full_name(run, topics.TELEMETRY)
    assert bus.partitions(topic) == TELEMETRY_PARTITIONS
    places = [bus.publish(topic, key, f"{key} {i}".encode()) for i in range(20) for key in STATIONS]
    bus.flush()
    assert set(places) == set(range(TELEMETRY_PARTITIONS))
    records = read(bus.subscribe([topic]), len(places))
    for key in STATIONS:
        own = [r for r in records if r.key == key]
        assert [r.payload.decode() for r in own] == [f"{key} {i}" for i in range(20)]
        assert {r.partition for r in own} == {partition_of(key, TELEMETRY_PARTITIONS)}
    assert {r.topic for r in records} == {topic}


def test_what_goes_out_together_is_counted_by_partition(bus, run):
    topic = topics.full_name(run, topics.TELEMETRY)
    keyed = [(key, f"{key} {i}".encode()) for i in range(3) for key in STATIONS]
    counts = bus.publish_all(topic, keyed)
    assert bus.publish_all(topic, []) == [0] * TELEMETRY_PARTITIONS
    bus.flush()
    records = read(bus.subscribe([topic]), len(keyed))
    assert counts == [sum(r.partition == p for r in records) for p in range(TELEMETRY_PARTITIONS)]
    for key in STATIONS:
        assert [(r.key, r.payload) for r in records if r.key == key] == [m for m in keyed if m[0] == key]


def test_a_record_can_go_to_each_partition(bus, run):
    topic = topics.full_name(run, topics.TELEMETRY)
    subscription = bus.subscribe([topic])
    for partition in range(TELEMETRY_PARTITIONS):
        bus.publish_to(topic, partition, b"%d" % partition)
    bus.flush()
    records = read(subscription, TELEMETRY_PARTITIONS)
    assert sorted((r.partition, r.key, r.payload) for r in records) == [
        (p, "", b"%d" % p) for p in range(TELEMETRY_PARTITIONS)
    ]


def test_every_subscriber_reads_everything_from_the_beginning(bus, run):
    topic = topics.full_name(run, topics.TAPS)
    early = bus.subscribe([topic])
    for i in range(10):
        bus.publish(topic, "", b"%d" % i)
    bus.flush()
    late = bus.subscribe([topic])
    for subscription in (early, late):
        assert [r.payload for r in read(subscription, 10)] == [b"%d" % i for i in range(10)]
        assert subscription.poll(0.0) == []


def test_a_large_message_arrives_whole(bus, run):
    topic = topics.full_name(run, topics.MODEL)
    payload = bytes(range(256)) * 8192
    bus.publish(topic, "", payload)
    bus.flush()
    assert read(bus.subscribe([topic]), 1)[0].payload == payload


def test_declaring_again_changes_nothing(bus, run):
    topic = topics.full_name(run, topics.TAPS)
    assert bus.empty(topic)
    bus.publish(topic, "", b"1")
    bus.flush()
    bus.declare(topics_of(run))
    assert not bus.empty(topic)
    assert len(read(bus.subscribe([topic]), 1)) == 1
    with pytest.raises(RunFailed, match="partitions"):
        bus.declare({topic: 3})


def test_a_topic_that_was_not_declared_is_refused(bus):
    for use in (
        lambda: bus.publish("nowhere", "", b""),
        lambda: bus.partitions("nowhere"),
        lambda: bus.subscribe(["nowhere"]),
    ):
        with pytest.raises(RunFailed, match="nowhere"):
            use()


@pytest.mark.parametrize("address", ["127.0.0.1:1", "no-port", "a:b", "127.0.0.1:1,nonsense"])
def test_a_broker_that_is_not_there_is_one_sentence_soon(address):
    began = time.monotonic()
    with pytest.raises(BadInput, match=address.split(",")[0]):
        KafkaBus(address)
    # The bound is 4 s; a loaded machine gets four times that.
    assert time.monotonic() - began < 16.0
