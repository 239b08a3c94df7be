"""The attacker's place in the loop: it composes the scenario's attacks and shows each its View."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from scenarios.attackers.base import Attacker, View
from streams import topics
from streams.messages import (
    Alarm,
    AnyMessage,
    Command,
    Directive,
    Intercept,
    PlantModelMessage,
    Telemetry,
)
from streams.plant_model import PlantModel
from streams.role import Outgoing
from streams.sequence import Sequencer

AttackBuilder = Callable[[PlantModel], list[tuple[Attacker, str]]]


class AttackerRole:
    """Reads telemetry and intercepts of this exchange, reactions of the one before; writes taps.

    build: turns the plant model (needed to resolve link patterns and eps) into (attacker, knowledge) pairs.
    """

    name = "attacker"
    reads: Mapping[str, int] = {
        topics.MODEL: 0,
        topics.TELEMETRY: 0,
        topics.INTERCEPT: 0,
        topics.ALARMS: 1,
        topics.DIRECTIVES: 1,
        topics.COMMANDS: 1,
    }
    writes: Sequence[str] = (topics.TAPS,)

    def __init__(self, build: AttackBuilder) -> None:
        self._build = build
        self._attacks: list[tuple[Attacker, str]] = []
        self._model: PlantModel | None = None
        self._tags: dict[str, list[str]] = defaultdict(list)
        self._telemetry: dict[str, float] = {}
        self._intercept: dict[tuple[str, str], float] = {}
        self._sequence = Sequencer()

    def step(self, k: int, t_s: float, inbox: Mapping[str, Sequence[AnyMessage]]) -> list[Outgoing]:
        """Look, plan, tap."""
        for message in inbox.get(topics.MODEL, ()):
            if isinstance(message, PlantModelMessage):
                self._learn(PlantModel.decode(message.document))
        self._look(inbox)
        outgoing = []
        for attacker, knowledge in self._attacks:
            for order in attacker.act(self._view(k, t_s, knowledge, attacker, inbox)):
                tap = order.tap(self.name, self._sequence.next(topics.TAPS, self.name), k, t_s)
                outgoing.append(Outgoing(topics.TAPS, order.link, tap))
        return outgoing

    def close(self) -> None:
        """Nothing is held."""

    def _learn(self, model: PlantModel) -> None:
        self._model = model
        for tag in model.tags:
            self._tags[tag.link].append(tag.name)
        for link_tag in model.link_tags:
            self._tags[link_tag.link].append(link_tag.tag)
        self._attacks = self._build(model)

    def _look(self, inbox: Mapping[str, Sequence[AnyMessage]]) -> None:
        for message in inbox.get(topics.TELEMETRY, ()):
            if isinstance(message, Telemetry):
                self._telemetry.update(zip(self._tags[message.link], message.values, strict=True))
        for message in inbox.get(topics.INTERCEPT, ()):
            if isinstance(message, Intercept):
                for tag, value in zip(self._tags[message.link], message.values, strict=True):
                    self._intercept[message.link, tag] = value

    def _in_reach(self, links: frozenset[str]) -> dict[str, float]:
        tags = [tag for link in sorted(links) for tag in self._tags[link]]
        return {tag: self._telemetry[tag] for tag in tags if tag in self._telemetry}

    def _view(
        self,
        k: int,
        t_s: float,
        knowledge: str,
        attacker: Attacker,
        inbox: Mapping[str, Sequence[AnyMessage]],
    ) -> View:
        links = attacker.budget.links
        intercept = {key: value for key, value in self._intercept.items() if key[0] in links}
        if knowledge == "black":
            return View(k, t_s, None, intercept=intercept)
        white = knowledge == "white"
        telemetry = self._telemetry if white else self._in_reach(links)
        return View(
            k,
            t_s,
            self._model,
            telemetry=telemetry,
            intercept=intercept,
            alarms=[m for m in inbox.get(topics.ALARMS, ()) if isinstance(m, Alarm)],
            directives=[m for m in inbox.get(topics.DIRECTIVES, ()) if isinstance(m, Directive)],
            commands=[m for m in inbox.get(topics.COMMANDS, ()) if white and isinstance(m, Command)],
        )
