import threading

import pytest

from streams import embedded
from streams.embedded import EmbeddedBus
from streams.errors import RunFailed


@pytest.fixture
def bus():
    bus = EmbeddedBus()
    bus.declare({"t": 1})
    return bus


def test_memory_stays_bounded_while_readers_keep_up(bus, monkeypatch):
    monkeypatch.setattr(embedded, "RETAINED_BYTES", 1000)
    bus.declare({"small": 1})
    subscription = bus.subscribe(["small"])
    for _ in range(500):
        bus.publish("small", "", b"x" * 100)
        assert len(subscription.poll(0.0)) == 1
    assert bus._logs["small"].size <= embedded.RETAINED_BYTES * 3


def test_nothing_is_let_go_before_the_slowest_reader_has_it(bus, monkeypatch):
    monkeypatch.setattr(embedded, "RETAINED_BYTES", 1000)
    bus.declare({"small": 1})
    slow, fast = bus.subscribe(["small"]), bus.subscribe(["small"])
    payloads = [b"%04d" % i * 25 for i in range(300)]
    for payload in payloads:
        bus.publish("small", "", payload)
        fast.poll(0.0)
    assert [r.payload for r in slow.poll(0.0)] == payloads


def test_a_reader_that_comes_too_late_is_told(bus, monkeypatch):
    monkeypatch.setattr(embedded, "RETAINED_BYTES", 1000)
    bus.declare({"small": 1})
    for _ in range(100):
        bus.publish("small", "", b"x" * 100)
    with pytest.raises(RunFailed, match="small"):
        bus.subscribe(["small"])
    assert not bus.empty("small")


def test_a_closed_subscription_holds_nothing_back(bus, monkeypatch):
    monkeypatch.setattr(embedded, "RETAINED_BYTES", 1000)
    bus.declare({"small": 1})
    bus.subscribe(["small"]).close()
    for _ in range(100):
        bus.publish("small", "", b"x" * 100)
    assert bus._logs["small"].size < 100 * 100


def test_a_waiting_reader_wakes_when_a_record_comes(bus):
    subscription = bus.subscribe(["t"])
    found = []
    reader = threading.Thread(target=lambda: found.extend(subscription.poll(30.0)))
    reader.start()
    bus.publish("t", "k", b"late")
    reader.join(30.0)
    assert [r.payload for r in found] == [b"late"]


def test_many_threads_lose_nothing(bus):
    subscription = bus.subscribe(["t"])
    writers = [
        threading.Thread(target=lambda i=i: [bus.publish("t", "", b"%d %d" % (i, j)) for j in range(500)])
        for i in range(4)
    ]
    for thread in writers:
        thread.start()
    found = []
    while len(found) < 2000:
        records = subscription.poll(30.0)
        assert records
        found += [r.payload for r in records]
    for thread in writers:
        thread.join()
    for i in range(4):
        assert [p for p in found if p.startswith(b"%d " % i)] == [b"%d %d" % (i, j) for j in range(500)]
