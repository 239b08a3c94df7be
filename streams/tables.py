"""Parquet tables that grow row by row: bounded memory, a row group at a time, and a digest of what they hold.

A table's digest is sha256 over its column names and its values in order. It does not depend on when row
groups were written, and can be computed again from the file (``file_digest``).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

ROW_GROUP = 900
"""Rows held in memory before they are written: an hour of 4 s scans."""

_WRITER = {"compression": "zstd", "use_dictionary": False, "write_statistics": False}


class _Table:
    """What both kinds share: a file, a schema, a running digest, rows not yet written."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._schema = schema
        self._writer: Any = pq.ParquetWriter(path, schema, **_WRITER)
        self._hash = hashlib.sha256(_header(schema.names))

    def digest(self) -> str:
        """sha256 of everything appended so far, hex."""
        self._flush()
        return self._hash.hexdigest()

    def close(self) -> None:
        """Write what is left and the footer."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        raise NotImplementedError

    def _write(self, columns: Sequence[Any]) -> None:
        self._writer.write_table(
            pa.Table.from_arrays(
                [pa.array(c, f.type) for c, f in zip(columns, self._schema, strict=True)], schema=self._schema
            )
        )


class ValueTable(_Table):
    """``t_s`` and one float64 column per name; NaN is missing."""

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        super().__init__(path, pa.schema([(name, pa.float64()) for name in ("t_s", *names)]))
        self._rows = np.empty((ROW_GROUP, len(names) + 1))
        self._count = 0

    def append(self, t_s: float, values: NDArray[np.float64]) -> None:
        """Add a row; as many values as names."""
        row = self._rows[self._count]
        row[0], row[1:] = t_s, values
        self._count += 1
        if self._count == ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._count:
            block = self._rows[: self._count]
            self._hash.update(_canonical_block(block))
            self._write(list(np.ascontiguousarray(block.T)))
            self._count = 0


class RowTable(_Table):
    """Rows of mixed columns; a float that is NaN counts as null in the digest."""

    def __init__(self, path: Path, columns: dict[str, pa.DataType]) -> None:
        super().__init__(path, pa.schema(list(columns.items())))
        self._rows: list[tuple[Any, ...]] = []

    def append(self, *row: Any) -> None:
        """Add a row in the order of the columns; None is null."""
        self._hash.update(_canonical_row(row))
        self._rows.append(row)
        if len(self._rows) == ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._write(list(zip(*self._rows, strict=True)))
            self._rows = []


def file_digest(path: Path) -> str:
    """The digest that the table had when it was closed, from its file."""
    file = pq.ParquetFile(path)
    found = hashlib.sha256(_header(file.schema_arrow.names))
    numeric = all(pa.types.is_float64(field.type) for field in file.schema_arrow)
    for batch in file.iter_batches(batch_size=ROW_GROUP):
        if numeric:
            columns = [column.to_numpy(zero_copy_only=False) for column in batch.columns]
            found.update(_canonical_block(np.stack(columns, axis=1)))
        else:
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                found.update(_canonical_row(row))
    return found.hexdigest()


def _header(names: Sequence[str]) -> bytes:
    return msgspec.msgpack.encode(list(names))


def _canonical_block(block: NDArray[np.float64]) -> bytes:
    """Row-major little-endian float64, every NaN with the same bits."""
    return np.where(np.isnan(block), np.nan, block).astype("<f8").tobytes()


def _canonical_row(row: Sequence[Any]) -> bytes:
    return msgspec.msgpack.encode([None if isinstance(v, float) and math.isnan(v) else v for v in row])
