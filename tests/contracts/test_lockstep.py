"""What lockstep must do and notice on every bus."""

import itertools
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from streams import topics
from streams.bus import TELEMETRY_PARTITIONS, partition_of
from streams.codec import decode, encode
from streams.embedded import EmbeddedBus
from streams.errors import RunFailed
from streams.inbox import Aborted
from streams.lockstep import run_lockstep
from streams.messages import Abort, Alarm, DeadLetter, Marker, Telemetry
from streams.role import Outgoing
from tests.contracts.reading import read
from tests.streams.toys import Sink, Source, Toy, join, toy_roles

REPOSITORY = Path(__file__).parents[2]


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

    def publish_all(self, topic, keyed):
        counts = [0] * self._bus.partitions(topic)
        for key, payload in keyed:
            counts[self.publish(topic, key, payload)] += 1
        return counts

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
    with pytest.raises(RunFailed, match=r"ended exchange 1 twice|came after its end"):
        run_lockstep(join(Meddling(bus, twice), run, [Source(), Sink()]), 3)


def test_a_message_after_its_exchange_stops_the_run(bus, run):
    source, sink = Source(), Sink()
    participants = join(bus, run, [source, sink])
    for participant in participants:
        participant.exchange(0)
    late = Telemetry("S01", 2, 0, 0.0, link="S01>SCADA", values=[])
    bus.publish(topics.full_name(run, topics.TELEMETRY), "S01", encode(late))
    participants[0].exchange(1)
    with pytest.raises(RunFailed, match="came after its end"):
        participants[1].exchange(1)
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


class Clerk(Toy):
    """Raises one alarm in exchange 0 and another in exchange 1."""

    name = "hub"
    writes = (topics.ALARMS,)

    def step(self, k, t_s, inbox):
        return [Outgoing(topics.ALARMS, "", alarm(**self.head(topics.ALARMS, k, t_s)))] if k < 2 else []


class AlarmSink(Toy):
    name = "sink"
    reads = {topics.ALARMS: 0}  # noqa: RUF012


class Smuggler(Toy):
    """Writes records past lockstep in exchange 1."""

    name = "smuggler"

    def __init__(self, bus, topic, *records):
        super().__init__()
        self.bus, self.topic, self.records = bus, topic, records

    def step(self, k, t_s, inbox):
        if k == 1:
            for key, payload in self.records:
                self.bus.publish(self.topic, key, payload)
            self.bus.flush()
        return []


def alarm(producer="hub", seq=0, k=0, t_s=0.0):
    rest = {"alarm_id": "a", "source": "s", "domain": "grid", "priority": "low", "state": "raised"}
    return Alarm(producer, seq, k, t_s, **rest, certified=False)


def test_a_stray_message_does_not_take_the_place_of_a_lost_one(bus, run):
    ghost = once(lambda m: type(m) is Alarm and m.k == 1, lambda m: [encode(alarm("ghost", 0, 1))])
    with pytest.raises(RunFailed, match="topic alarms: ghost writes on it but is not expected"):
        run_lockstep(join(Meddling(bus, ghost), run, [Clerk(), AlarmSink()]), 5)


@pytest.mark.parametrize(
    ("producer", "reason"),
    [("ghost", "ghost writes on it but is not expected"), ("hub", "hub wrote for exchange 1000000, but")],
)
def test_a_message_for_an_exchange_that_never_comes_stops_the_run(bus, run, producer, reason):
    stray = encode(alarm(producer, 0, 10**6))
    roles = [Clerk(), Smuggler(bus, topics.full_name(run, topics.ALARMS), ("", stray)), AlarmSink()]
    with pytest.raises(RunFailed, match=reason):
        run_lockstep(join(bus, run, roles), 4)
    assert [role.closed for role in roles] == [1, 1, 1]


def test_only_stations_of_the_plant_model_report(bus, run, tmp_path):
    stray = once(
        lambda m: type(m) is Telemetry and m.k == 3,
        lambda m: [encode(msgspec.structs.replace(m, producer="S99", seq=0))],
    )
    with pytest.raises(RunFailed, match="topic telemetry: S99 writes on it but is not expected"):
        run_lockstep(join(Meddling(bus, stray), run, toy_roles(tmp_path)), 6)


def test_what_is_written_in_the_last_exchange_for_the_next_is_no_leftover(bus, run):
    sink = Sink(lag=1)
    run_lockstep(join(bus, run, [Source(), sink]), 1)
    assert sink.seen == [[]]


def test_a_malformed_record_of_any_kind_is_a_dead_letter_and_the_run_goes_on(bus, run):
    field = b"x" * 60_000
    records = [
        ("key" * 1000, b"\xc1" + bytes(2 << 20)),
        # The reason quotes the field that is not known.
        ("S01", b"\x82\xa4type\xa9telemetry\xda" + len(field).to_bytes(2, "big") + field + b"\xc0"),
        ("S02", b""),
        ("S03", b"\x82\xa1x" + b"\x91" * 200_000 + b"\xc0\xa4type\xa9telemetry"),
    ]
    sink = Sink()
    smuggler = Smuggler(bus, topics.full_name(run, topics.TELEMETRY), *records)
    run_lockstep(join(bus, run, [Source(), smuggler, sink]), 3)
    assert [len(seen) for seen in sink.seen] == [4, 4, 4]
    dead = read(bus.subscribe([topics.full_name(run, topics.DEAD_LETTER)]), len(records))
    letters = [decode(record.payload) for record in dead]
    # Of long ones a part is kept.
    assert sorted((letter.key, letter.payload) for letter in letters) == sorted(
        (key[:1000], payload[: 1 << 20]) for key, payload in records
    )
    assert max(len(letter.reason) for letter in letters) == 1000


# The whole loop: the same result on every bus, in one process and in two.

N_EXCHANGES = 40


@pytest.fixture(scope="module")
def reference_digest(tmp_path_factory):
    roles = toy_roles(tmp_path_factory.mktemp("reference"))
    run_lockstep(join(EmbeddedBus(), "demo.defended", roles), N_EXCHANGES)
    return roles[-1].digest()


def test_the_loop_gives_the_same_digest_on_every_bus(bus, tmp_path, reference_digest, new_run):
    roles = toy_roles(tmp_path)
    run_lockstep(join(bus, new_run, roles), N_EXCHANGES)
    assert roles[-1].digest() == reference_digest


def test_the_loop_gives_the_same_digest_in_two_processes(broker, new_run, tmp_path, reference_digest):
    sides = ("plant,control,recorder", "detector,hub,responder,attacker")
    start = [sys.executable, "-m", "tests.streams.two_processes", broker(), new_run]
    processes = [
        subprocess.Popen(
            [*start, str(tmp_path / f"side{i}"), side, str(N_EXCHANGES)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
        )
        for i, side in enumerate(sides)
    ]
    outputs = [process.communicate(timeout=120.0)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert outputs[0].strip() == reference_digest
