"""The recorder: writes what happened in one arm of a run to a folder of Parquet files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from streams import topics
from streams.codec import encode
from streams.errors import RunFailed
from streams.journal import JournalWriter
from streams.messages import (
    Alarm,
    AnyMessage,
    Directive,
    Event,
    Outcome,
    PlantModelMessage,
    Truth,
    Verdict,
)
from streams.plant_model import PlantModel
from streams.role import Outgoing
from streams.tables import RowTable, ValueTable

_TEXT, _FLOAT = pa.string(), pa.float64()

VERDICTS = {
    "t_s": _FLOAT,
    "detector": _TEXT,
    "station": _TEXT,
    "verdict": _TEXT,
    "score": _FLOAT,
    "margin": _FLOAT,
    "method": _TEXT,
    "domain": _TEXT,
    "alarm": pa.bool_(),
}
ALARMS = {
    "t_s": _FLOAT,
    "alarm_id": _TEXT,
    "source": _TEXT,
    "priority": _TEXT,
    "state": _TEXT,
    "domain": _TEXT,
    "certified": pa.bool_(),
}
EVENTS = {
    "t_s": _FLOAT,
    "kind": _TEXT,
    "element": _TEXT,
    "cause": _TEXT,
    "value": _FLOAT,
    "unit": _TEXT,
}


class RecorderRole:
    """Writes one arm's folder; implements ``streams.role.Role``.

    The folder is made if need be, and nothing outside it is touched. ``close`` makes every file readable
    whatever happened before. outcome: the last ``Outcome`` of the plant, also in ``outcome.json``.
    """

    name = "recorder"
    reads: Mapping[str, int] = {
        topics.MODEL: 0,
        topics.TRUTH: 0,
        topics.VERDICTS: 0,
        topics.ALARMS: 0,
        topics.DIRECTIVES: 0,
        topics.COMMANDS: 0,
        topics.TAPS: 0,
    }
    writes: Sequence[str] = ()

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.model: PlantModel | None = None
        self.outcome: Outcome | None = None
        self._outcomes = hashlib.sha256()
        self._values: dict[str, ValueTable] = {}
        self._journal = JournalWriter(folder / "journal.parquet")
        self._verdicts = RowTable(folder / "verdicts.parquet", VERDICTS)
        self._alarms = RowTable(folder / "alarms.parquet", ALARMS)
        self._events = RowTable(folder / "events.parquet", EVENTS)
        self._for_plant: list[tuple[str, AnyMessage]] = []

    def step(self, k: int, t_s: float, inbox: Mapping[str, Sequence[AnyMessage]]) -> list[Outgoing]:
        """Record one exchange; writes no message."""
        # The plant takes in commands and taps one exchange after they were written.
        for topic, message in self._for_plant:
            self._journal.take_in(k, t_s, topic, message)
        self._for_plant = [(topic, m) for topic in (topics.COMMANDS, topics.TAPS) for m in inbox[topic]]
        for message in inbox[topics.MODEL]:
            assert isinstance(message, PlantModelMessage)
            self._begin(PlantModel.decode(message.document))
        for message in inbox[topics.TRUTH]:
            self._record_truth(message)
        for message in inbox[topics.VERDICTS]:
            assert isinstance(message, Verdict)
            m = message
            self._verdicts.append(
                m.t_s, m.detector, m.station, m.value, m.score, m.margin, m.method, m.domain, m.alarm
            )
        for message in inbox[topics.ALARMS]:
            assert isinstance(message, Alarm)
            a = message
            self._alarms.append(a.t_s, a.alarm_id, a.source, a.priority, a.state, a.domain, a.certified)
        for message in inbox[topics.DIRECTIVES]:
            assert isinstance(message, Directive)
            kind = "safe_mode_in" if message.action == "enter" else "safe_mode_out"
            element = f"{message.domain}/{message.mode}"
            self._events.append(message.t_s, kind, element, message.reason, None, "")
        return []

    def digest(self) -> str:
        """sha256 over the plant model, every table and the outcomes, hex; the same on any bus."""
        found = hashlib.sha256()
        if self.model is not None:
            found.update(self.model.digest().encode())
        rows = {
            "journal": self._journal,
            "verdicts": self._verdicts,
            "alarms": self._alarms,
            "events": self._events,
        }
        for name, table in sorted([*self._values.items(), *rows.items()]):
            found.update(f"{name} {table.digest()}\n".encode())
        found.update(self._outcomes.digest())
        return found.hexdigest()

    def close(self) -> None:
        """Write what is held back and the footer of every file."""
        for table in (*self._values.values(), self._journal, self._verdicts, self._alarms, self._events):
            table.close()
        if self.outcome is not None:
            (self._folder / "outcome.json").write_bytes(msgspec.json.encode(self.outcome) + b"\n")

    def _begin(self, model: PlantModel) -> None:
        """Open the tables whose columns the plant model gives."""
        self.model = model
        tags = [tag.name for tag in model.tags]
        columns = {
            "truth": tags,
            "measured": tags,
            "telemetry": tags,
            "links": [f"{link_tag.link}/{link_tag.tag}" for link_tag in model.link_tags],
            "loading": [branch.name for branch in model.branches],
        }
        self._values = {
            name: ValueTable(self._folder / f"{name}.parquet", names) for name, names in columns.items()
        }

    def _record_truth(self, message: AnyMessage) -> None:
        if isinstance(message, Truth):
            if not self._values:
                raise RunFailed("the recorder got values before the plant model that names them")
            parts = {
                "truth": message.true,
                "measured": message.measured,
                "telemetry": message.received,
                "links": message.links,
                "loading": message.loading,
            }
            for name, payload in parts.items():
                self._values[name].append(message.t_s, _floats(payload))
        elif isinstance(message, Event):
            m = message
            self._events.append(m.t_s, m.kind, m.element, m.cause, m.value, m.unit)
        elif isinstance(message, Outcome):
            self.outcome = message
            self._outcomes.update(encode(message))
        else:
            raise RunFailed(f"the recorder cannot record a {type(message).__name__} on topic truth")


def _floats(payload: bytes) -> NDArray[np.float64]:
    return np.frombuffer(payload, dtype="<f8")
