"""The state estimator in the loop: a role of the control centre that reads telemetry and publishes verdicts.

It is a role of its own because the hub waits for all verdicts of an exchange before the control centre may
act.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from simulator.control.estimation import Estimation
from simulator.control.estimator import Estimate
from simulator.control.telemetry_vector import TelemetryVector
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
    tested. estimation: what estimates, once the plant model is known.
    """

    name = "estimator"
    reads: Mapping[str, int] = {topics.MODEL: 0, topics.TELEMETRY: 0}
    writes: Sequence[str] = (topics.VERDICTS,)

    def __init__(self, period_s: float = PERIOD_S) -> None:
        self._period_s = period_s
        self._sequence = Sequencer()
        self._telemetry: TelemetryVector | None = None

    def step(self, k: int, t_s: float, inbox: Mapping[str, Sequence[AnyMessage]]) -> list[Outgoing]:
        """Estimate where it is due."""
        for message in inbox.get(topics.MODEL, ()):
            if isinstance(message, PlantModelMessage):
                model = PlantModel.decode(message.document)
                self._telemetry = TelemetryVector(model)
                self.estimation = Estimation(model, self._period_s)
        if self._telemetry is None or not self.estimation.due(k):
            return []
        heard = self._telemetry.assemble(inbox.get(topics.TELEMETRY, ()))
        return [self._verdict(k, t_s, self.estimation.estimate(heard.values))]

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
