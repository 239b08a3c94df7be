"""The state estimator in the loop: a role of the control centre that reads telemetry and publishes verdicts.

It is a role of its own because the hub waits for all verdicts of an exchange before the control centre may
act.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from simulator.control.estimator import Estimate, Estimator
from simulator.control.received import ReceivedState
from streams import topics
from streams.messages import AnyMessage, PlantModelMessage, Verdict
from streams.plant_model import PlantModel
from streams.role import Outgoing
from streams.sequence import Sequencer

PERIOD_S = 60.0
HIGHEST_SCORE = 1e9


class EstimatorRole:
    """One verdict for the whole grid every ``period_s``; alarm where the chi-square test fails.

    score: objective over its limit, less 1. Its method is "wls", or begins with "none" where nothing could be
    tested. last: the estimate behind the last verdict, None before the first.
    """

    name = "estimator"
    reads: Mapping[str, int] = {topics.MODEL: 0, topics.TELEMETRY: 0}
    writes: Sequence[str] = (topics.VERDICTS,)

    def __init__(self, period_s: float = PERIOD_S) -> None:
        self._period_s = period_s
        self._sequence = Sequencer()
        self._estimator: Estimator | None = None
        self.last: Estimate | None = None

    def step(self, k: int, t_s: float, inbox: Mapping[str, Sequence[AnyMessage]]) -> list[Outgoing]:
        """Estimate where it is due."""
        for message in inbox.get(topics.MODEL, ()):
            if isinstance(message, PlantModelMessage):
                self._start(PlantModel.decode(message.document))
        if self._estimator is None or k % self._every:
            return []
        return [self._verdict(k, t_s, self._estimate(inbox.get(topics.TELEMETRY, ())))]

    def _start(self, model: PlantModel) -> None:
        self._every = max(round(self._period_s / model.exchange_s), 1)
        self._received = ReceivedState(model)
        self._status_slots = self._received.slots(b.status_tag for b in model.branches)
        self._closed = np.ones(len(model.branches), dtype=np.bool_)
        self._estimator = Estimator(model)

    def _estimate(self, telemetry: Sequence[AnyMessage]) -> Estimate:
        """From this report alone: an old value would contradict the new ones. Only a switch whose status is
        missing counts as it was."""
        assert self._estimator is not None
        self._received.values[:] = np.nan
        self._received.update(telemetry)
        status = self._received.values[self._status_slots]
        self._closed = np.where(np.isnan(status), self._closed, status > 0.5)
        self.last = self._estimator.estimate(self._received.values[:-1], self._closed)
        return self.last

    def _verdict(self, k: int, t_s: float, estimate: Estimate) -> Outgoing:
        score = estimate.score if math.isfinite(estimate.score) else HIGHEST_SCORE
        verdict = Verdict(
            producer=self.name,
            seq=self._sequence.next(topics.VERDICTS, self.name),
            k=k,
            t_s=t_s,
            detector=self.name,
            domain="grid",
            station="*",
            value=None,
            alarm=estimate.suspicious,
            score=min(score, HIGHEST_SCORE),
            margin=None,
            method="wls" if estimate.freedom > 0 else "none: no redundancy",
        )
        return Outgoing(topics.VERDICTS, self.name, verdict)

    def close(self) -> None:
        """Nothing is held."""
