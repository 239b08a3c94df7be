"""The hub: many verdicts in, few alarms out.

One alarm per source (detector, domain, station). It is raised when k of the last n verdicts alarm, told again
once when it becomes certified, and cleared after a quiet period, so that a score that dances round its
threshold makes one alarm, not many (ISA-18.2, chattering). A source that falls silent raises an alarm itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from streams.messages import Alarm, AnyMessage, PlantModelMessage, Verdict
from streams.plant_model import PlantModel
from streams.role import Outgoing
from streams.sequence import Sequencer
from streams.topics import ALARMS, MODEL, VERDICTS

Priority = Literal["low", "medium", "high"]
Source = tuple[str, str, str]
"""(detector, domain, station)"""

_RANK = {"low": 0, "medium": 1, "high": 2}


class HubConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """k of n alarming verdicts raise: ``votes`` of ``last`` for members that certify, ``monitor_votes`` of
    ``monitor_last`` for those that do not. quiet_s: alarm-free time that clears. silent_reports: reports
    missed before a source counts as silent. expected: (detector, domain) that must report from the start.
    """

    votes: int = 3
    last: int = 5
    monitor_votes: int = 8
    monitor_last: int = 10
    quiet_s: float = 300.0
    silent_reports: int = 5
    expected: tuple[tuple[str, str], ...] = (("certified", "grid"),)


@dataclass
class _State:
    recent: deque[tuple[bool, bool]]
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
    """Fuses verdicts into alarms. A plain detector alarm is medium, a certified one high, a monitor's low; a
    heartbeat alarm is medium, its source "heartbeat", and clears when the source speaks again.
    """

    name = "hub"
    reads: Mapping[str, int] = {MODEL: 0, VERDICTS: 0}
    writes: Sequence[str] = (ALARMS,)

    def __init__(self, config: HubConfig | None = None) -> None:
        self.config = config or HubConfig()
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
            if isinstance(message, Verdict):
                out += self._take(k, t_s, message)
        for source, state in self._states.items():
            out += self._watch(k, t_s, source, state)
        return out

    def _start(self, plant: PlantModel, t_s: float) -> None:
        self._exchange_s = plant.exchange_s
        self._slow_s = max(
            [tag.period_s for tag in plant.tags if tag.unit in ("m", "m3/h")] or [plant.exchange_s]
        )
        for detector, domain in self.config.expected:
            if domain != "grid" or plant.branches:
                self._state((detector, domain, "*"), t_s)

    def _state(self, source: Source, t_s: float) -> _State:
        if source not in self._states:
            period = max(self._slow_s if source[1] == "water" else self._exchange_s, self._exchange_s)
            self._states[source] = _State(
                deque(maxlen=max(self.config.last, self.config.monitor_last)), t_s, period
            )
        return self._states[source]

    def _take(self, k: int, t_s: float, verdict: Verdict) -> list[Outgoing]:
        source = (verdict.detector, verdict.domain, verdict.station)
        state = self._state(source, t_s)
        state.last_s = t_s
        state.recent.append((verdict.alarm, verdict.value == "certified_alarm"))
        if verdict.alarm:
            state.last_alarm_s = t_s
        certifies = verdict.value is not None
        votes = self.config.votes if certifies else self.config.monitor_votes
        window = list(state.recent)[-(self.config.last if certifies else self.config.monitor_last) :]
        plain = sum(alarm for alarm, _ in window) >= votes
        sure = sum(certain for _, certain in window) >= votes
        if not plain:
            return []
        priority: Priority = "high" if sure else "medium" if certifies else "low"
        if state.raised and (state.certified or not sure) and _RANK[priority] <= _RANK[state.priority]:
            return []
        if not state.raised:
            state.number += 1
        state.raised, state.certified, state.priority = True, state.certified or sure, priority
        return [self._alarm(k, t_s, source, state, "raised")]

    def _watch(self, k: int, t_s: float, source: Source, state: _State) -> list[Outgoing]:
        out = []
        if state.raised and not state.silent and t_s - state.last_alarm_s >= self.config.quiet_s:
            state.raised = False
            out.append(self._alarm(k, t_s, source, state, "cleared"))
            state.certified, state.priority = False, "low"
            state.recent.clear()
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
