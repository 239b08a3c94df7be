"""Lockstep where the bus makes no difference; ``tests/contracts/test_lockstep.py`` holds the rest."""

import pytest

from streams import topics
from streams.bus import topics_of
from streams.codec import decode
from streams.embedded import EmbeddedBus
from streams.errors import RunFailed
from streams.lockstep import Participant, run_lockstep, writers
from streams.messages import Abort, Telemetry
from streams.role import Outgoing
from tests.streams.toys import Sink, Source, Toy, join


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


def test_all_of_a_process_name_the_one_that_failed():
    """On topics of its own, too, a healthy role says who failed and not that it did."""

    class Failing(Toy):
        name = "failing"
        writes = (topics.TAPS,)

        def step(self, k, t_s, inbox):
            raise ValueError("a bad day")

    bus = EmbeddedBus()
    with pytest.raises(ValueError, match="a bad day"):
        run_lockstep(join(bus, "r.a", [Source(), Failing()]), 3)
    records = bus.subscribe(["r.a.telemetry"]).poll(0.0)
    notices = [m for m in (decode(r.payload) for r in records) if isinstance(m, Abort)]
    assert [(m.producer, m.k, m.reason) for m in notices] == [("failing", 0, "ValueError: a bad day")]


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
