"""The responder: alarms in, directives out, by playbook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scenarios.playbooks import PRIORITIES, Playbook
from streams import topics
from streams.messages import Alarm, AnyMessage, Directive
from streams.role import Outgoing
from streams.sequence import Sequencer


class ResponderRole:
    """Follows each playbook by itself; implements ``streams.role.Role``."""

    name = "responder"
    reads: Mapping[str, int] = {topics.ALARMS: 0}
    writes: Sequence[str] = (topics.DIRECTIVES,)

    def __init__(self, playbooks: Sequence[Playbook]) -> None:
        self._states = [PlaybookState(playbook) for playbook in playbooks]
        self._sequence = Sequencer()

    def step(self, k: int, t_s: float, inbox: Mapping[str, Sequence[AnyMessage]]) -> list[Outgoing]:
        """Take in the alarms of exchange k; order what the playbooks say at t_s."""
        alarms = [m for m in inbox.get(topics.ALARMS, ()) if isinstance(m, Alarm)]
        outgoing = []
        for state in self._states:
            order = state.advance(t_s, alarms)
            if order is None:
                continue
            action, reason = order
            directive = Directive(
                producer=self.name,
                seq=self._sequence.next(topics.DIRECTIVES, self.name),
                k=k,
                t_s=t_s,
                mode=state.playbook.mode,
                domain=state.playbook.entry.domain,
                action=action,  # type: ignore[arg-type]
                reason=reason,
            )
            outgoing.append(Outgoing(topics.DIRECTIVES, self.name, directive))
        return outgoing

    def close(self) -> None:
        """Nothing is held."""


@dataclass
class PlaybookState:
    """Where one playbook stands. Pure: time and alarms in, an order or nothing out.

    standing: alarm id -> when it was raised, for alarms that can trigger this playbook.
    """

    playbook: Playbook
    standing: dict[str, float] = field(default_factory=dict)
    entered_s: float | None = None
    quiet_since_s: float = 0.0
    spent: bool = False
    """Timed out with the alarm standing: it stays left until that alarm clears."""

    def advance(self, t_s: float, alarms: Sequence[Alarm]) -> tuple[str, str] | None:
        """``("enter" | "exit", reason)`` where the playbook orders a change now."""
        self._note(t_s, alarms)
        if self.entered_s is None:
            return self._enter(t_s)
        return self._leave(t_s, self.entered_s)

    def _note(self, t_s: float, alarms: Sequence[Alarm]) -> None:
        entry = self.playbook.entry
        for alarm in alarms:
            if alarm.domain != entry.domain:
                continue
            if alarm.state == "cleared":
                self.standing.pop(alarm.alarm_id, None)
            elif PRIORITIES.index(alarm.priority) >= PRIORITIES.index(entry.priority):
                self.standing.setdefault(alarm.alarm_id, t_s)
        if self.standing:
            self.quiet_since_s = t_s
        else:
            self.spent = False

    def _enter(self, t_s: float) -> tuple[str, str] | None:
        if self.playbook.confirm or self.spent or not self.standing:
            return None
        first, raised_s = min(self.standing.items(), key=lambda item: (item[1], item[0]))
        if t_s - raised_s < self.playbook.entry.persist_s:
            return None
        self.entered_s = t_s
        return "enter", f"{self.playbook.name}: alarm {first}"

    def _leave(self, t_s: float, entered_s: float) -> tuple[str, str] | None:
        rule = self.playbook.exit
        quiet = not self.standing and t_s - self.quiet_since_s >= rule.quiet_s
        if quiet and t_s - entered_s >= rule.at_least_s:
            reason = f"quiet for {rule.quiet_s:g} s"
        elif t_s - entered_s >= self.playbook.timeout_s:
            reason = f"timeout of {self.playbook.timeout_s:g} s"
            self.spent = bool(self.standing)
        else:
            return None
        self.entered_s = None
        return "exit", f"{self.playbook.name}: {reason}"
