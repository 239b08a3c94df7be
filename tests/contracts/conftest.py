"""Every bus, for the suites that all of them must pass. A new bus is one line in BUSES."""

import contextlib
import itertools

import pytest

from streams.broker import development_broker
from streams.bus import topics_of
from streams.embedded import EmbeddedBus
from streams.kafka_bus import KafkaBus

BUSES = {"embedded": lambda _: EmbeddedBus(), "kafka": lambda broker: KafkaBus(broker())}
_names = (f"run{i}.arm" for i in itertools.count())


@pytest.fixture(scope="session")
def broker():
    """Gives the address of a development broker, started when the first test asks for it."""
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
def new_run():
    """A run id that no other test uses."""
    return next(_names)


@pytest.fixture
def run(bus, new_run):
    """A run whose topics are declared."""
    bus.declare(topics_of(new_run))
    return new_run
