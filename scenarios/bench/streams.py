"""Values per second through each bus: telemetry of 100 stations, encoded, moved, decoded, checked."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from scenarios.bench.figure import BenchFigure, beside
from streams import topics
from streams.broker import development_broker
from streams.bus import Bus, topics_of
from streams.embedded import EmbeddedBus
from streams.errors import BadInput
from streams.kafka_bus import KafkaBus
from streams.lockstep import Participant, run_lockstep, writers
from streams.messages import AnyMessage, Telemetry
from streams.role import Outgoing, Role

STATIONS = 100
VALUES = 8
WARM_UP, EXCHANGES = 20, 400


def bench_streams() -> list[BenchFigure]:
    """The embedded bus, and Kafka's client on the development broker where one is installed."""
    embedded = _values_per_second(EmbeddedBus(), EXCHANGES)
    figures = [BenchFigure("embedded bus, lockstep", embedded, "values/s")]
    try:
        with development_broker() as bootstrap:
            bus = KafkaBus(bootstrap)
            try:
                kafka = _values_per_second(bus, EXCHANGES // 4)
            finally:
                bus.close()
    except BadInput:
        return figures
    return [
        *figures,
        beside("kafka, lockstep, development broker", kafka, "values/s", "embedded bus", embedded),
    ]


def _values_per_second(bus: Bus, exchanges: int) -> float:
    """One plant writes, one reader reads, exchange by exchange."""
    run = "bench"
    bus.declare(topics_of(run))
    reader = _Reader()
    roles: list[Role] = [_Source(), reader]
    started = [0.0]

    def clock(done: int) -> None:
        if done == WARM_UP:
            reader.values, started[0] = 0, time.perf_counter()

    participants = [Participant(role, bus, run, writers(roles), 4.0) for role in roles]
    run_lockstep(participants, WARM_UP + exchanges, clock)
    return reader.values / (time.perf_counter() - started[0])


class _Source:
    name = "plant"
    reads: Mapping[str, int] = {}
    writes: Sequence[str] = (topics.TELEMETRY,)

    def step(self, k: int, t_s: float, inbox: Mapping[str, Sequence[AnyMessage]]) -> list[Outgoing]:
        return [
            Outgoing(
                topics.TELEMETRY,
                f"S{i}",
                Telemetry(
                    producer=f"S{i}",
                    seq=k,
                    k=k,
                    t_s=t_s,
                    link=f"S{i}>SCADA",
                    values=[k + 0.1 * j for j in range(VALUES)],
                ),
            )
            for i in range(STATIONS)
        ]

    def close(self) -> None:
        pass


class _Reader:
    name = "reader"
    reads: Mapping[str, int] = {topics.TELEMETRY: 0}
    writes: Sequence[str] = ()

    def __init__(self) -> None:
        self.values = 0

    def step(self, k: int, t_s: float, inbox: Mapping[str, Sequence[AnyMessage]]) -> list[Outgoing]:
        self.values += sum(len(m.values) for m in inbox[topics.TELEMETRY] if isinstance(m, Telemetry))
        return []

    def close(self) -> None:
        pass
