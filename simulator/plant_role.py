"""The plant in the loop: commands and taps of the exchange before in; telemetry, intercepts and truth out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.outcomes import SECONDS_PER_HOUR
from simulator.plant import Plant, Report
from simulator.settings import PlantSettings
from simulator.station_reports import StationReports
from streams import topics
from streams.messages import (
    AnyMessage,
    Command,
    Event,
    Intercept,
    Outcome,
    PlantModelMessage,
    Tap,
    Truth,
)
from streams.role import Outgoing
from streams.sequence import Sequencer


class PlantRole:
    """Wraps ``Plant.advance`` into messages. Raises BadInput where the settings do not fit the networks."""

    name = "plant"
    reads: Mapping[str, int] = {topics.COMMANDS: 1, topics.TAPS: 1}
    writes: Sequence[str] = (topics.MODEL, topics.TELEMETRY, topics.INTERCEPT, topics.TRUTH)

    def __init__(self, settings: PlantSettings) -> None:
        self.plant = Plant(settings)
        self._settings = settings
        self._sequence = Sequencer()
        self._hour = 0
        model = self.plant.model
        tags = list(enumerate(model.tags))
        slow = {tag.station for tag in model.tags if tag.period_s > settings.scan_s}
        self._fast_stations = StationReports((i, tag) for i, tag in tags if tag.station not in slow)
        self._water_stations = StationReports((i, tag) for i, tag in tags if tag.station in slow)
        tapped = {link for budget in settings.budgets for link in budget.links}
        self._tapped_tags = _by_link(tapped, (tag.link for tag in model.tags))
        self._tapped_link_tags = _by_link(tapped, (entry.link for entry in model.link_tags))

    def step(self, k: int, t_s: float, inbox: Mapping[str, Sequence[AnyMessage]]) -> list[Outgoing]:
        """Advance the twin to t_s and publish what it shows."""
        received = (*inbox.get(topics.TAPS, ()), *inbox.get(topics.COMMANDS, ()))
        report = self.plant.advance([m for m in received if isinstance(m, Command | Tap)], t_s)
        outgoing = [self._model(t_s)] if k == 0 else []
        outgoing += self._telemetry(k, t_s, report)
        outgoing += self._intercepts(k, t_s, report)
        outgoing += self._truth(k, t_s, report)
        return outgoing

    def close(self) -> None:
        """Free the solvers."""
        self.plant.close()

    def _number(self, topic: str, producer: str) -> int:
        return self._sequence.next(topic, producer)

    def _model(self, t_s: float) -> Outgoing:
        message = PlantModelMessage(
            producer=self.name, seq=0, k=0, t_s=t_s, document=self.plant.model.encode()
        )
        return Outgoing(topics.MODEL, self.name, message)

    def _telemetry(self, k: int, t_s: float, report: Report) -> list[Outgoing]:
        outgoing = self._fast_stations.messages(k, t_s, report.received)
        if report.water_reported:
            outgoing += self._water_stations.messages(k, t_s, report.received)
        return outgoing

    def _intercepts(self, k: int, t_s: float, report: Report) -> list[Outgoing]:
        """Values before any tap, on the links that a budget names."""
        seen = [(link, report.sent[slots].tolist()) for link, slots in self._tapped_tags.items()]
        seen += [(link, report.link_sent[rows].tolist()) for link, rows in self._tapped_link_tags.items()]
        return [
            Outgoing(
                topics.INTERCEPT,
                link,
                Intercept(
                    producer=self.name,
                    seq=self._number(topics.INTERCEPT, self.name),
                    k=k,
                    t_s=t_s,
                    link=link,
                    values=values,
                ),
            )
            for link, values in seen
        ]

    def _truth(self, k: int, t_s: float, report: Report) -> list[Outgoing]:
        name = self.name
        messages: list[AnyMessage] = [
            Truth(
                producer=name,
                seq=self._number(topics.TRUTH, name),
                k=k,
                t_s=t_s,
                true=report.true.tobytes(),
                measured=report.measured.tobytes(),
                received=report.received.tobytes(),
                links=report.link_values.tobytes(),
                loading=report.loading.tobytes(),
            )
        ]
        messages += [
            Event(
                producer=name,
                seq=self._number(topics.TRUTH, name),
                k=k,
                t_s=event.t_s,
                kind=event.kind,  # type: ignore[arg-type]
                element=event.element,
                cause=event.cause,
                value=event.value,
                unit=event.unit,
            )
            for event in report.events
        ]
        last = t_s + self._settings.exchange_s > self._settings.duration_s
        if last or t_s // SECONDS_PER_HOUR > self._hour:
            self._hour = int(t_s // SECONDS_PER_HOUR)
            messages.append(self._outcome(k, t_s, last))
        return [Outgoing(topics.TRUTH, name, message) for message in messages]

    def _outcome(self, k: int, t_s: float, last: bool) -> Outcome:
        outcomes = self.plant.outcomes
        return Outcome(
            producer=self.name,
            seq=self._number(topics.TRUTH, self.name),
            k=k,
            t_s=t_s,
            figures=outcomes.figures(),
            shed_mw_by_cause=outcomes.shed_mw_by_cause,
            complete=last,
        )


def _by_link(wanted: Collection[str], links: Iterable[str]) -> dict[str, NDArray[np.intp]]:
    """Link -> positions at which it stands in ``links``, for the links that are wanted."""
    rows: dict[str, list[int]] = {}
    for i, link in enumerate(links):
        if link in wanted:
            rows.setdefault(link, []).append(i)
    return {link: np.array(own, dtype=np.intp) for link, own in rows.items()}
