"""The hub: many verdicts in, few alarms out.

One alarm per source (detector, domain, station). It is raised when k of the last n verdicts alarm, told again
once when it becomes certified, and cleared after a quiet period, so that a score that dances round its
threshold makes one alarm, not many (ISA-18.2, chattering). A source that falls silent raises an alarm itself,
and so does one that goes on reporting but can no longer judge: blinding a detector must not pay.

A monitor's alarm is low while a certified member of its domain finds its windows certified normal. Where none
does, the monitor is the best there is, and its alarm counts as a detector's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from streams.messages import Alarm, AnyMessage, PlantModelMessage, Verdict, VerdictValue
from streams.plant_model import WATER_UNITS, PlantModel
from streams.role import Outgoing
from streams.sequence import Sequencer
from streams.topics import ALARMS, MODEL, VERDICTS

Priority = Literal["low", "medium", "high"]
Source = tuple[str, str, str]
"""(detector, domain, station)"""

UNJUDGED = "none"
"""How the method of a verdict begins that judged nothing."""

_RANK = {"low": 0, "medium": 1, "high": 2}


class Rhythm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A detector that reports every period_s and not with every exchange; votes of last raise its alarm."""

    detector: str
    period_s: float
    votes: int = 2
    last: int = 3


class HubConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """k of n alarming verdicts raise: ``votes`` of ``last`` for members that certify, ``monitor_votes`` of
    ``monitor_last`` for those that do not. quiet_s: alarm-free time that clears. silent_reports: reports
    missed before a source counts as silent; warm_up_s: how much later where it has not judged yet. expected:
    (detector, domain) that must report from the start. ignored: detectors whose verdicts are recorded only;
    rhythms: detectors with a pace of their own.
    """

    votes: int = 3
    last: int = 5
    monitor_votes: int = 8
    monitor_last: int = 10
    quiet_s: float = 300.0
    silent_reports: int = 5
    warm_up_s: float = 1200.0
    expected: tuple[tuple[str, str], ...] = (("certified", "grid"),)
    ignored: tuple[str, ...] = ()
    rhythms: tuple[Rhythm, ...] = ()


@dataclass
class _State:
    recent: deque[VerdictValue | None]
    alarms: deque[bool]
    last_s: float
    period_s: float
    last_alarm_s: float = -1e18
    number: int = 0
    raised: bool = False
    certified: bool = False
    priority: Priority = "low"
    silent: bool = False
    silent_number: int = 0


class HubRole:
    """Fuses verdicts into alarms. A plain detector alarm is medium, a certified one high, a monitor's low, or
    medium where no certified member vouches; a heartbeat alarm is medium, its source "heartbeat", and clears
    when the source judges again.
    """

    name = "hub"
    reads: Mapping[str, int] = {MODEL: 0, VERDICTS: 0}
    writes: Sequence[str] = (ALARMS,)

    def __init__(self, config: HubConfig | None = None) -> None:
        self.config = config or HubConfig()
        self._rhythms = {rhythm.detector: rhythm for rhythm in self.config.rhythms}
        self._sequence = Sequencer()
        self._states: dict[Source, _State] = {}
        self._exchange_s = 0.0
        self._slow_s = 0.0

    def step(self, k: int, t_s: float, inbox: Mapping[str, Sequence[AnyMessage]]) -> list[Outgoing]:
        """Alarms raised, upgraded or cleared in exchange k."""
        for message in inbox.get(MODEL, ()):
            if isinstance(message, PlantModelMessage):
                self._start(PlantModel.decode(message.document), t_s)
        out: list[Outgoing] = []
        for message in inbox.get(VERDICTS, ()):
            if isinstance(message, Verdict) and message.detector not in self.config.ignored:
                out += self._take(k, t_s, message)
        for source, state in self._states.items():
            out += self._watch(k, t_s, source, state)
        return out

    def _start(self, plant: PlantModel, t_s: float) -> None:
        self._exchange_s = plant.exchange_s
        self._slow_s = max(
            [tag.period_s for tag in plant.tags if tag.unit in WATER_UNITS] or [plant.exchange_s]
        )
        for detector, domain in self.config.expected:
            if domain != "grid" or plant.branches:
                self._state((detector, domain, "*"), t_s)

    def _state(self, source: Source, t_s: float) -> _State:
        if source not in self._states:
            period = max(self._slow_s if source[1] == "water" else self._exchange_s, self._exchange_s)
            rhythm = self._rhythms.get(source[0])
            period = period if rhythm is None else rhythm.period_s
            length = max(self.config.last, self.config.monitor_last, 0 if rhythm is None else rhythm.last)
            self._states[source] = _State(deque(maxlen=length), deque(maxlen=length), t_s, period)
        return self._states[source]

    def _take(self, k: int, t_s: float, verdict: Verdict) -> list[Outgoing]:
        source = (verdict.detector, verdict.domain, verdict.station)
        if verdict.method.startswith(UNJUDGED):
            # No heartbeat: it speaks, and says nothing. A source that is new may still be warming up.
            self._state(source, t_s + self.config.warm_up_s)
            return []
        state = self._state(source, t_s)
        state.last_s = t_s
        state.recent.append(verdict.value)
        state.alarms.append(verdict.alarm)
        if verdict.alarm:
            state.last_alarm_s = t_s
        certifies = verdict.value is not None
        votes = self.config.votes if certifies else self.config.monitor_votes
        last = self.config.last if certifies else self.config.monitor_last
        rhythm = self._rhythms.get(verdict.detector)
        if rhythm is not None:
            votes, last = rhythm.votes, rhythm.last
        if sum(list(state.alarms)[-last:]) < votes:
            return []
        sure = list(state.recent)[-last:].count("certified_alarm") >= votes
        alone = certifies or not self._vouched(verdict.domain)
        priority: Priority = "high" if sure else "medium" if alone else "low"
        if state.raised and (state.certified or not sure) and _RANK[priority] <= _RANK[state.priority]:
            return []
        if not state.raised:
            state.number += 1
        state.raised, state.certified, state.priority = True, state.certified or sure, priority
        return [self._alarm(k, t_s, source, state, "raised")]

    def _vouched(self, domain: str) -> bool:
        """Whether a source of the domain finds most of its last windows certified normal."""
        config = self.config
        return any(
            list(state.recent)[-config.last :].count("certified_normal") >= config.votes
            for source, state in self._states.items()
            if source[1] == domain and not state.silent
        )

    def _watch(self, k: int, t_s: float, source: Source, state: _State) -> list[Outgoing]:
        out = []
        # Quiet is what was judged quiet: a source that no longer judges clears nothing.
        if state.raised and state.last_s - state.last_alarm_s >= self.config.quiet_s:
            state.raised = False
            out.append(self._alarm(k, t_s, source, state, "cleared"))
            state.certified, state.priority = False, "low"
            state.alarms.clear()
        silent = state.period_s > 0 and t_s - state.last_s > self.config.silent_reports * state.period_s
        if silent != state.silent:
            state.silent = silent
            state.silent_number += silent
            out.append(self._heartbeat(k, t_s, source, state, "raised" if silent else "cleared"))
        return out

    def _alarm(
        self, k: int, t_s: float, source: Source, state: _State, to: Literal["raised", "cleared"]
    ) -> Outgoing:
        name = "/".join(part for part in source if part != "*")
        return self._publish(
            k, t_s, f"{name}#{state.number}", name, source[1], state.priority, to, state.certified
        )

    def _heartbeat(
        self, k: int, t_s: float, source: Source, state: _State, to: Literal["raised", "cleared"]
    ) -> Outgoing:
        name = "/".join(part for part in source if part != "*")
        return self._publish(
            k, t_s, f"heartbeat/{name}#{state.silent_number}", "heartbeat", source[1], "medium", to, False
        )

    def _publish(
        self, k: int, t_s: float, alarm_id: str, source: str, domain: str, priority: Priority,
        state: Literal["raised", "cleared"], certified: bool,
    ) -> Outgoing:  # fmt: skip
        alarm = Alarm(
            self.name, self._sequence.next(ALARMS, self.name), k, t_s, alarm_id=alarm_id, source=source,
            domain=domain, priority=priority, state=state, certified=certified,
        )  # fmt: skip
        return Outgoing(ALARMS, domain, alarm)

    def close(self) -> None:
        """Nothing to release."""
