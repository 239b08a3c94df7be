"""The journal: everything the plant took in, in the order in which it did.

The plant fed from a journal, with no other role running, goes through the same states again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from streams.codec import decode, encode
from streams.messages import AnyMessage
from streams.tables import ROW_GROUP, RowTable


class JournalRow(NamedTuple):
    """One message the plant took in at exchange k, time t_s (not those at which it was written)."""

    k: int
    t_s: float
    topic: str
    payload: bytes


class JournalWriter(RowTable):
    """Writes ``journal.parquet``."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            path, {"k": pa.int64(), "t_s": pa.float64(), "topic": pa.string(), "payload": pa.binary()}
        )

    def take_in(self, k: int, t_s: float, topic: str, message: AnyMessage) -> None:
        """Note that the plant took in ``message`` at exchange k."""
        self.append(k, t_s, topic, encode(message))


def read_journal(path: Path) -> Iterator[JournalRow]:
    """Rows in order."""
    for batch in pq.ParquetFile(path).iter_batches(batch_size=ROW_GROUP):
        columns = batch.to_pydict()
        for row in zip(columns["k"], columns["t_s"], columns["topic"], columns["payload"], strict=True):
            yield JournalRow(*row)


def read_inputs(path: Path) -> dict[int, dict[str, list[AnyMessage]]]:
    """Exchange -> topic -> messages in order: the inboxes to feed a plant with. Raises Malformed."""
    inputs: dict[int, dict[str, list[AnyMessage]]] = defaultdict(lambda: defaultdict(list))
    for row in read_journal(path):
        inputs[row.k][row.topic].append(decode(row.payload))
    return {k: dict(by_topic) for k, by_topic in inputs.items()}
