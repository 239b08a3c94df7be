"""A plant of a few numbers and a role of every kind around it: enough to close the loop on a bus."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from streams import topics
from streams.bus import Bus, topics_of
from streams.links import LinkBudget, LinkTable
from streams.lockstep import Participant, writers
from streams.messages import (
    Alarm,
    Command,
    Directive,
    Event,
    Outcome,
    PlantModelMessage,
    Tap,
    Telemetry,
    Truth,
    Verdict,
)
from streams.plant_model import Branch, Link, LinkTag, PlantModel, Tag
from streams.recorder import RecorderRole
from streams.role import Outgoing, Role
from streams.sequence import Sequencer

EXCHANGE_S = 4.0
STATIONS = [f"S{i:02d}" for i in range(12)]


def toy_model() -> PlantModel:
    """Twelve stations with three tags each, the last one protected; one PLC link and one command link."""
    links = [Link(f"{s}>SCADA", s, "SCADA", s == STATIONS[-1]) for s in STATIONS]
    tags = [
        Tag(f"{s}/{q}_mw", s, f"{s}>SCADA", "MW", -100.0, 100.0, s == STATIONS[-1], EXCHANGE_S)
        for s in STATIONS
        for q in ("a", "b", "c")
    ]
    links += [Link("PLC2>PLC1", "PLC2", "PLC1", False), Link("SCADA>S00", "SCADA", "S00", False)]
    branch = Branch("l1", "b1", "b2", 0.01, 0.1, 1.0, 0.0, 100.0, "S00/a_mw", "")
    return PlantModel(
        schema=1,
        grid="toy",
        water="toy",
        scan_s=EXCHANGE_S,
        exchange_s=EXCHANGE_S,
        base_mva=100.0,
        nominal_frequency_hz=60.0,
        reference_bus="b1",
        tags=tuple(tags),
        links=tuple(links),
        link_tags=(
            LinkTag("PLC2>PLC1", "level_m"),
            LinkTag("PLC2>PLC1", "flow_m3h"),
            LinkTag("SCADA>S00", "unit"),
        ),
        buses=(),
        branches=(branch,),
        units=(),
        tanks=(),
        pumps=(),
        emergency_factor=1.15,
        security="n-1",
    )


def toy_budgets() -> list[LinkBudget]:
    """Two stations in reach by 5 MW, without drop."""
    eps = {s: {f"{s}/{q}_mw": 5.0 for q in ("a", "b", "c")} for s in STATIONS[:2]}
    return [LinkBudget(f"{s}>SCADA", eps[s], False, 0.0, 1e6) for s in STATIONS[:2]]


class Toy:
    """What the toy roles share: a name, numbers for messages, nothing to close."""

    name = ""
    reads: Mapping[str, int] = {}
    writes: Sequence[str] = ()

    def __init__(self) -> None:
        self.sequence = Sequencer()
        self.closed = 0

    def head(self, topic: str, k: int, t_s: float, producer: str = "") -> dict:
        producer = producer or self.name
        return {"producer": producer, "seq": self.sequence.next(topic, producer), "k": k, "t_s": t_s}

    def step(self, k, t_s, inbox) -> list[Outgoing]:
        return []

    def close(self) -> None:
        self.closed += 1


class ToyPlant(Toy):
    name = "plant"
    reads = {topics.COMMANDS: 1, topics.TAPS: 1}  # noqa: RUF012
    writes = (topics.MODEL, topics.TELEMETRY, topics.TRUTH)

    def __init__(self) -> None:
        super().__init__()
        self.model = toy_model()
        self.links = LinkTable(self.model, toy_budgets())
        self.state = np.linspace(0.0, 10.0, len(self.model.tags))

    def step(self, k, t_s, inbox):
        for tap in inbox[topics.TAPS]:
            assert self.links.accept(tap) is None
        for command in inbox[topics.COMMANDS]:
            self.state[0] += command.power_mw[0]
        self.state = 0.9 * self.state + np.sin(k + np.arange(len(self.state)))
        measured = self.state.copy()
        measured[5] = np.nan if k % 7 == 0 else measured[5]
        received = self.links.apply(t_s, measured)
        out = []
        if k == 0:
            model = PlantModelMessage(**self.head(topics.MODEL, k, t_s), document=self.model.encode())
            out.append(Outgoing(topics.MODEL, self.name, model))
        for i, station in enumerate(STATIONS):
            telemetry = Telemetry(
                **self.head(topics.TELEMETRY, k, t_s, station),
                link=f"{station}>SCADA",
                values=received[3 * i : 3 * i + 3].tolist(),
            )
            out.append(Outgoing(topics.TELEMETRY, station, telemetry))
        truth = Truth(
            **self.head(topics.TRUTH, k, t_s),
            true=self.state.tobytes(),
            measured=measured.tobytes(),
            received=received.tobytes(),
            links=np.zeros(3).tobytes(),
            loading=np.array([abs(self.state[0]) / 100.0]).tobytes(),
        )
        out.append(Outgoing(topics.TRUTH, self.name, truth))
        for change in self.links.take_transitions():
            event = Event(
                **self.head(topics.TRUTH, k, change.t_s),
                kind=change.kind,
                element=change.link,
                cause=change.operation,
                value=float(change.tags),
                unit="tags",
            )
            out.append(Outgoing(topics.TRUTH, self.name, event))
        outcome = Outcome(
            **self.head(topics.TRUTH, k, t_s),
            figures={"total": float(k)},
            shed_mw_by_cause={},
            complete=False,
        )
        out.append(Outgoing(topics.TRUTH, self.name, outcome))
        return out


class ToyDetector(Toy):
    name = "detector"
    reads = {topics.MODEL: 0, topics.TELEMETRY: 0}  # noqa: RUF012
    writes = (topics.VERDICTS,)

    def step(self, k, t_s, inbox):
        assert (len(inbox[topics.MODEL]) == 1) == (k == 0)
        assert [m.producer for m in inbox[topics.TELEMETRY]] == STATIONS
        out = []
        for message in inbox[topics.TELEMETRY]:
            score = float(np.nansum(message.values)) - 20.0
            verdict = Verdict(
                **self.head(topics.VERDICTS, k, t_s),
                detector=self.name,
                domain="grid",
                station=message.producer,
                value="certified_alarm" if score > 0.0 else "certified_normal",
                alarm=score > 0.0,
                score=score,
                margin=abs(score),
                method="toy",
            )
            out.append(Outgoing(topics.VERDICTS, message.producer, verdict))
        return out


class ToyHub(Toy):
    name = "hub"
    reads = {topics.VERDICTS: 0}  # noqa: RUF012
    writes = (topics.ALARMS,)

    def step(self, k, t_s, inbox):
        return [
            Outgoing(
                topics.ALARMS,
                m.station,
                Alarm(
                    **self.head(topics.ALARMS, k, t_s),
                    alarm_id=f"{m.station}-{k}",
                    source=m.station,
                    domain="grid",
                    priority="high",
                    state="raised",
                    certified=True,
                ),
            )
            for m in inbox[topics.VERDICTS]
            if m.alarm
        ]


class ToyResponder(Toy):
    name = "responder"
    reads = {topics.ALARMS: 0}  # noqa: RUF012
    writes = (topics.DIRECTIVES,)

    def step(self, k, t_s, inbox):
        if not inbox[topics.ALARMS]:
            return []
        directive = Directive(
            **self.head(topics.DIRECTIVES, k, t_s),
            mode="hold_last_good",
            domain="grid",
            action="enter" if k % 2 else "exit",
            reason=inbox[topics.ALARMS][0].alarm_id,
        )
        return [Outgoing(topics.DIRECTIVES, self.name, directive)]


class ToyControl(Toy):
    name = "control"
    reads = {topics.MODEL: 0, topics.TELEMETRY: 0, topics.DIRECTIVES: 0}  # noqa: RUF012
    writes = (topics.COMMANDS,)

    def step(self, k, t_s, inbox):
        value = -0.1 * inbox[topics.TELEMETRY][0].values[0] - len(inbox[topics.DIRECTIVES])
        command = Command(**self.head(topics.COMMANDS, k, t_s), power_mw=[value], setpoints=[])
        return [Outgoing(topics.COMMANDS, self.name, command)]


class ToyAttacker(Toy):
    name = "attacker"
    reads = {topics.TELEMETRY: 0, topics.ALARMS: 1, topics.DIRECTIVES: 1, topics.COMMANDS: 1}  # noqa: RUF012
    writes = (topics.TAPS,)

    def step(self, k, t_s, inbox):
        if k % 5 != 2:
            return []
        seen = inbox[topics.TELEMETRY][1].values[0] + len(inbox[topics.ALARMS])
        tap = Tap(
            **self.head(topics.TAPS, k, t_s),
            link="S01>SCADA",
            operation="offset",
            tags=["S01/a_mw"],
            values=[seen],
            start_s=t_s + EXCHANGE_S,
            end_s=t_s + 3 * EXCHANGE_S,
        )
        return [Outgoing(topics.TAPS, self.name, tap)]


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


def toy_roles(folder: Path) -> list[Role]:
    """All roles in the order of an exchange; the recorder writes to ``folder``."""
    return [
        ToyPlant(),
        ToyDetector(),
        ToyHub(),
        ToyResponder(),
        ToyControl(),
        ToyAttacker(),
        RecorderRole(folder),
    ]


def join(
    bus: Bus, run: str, roles: Sequence[Role], expected: Sequence[Role] = (), timeout_s: float = 20.0
) -> list[Participant]:
    """Participants for ``roles`` of a run in which the roles ``expected`` (default: these) take part."""
    bus.declare(topics_of(run))
    return [Participant(r, bus, run, writers(expected or roles), EXCHANGE_S, timeout_s) for r in roles]
