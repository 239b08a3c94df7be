"""What every bus must do, and what lockstep must notice on it. A new bus is one line in BUSES."""

import contextlib
import itertools
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from streams import topics
from streams.broker import development_broker
from streams.bus import TELEMETRY_PARTITIONS, partition_of, topics_of
from streams.codec import decode, encode
from streams.embedded import EmbeddedBus
from streams.errors import BadInput, RunFailed
from streams.inbox import Aborted
from streams.kafka_bus import KafkaBus
from streams.lockstep import Participant, run_lockstep, writers
from streams.messages import Abort, DeadLetter, Marker, Telemetry
from streams.role import Outgoing
from tests.streams.toys import EXCHANGE_S, STATIONS, Toy, join, toy_roles

REPOSITORY = Path(__file__).parents[2]
BUSES = {"embedded": lambda _: EmbeddedBus(), "kafka": lambda broker: KafkaBus(broker())}
names = (f"run{i}.arm" for i in itertools.count())


@pytest.fixture(scope="session")
def broker():
    """Address of a development broker, started when the first test asks for it."""
    with contextlib.ExitStack() as stack:
        started = []

        def address():
            if not started:
                started.append(stack.enter_context(development_broker()))
            return started[0]

        yield address


@pytest.fixture(params=BUSES)
def bus(request, broker):
    bus = BUSES[request.param](broker)
    yield bus
    bus.close()


@pytest.fixture
def run(bus):
    run = next(names)
    bus.declare(topics_of(run))
    return run


def read(subscription, count):
    records = []
    while len(records) < count:
        found = subscription.poll(20.0)
        assert found, f"{len(records)} of {count} records came"
        records += found
    return records


# What a bus must do.


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


# What lockstep must do on every bus.


class Source(Toy):
    """Writes ``count`` telemetry messages of two stations per exchange."""

    name = "plant"
    writes = (topics.TELEMETRY,)

    def __init__(self, count=4):
        super().__init__()
        self.count = count

    def step(self, k, t_s, inbox):
        stations = [STATIONS[5], STATIONS[1]] * (self.count // 2)
        return [
            Outgoing(
                topics.TELEMETRY,
                s,
                Telemetry(**self.head(topics.TELEMETRY, k, t_s, s), link=f"{s}>SCADA", values=[float(k)]),
            )
            for s in stations
        ]


class Sink(Toy):
    """Keeps what it reads."""

    name = "sink"

    def __init__(self, lag=0):
        super().__init__()
        self.reads = {topics.TELEMETRY: lag}
        self.seen = []

    def step(self, k, t_s, inbox):
        self.seen.append(list(inbox[topics.TELEMETRY]))
        return []


class Failing(Toy):
    name = "failing"
    reads = {topics.TELEMETRY: 0}  # noqa: RUF012

    def step(self, k, t_s, inbox):
        if k == 2:
            raise ValueError("a bad day")
        return []


class Meddling:
    """A bus on which what is published can be changed: ``change`` maps one payload to those that are sent."""

    def __init__(self, bus, change):
        self._bus = bus
        self._change = change

    def publish(self, topic, key, payload):
        for sent in self._change(payload):
            self._bus.publish(topic, key, sent)
        return partition_of(key, self._bus.partitions(topic))

    def publish_to(self, topic, partition, payload):
        for sent in self._change(payload):
            self._bus.publish_to(topic, partition, sent)

    def __getattr__(self, name):
        return getattr(self._bus, name)


def once(matches, result):
    """A change that happens to the first message that matches."""
    done = []

    def change(payload):
        message = decode(payload)
        if not done and matches(message):
            done.append(message)
            return result(message)
        return [payload]

    return change


def is_third(message):
    return type(message) is Telemetry and message.k == 1 and message.seq == 2


def test_messages_come_ordered_by_producer_and_number(bus, run):
    sink = Sink()
    run_lockstep(join(bus, run, [Source(), sink]), 3)
    assert [[(m.producer, m.seq) for m in seen] for seen in sink.seen] == [
        [("S01", 2 * k), ("S01", 2 * k + 1), ("S05", 2 * k), ("S05", 2 * k + 1)] for k in range(3)
    ]


def test_a_lagging_reader_gets_the_exchange_before(bus, run):
    sink = Sink(lag=1)
    run_lockstep(join(bus, run, [Source(), sink]), 3)
    assert [{m.k for m in seen} for seen in sink.seen] == [set(), {0}, {1}]


def test_a_marker_goes_to_every_partition_with_that_partition_s_count(bus, run):
    run_lockstep(join(bus, run, [Source()]), 2)
    records = read(bus.subscribe([topics.full_name(run, topics.TELEMETRY)]), 2 * (4 + TELEMETRY_PARTITIONS))
    counts = {}
    for record in records:
        message = decode(record.payload)
        if isinstance(message, Marker):
            counts[record.partition, message.k] = message.count
    expected = dict.fromkeys(itertools.product(range(TELEMETRY_PARTITIONS), range(2)), 0)
    for station, k in itertools.product(("S01", "S05"), range(2)):
        expected[partition_of(station, TELEMETRY_PARTITIONS), k] += 2
    assert counts == expected


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (lambda m: [], "announced and"),
        (lambda m: [encode(m), encode(m)], "announced and"),
        # A loss that a duplicate makes up for: the count is right, the numbers are not.
        (
            lambda m: [encode(Telemetry(m.producer, 1, m.k, m.t_s, link=m.link, values=m.values))],
            "lost or came twice",
        ),
        (lambda m: [encode(m)[:-1]], "announced and"),
    ],
    ids=["lost", "twice", "replaced", "cut"],
)
def test_a_lost_or_doubled_message_stops_the_run(bus, run, result, reason):
    sink = Sink()
    with pytest.raises(RunFailed, match=reason):
        run_lockstep(join(Meddling(bus, once(is_third, result)), run, [Source(), sink]), 3)
    assert len(sink.seen) == 1
    assert sink.closed == 1


def test_a_lost_marker_is_waited_for_and_named(bus, run):
    lost = once(lambda m: type(m) is Marker and m.k == 1, lambda m: [])
    with pytest.raises(RunFailed, match="exchange 1 within 1 s: waiting for plant on telemetry"):
        run_lockstep(join(Meddling(bus, lost), run, [Source(), Sink()], timeout_s=1.0), 3)


def test_a_doubled_marker_stops_the_run(bus, run):
    twice = once(lambda m: type(m) is Marker and m.k == 1, lambda m: [encode(m)] * 2)
    with pytest.raises(RunFailed, match="ended exchange 1 twice|came after its end"):
        run_lockstep(join(Meddling(bus, twice), run, [Source(), Sink()]), 3)


def test_a_message_after_its_exchange_stops_the_run(bus, run):
    source, sink = Source(), Sink()
    participants = join(bus, run, [source, sink])
    for participant in participants:
        participant.exchange(0)
    late = Telemetry("S01", 2, 0, 0.0, link="S01>SCADA", values=[])
    bus.publish(topics.full_name(run, topics.TELEMETRY), "S01", encode(late))
    with pytest.raises(RunFailed, match="came after its end"):
        for participant in participants:
            participant.exchange(1)
    for participant in participants:
        participant.close()


def test_a_malformed_payload_goes_to_the_dead_letters_and_the_run_goes_on(bus, run):
    roles = [Source(), Sink()]
    participants = join(bus, run, roles)
    telemetry, dead = (topics.full_name(run, t) for t in (topics.TELEMETRY, topics.DEAD_LETTER))
    for k in range(3):
        participants[0].exchange(k)
        if k == 1:
            bus.publish(telemetry, "S99", b"\xc1nonsense")
            bus.flush()
        participants[1].exchange(k)
    # Another record makes the reader look behind the malformed one, wherever it stood among partitions.
    participants[0].exchange(3)
    participants[1].exchange(3)
    assert [len(seen) for seen in roles[1].seen] == [4, 4, 4, 4]
    bus.flush()
    letter = decode(read(bus.subscribe([dead]), 1)[0].payload)
    assert isinstance(letter, DeadLetter)
    assert (letter.producer, letter.topic, letter.key, letter.payload) == (
        "sink",
        "telemetry",
        "S99",
        b"\xc1nonsense",
    )
    assert letter.partition == partition_of("S99", TELEMETRY_PARTITIONS)
    assert "malformed" in letter.reason
    for participant in participants:
        participant.close()


def test_a_role_that_fails_stops_everyone_and_says_why(bus, run):
    """The failing role writes nothing; the others learn of it on the topics it reads."""
    roles = [Source(), Failing(), Sink()]
    participants = join(bus, run, roles, timeout_s=30.0)
    found = []

    def take_part(participant):
        try:
            participant.run(100_000)
        except RunFailed as error:
            found.append(error)

    other = threading.Thread(target=take_part, args=(participants[2],))
    other.start()
    with pytest.raises(ValueError, match="a bad day"):
        run_lockstep(participants[:2], 5)
    other.join(30.0)
    assert isinstance(found[0], Aborted)
    assert str(found[0]) == "failing stopped the run in exchange 2: ValueError: a bad day"
    assert [role.closed for role in roles] == [1, 1, 1]


def test_an_abort_is_passed_on_as_it_came(bus, run):
    participants = join(bus, run, [Source(), Sink()])
    notice = Abort(producer="hub", seq=0, k=0, t_s=0.0, reason="first cause")
    bus.publish_to(topics.full_name(run, topics.TELEMETRY), 0, encode(notice))
    bus.flush()
    with pytest.raises(Aborted, match="hub stopped the run in exchange 0: first cause"):
        participants[1].run(3)
    records = read(bus.subscribe([topics.full_name(run, topics.TELEMETRY)]), 2)
    assert [decode(r.payload) for r in records] == [notice, notice]
    participants[0].close()


def test_a_run_id_is_used_once(bus, run):
    run_lockstep(join(bus, run, [Source(), Sink()]), 2)
    with pytest.raises(RunFailed, match="used before"):
        run_lockstep(join(bus, run, [Source(), Sink()]), 2)


def test_a_writer_that_nobody_expects_stops_the_run(bus, run):
    class Intruder(Source):
        name = "intruder"

    with pytest.raises(RunFailed, match="intruder writes on it but is not expected"):
        run_lockstep(join(bus, run, [Intruder(), Sink()], expected=[Source(), Sink()]), 2)


@pytest.mark.parametrize(("topic", "k"), [(topics.TAPS, 0), (topics.TELEMETRY, 7)])
def test_a_role_writes_what_it_declares_and_when(topic, k):
    class Wrong(Source):
        def step(self, now, t_s, inbox):
            message = Telemetry("S01", 0, k, t_s, link="S01>SCADA", values=[])
            return [Outgoing(topic, "S01", message)]

    with pytest.raises(RunFailed, match="is not allowed; allowed: telemetry"):
        run_lockstep(join(EmbeddedBus(), "r.a", [Wrong()]), 1)


def test_roles_that_would_wait_for_each_other_are_refused():
    with pytest.raises(RunFailed, match="sink reads telemetry of the same exchange, but plant acts later"):
        writers([Sink(), Source()])
    with pytest.raises(RunFailed, match="called plant"):
        writers([Source(), Source()])
    assert writers([Sink(lag=1), Source()]) == {"telemetry": frozenset({"plant"})}


def test_an_interrupt_closes_every_role():
    class Interrupted(Sink):
        def step(self, k, t_s, inbox):
            raise KeyboardInterrupt

    roles = [Source(), Interrupted()]
    with pytest.raises(KeyboardInterrupt):
        run_lockstep(join(EmbeddedBus(), "r.a", roles), 3)
    assert [role.closed for role in roles] == [1, 1]


def test_progress_is_told():
    told = []
    run_lockstep(join(EmbeddedBus(), "r.a", [Source()]), 3, told.append)
    assert told == [1, 2, 3]


def test_a_participant_can_have_its_own_step_of_time():
    class Clock(Toy):
        name = "clock"
        times = ()

        def step(self, k, t_s, inbox):
            self.times += (t_s,)
            return []

    bus, clock = EmbeddedBus(), Clock()
    bus.declare(topics_of("r.a"))
    Participant(clock, bus, "r.a", {}, 0.1).run(4)
    # k * exchange_s, not a running sum.
    assert clock.times == (0.0, 0.1, 0.2, 3 * 0.1)


# The whole loop: the same result on every bus, in one process and in two.

N_EXCHANGES = 40


@pytest.fixture(scope="module")
def reference_digest(tmp_path_factory):
    roles = toy_roles(tmp_path_factory.mktemp("reference"))
    run_lockstep(join(EmbeddedBus(), "demo.defended", roles), N_EXCHANGES)
    return roles[-1].digest()


def test_the_loop_gives_the_same_digest_on_every_bus(bus, tmp_path, reference_digest):
    roles = toy_roles(tmp_path)
    run_lockstep(join(bus, next(names), roles), N_EXCHANGES)
    assert roles[-1].digest() == reference_digest


def test_the_loop_gives_the_same_digest_in_two_processes(broker, tmp_path, reference_digest):
    run, sides = next(names), ("plant,control,recorder", "detector,hub,responder,attacker")
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.streams.two_processes", broker(), run, str(tmp_path / f"side{i}")]
            + [side, str(N_EXCHANGES)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
        )
        for i, side in enumerate(sides)
    ]
    outputs = [process.communicate(timeout=120.0)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert outputs[0].strip() == reference_digest


def test_exchange_time_is_that_of_the_toys():
    assert EXCHANGE_S == toy_roles.__globals__["toy_model"]().exchange_s
