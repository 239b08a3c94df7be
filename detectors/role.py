"""The detector as a participant of the loop: telemetry in, verdicts out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from detectors.dc import Floats, Ints
from detectors.judge import GridJudge, WaterJudge
from detectors.judgement import Judgement
from detectors.members import build_all
from detectors.model import load_model
from detectors.monitors.residual import NodalMonitor, TankMonitor
from detectors.perturbation import Perturbation
from detectors.statuses import CLOSED_FROM, OPEN_TO
from streams.errors import BadInput
from streams.messages import AnyMessage, PlantModelMessage, Telemetry, Verdict, VerdictValue
from streams.plant_model import PlantModel
from streams.role import Outgoing
from streams.sequence import Sequencer
from streams.topics import MODEL, TELEMETRY, VERDICTS

CERTIFIED = "certified"
RESIDUAL = "residual"


class Received:
    """Newest received value of every tag, NaN where nothing came since it was read."""

    def __init__(self, plant: PlantModel) -> None:
        links: dict[str, str] = {}
        columns: dict[str, list[int]] = {}
        for i, tag in enumerate(plant.tags):
            columns.setdefault(tag.station, []).append(i)
            links[tag.station] = tag.link
        self._at = {s: np.array(c, dtype=np.int64) for s, c in columns.items()}
        self._links = links
        self.values = np.full(len(plant.tags), np.nan)

    def take(self, message: Telemetry) -> None:
        """Note one report. One of an unknown station or of the wrong length is no report: values stay
        missing."""
        columns = self._at.get(message.producer)
        if (
            columns is not None
            and message.link == self._links[message.producer]
            and len(message.values) == columns.size
        ):
            self.values[columns] = message.values

    def take_out(self, tags: Ints) -> Floats:
        """All values; those of ``tags`` are missing from now until they are reported again."""
        values = self.values.copy()
        self.values[tags] = np.nan
        return values


class _GridPart:
    """Ring of the last scans of the grid's columns and switch states."""

    def __init__(self, judge: GridJudge, monitor: NodalMonitor | None) -> None:
        self.judge, self.monitor = judge, monitor
        index = judge.features.index
        self._columns, self._status = index.columns, index.status_tag
        self._measured = index.status_tag >= 0
        self.tags = np.r_[index.columns, index.status_tag[self._measured]]
        self._values = np.empty((judge.window, index.columns.size))
        self._states = np.ones((judge.window, index.status_tag.size))
        self._filled = 0
        self._before = judge.calibration.usual_closed.copy()

    def take(self, values: Floats) -> int:
        """Store one scan; returns its place in the ring."""
        at = self._filled % self.judge.window
        if self._filled >= self.judge.window:
            leaving = self._states[at]
            np.copyto(
                self._before, leaving >= CLOSED_FROM, where=(leaving >= CLOSED_FROM) | (leaving <= OPEN_TO)
            )
        np.take(values, self._columns, out=self._values[at])
        self._states[at, self._measured] = values[self._status[self._measured]]
        self._filled += 1
        return at

    def judge_now(self, newest: int) -> Judgement:
        """Judge the window in the ring; early on it is shorter."""
        n = min(self._filled, self.judge.window)
        return self.judge.judge(self._values[:n], self._states[:n], newest, self._before)

    def residual(self) -> float | None:
        """Monitor's score over the ring, or None without a monitor or before the ring is full."""
        if self.monitor is None or self._filled < self.judge.window:
            return None
        return self.monitor.score_scans(self._values)


class _WaterPart:
    """Window of slow samples, oldest first; not yet received is NaN."""

    def __init__(self, judge: WaterJudge, monitor: TankMonitor | None) -> None:
        self.judge, self.monitor = judge, monitor
        index = judge.features.index
        self.period_s = index.period_s
        self.tags = index.columns
        self._window = np.full((index.samples, index.columns.size), np.nan)
        self._period = -1

    def due(self, t_s: float) -> bool:
        """Whether a new report period has begun."""
        period = int(np.floor(t_s / self.period_s + 1e-9))
        if period == self._period:
            return False
        self._period = period
        return True

    def take(self, values: Floats) -> Judgement:
        """Store one sample and judge."""
        self._window[:-1] = self._window[1:]
        self._window[-1] = values[self.tags]
        return self.judge.judge(self._window)

    def residual(self) -> float | None:
        """Monitor's score after the newest sample; None without a monitor, or where a level is missing."""
        if self.monitor is None:
            return None
        score = self.monitor.score(self._window[-1])
        blind = np.isnan(self._window[-1][: len(self.monitor.index.tanks)]).any()
        return None if blind else score


class DetectorRole:
    """Certified members and residual monitors over all stations.

    model_path: a model directory. eps: certified share of range, or a table tag -> engineering units that
    leaves other tags at 0; None takes the model's own. Grid verdicts come every exchange, water verdicts
    every report period. Raises BadInput where the directory is unreadable, and in exchange 0 where the
    plant differs from the one it was trained for.
    """

    name = "detector"
    reads: Mapping[str, int] = {MODEL: 0, TELEMETRY: 0}
    writes: Sequence[str] = (VERDICTS,)

    def __init__(
        self, model_path: Path, eps: float | Mapping[str, float] | None = None, monitors: bool = True
    ) -> None:
        self.model = load_model(Path(model_path))
        self.eps = Perturbation.of(self.model.spec.eps if eps is None else eps)
        self._monitors = monitors
        self._sequence = Sequencer()
        self._received: Received | None = None
        self._grid: _GridPart | None = None
        self._water: _WaterPart | None = None

    def start(self, plant: PlantModel) -> None:
        """Build members for the published plant. Raises BadInput where the model does not fit."""
        grid, nodal, water, tanks = build_all(self.model, plant, self.eps)
        self._received = Received(plant)
        if grid is not None:
            self._grid = _GridPart(grid, nodal if self._monitors else None)
        if water is not None:
            self._water = _WaterPart(water, tanks if self._monitors else None)

    def step(self, k: int, t_s: float, inbox: Mapping[str, Sequence[AnyMessage]]) -> list[Outgoing]:
        """Verdicts of exchange k. Raises BadInput where no plant model has come."""
        for message in inbox.get(MODEL, ()):
            if isinstance(message, PlantModelMessage):
                self.start(PlantModel.decode(message.document))
        if self._received is None:
            raise BadInput("detector", f"exchange {k}", "a plant model in exchange 0")
        received = self._received
        for message in inbox.get(TELEMETRY, ()):
            if isinstance(message, Telemetry):
                received.take(message)
        out: list[Outgoing] = []
        if self._grid is not None:
            newest = self._grid.take(received.take_out(self._grid.tags))
            out.append(self._verdict(k, t_s, "grid", self._grid.judge_now(newest)))
            out += self._monitor(k, t_s, "grid", self._grid.residual(), "chi-square")
        if self._water is not None and self._water.due(t_s):
            judged = self._water.take(received.take_out(self._water.tags))
            out.append(self._verdict(k, t_s, "water", judged))
            out += self._monitor(k, t_s, "water", self._water.residual(), "cusum")
        return out

    def _verdict(self, k: int, t_s: float, domain: str, judged: Judgement) -> Outgoing:
        return self._outgoing(
            k, t_s, CERTIFIED, domain, judged.value, judged.alarm, judged.score, judged.margin, judged.method
        )

    def _monitor(self, k: int, t_s: float, domain: str, score: float | None, method: str) -> list[Outgoing]:
        if score is None:
            return []
        return [self._outgoing(k, t_s, RESIDUAL, domain, None, score > 0.0, score, None, method)]

    def _outgoing(
        self, k: int, t_s: float, detector: str, domain: str, value: VerdictValue | None, alarm: bool,
        score: float, margin: float | None, method: str,
    ) -> Outgoing:  # fmt: skip
        verdict = Verdict(
            self.name, self._sequence.next(VERDICTS, self.name), k, t_s, detector=detector, domain=domain,
            station="*", value=value, alarm=alarm, score=score, margin=margin, method=method,
        )  # fmt: skip
        return Outgoing(VERDICTS, domain, verdict)

    def close(self) -> None:
        """Nothing to release."""
