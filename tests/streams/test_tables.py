import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from streams.tables import ROW_GROUP, RowTable, ValueTable, file_digest


def fill(path, rows, digest_every=0):
    table = ValueTable(path, ["a", "b"])
    for i, row in enumerate(rows):
        table.append(4.0 * i, row)
        if digest_every and i % digest_every == 0:
            table.digest()
    table.close()
    return table.digest()


def test_values_are_kept_in_row_groups(tmp_path):
    rows = np.random.default_rng(1).normal(size=(2 * ROW_GROUP + 5, 2))
    fill(tmp_path / "t.parquet", rows)
    file = pq.ParquetFile(tmp_path / "t.parquet")
    groups = [file.metadata.row_group(i).num_rows for i in range(file.metadata.num_row_groups)]
    assert groups == [ROW_GROUP, ROW_GROUP, 5]
    found = file.read()
    assert found.column_names == ["t_s", "a", "b"]
    assert np.array_equal(np.stack([found["a"].to_numpy(), found["b"].to_numpy()], axis=1), rows)


def test_the_digest_depends_on_values_only(tmp_path):
    rows = np.random.default_rng(2).normal(size=(1000, 2))
    rows[3, 1] = np.nan
    whole = fill(tmp_path / "a.parquet", rows)
    rows[3, 1] = -np.float64(np.nan)
    assert fill(tmp_path / "b.parquet", rows, digest_every=7) == whole
    assert file_digest(tmp_path / "a.parquet") == file_digest(tmp_path / "b.parquet") == whole
    rows[999, 1] = np.nextafter(rows[999, 1], 9.0)
    assert fill(tmp_path / "c.parquet", rows) != whole


def test_the_digest_covers_names(tmp_path):
    digests = set()
    for names in (["a"], ["b"]):
        table = ValueTable(tmp_path / "t.parquet", names)
        digests.add(table.digest())
        table.close()
    assert len(digests) == 2


def test_rows_of_mixed_columns(tmp_path):
    columns = {"n": pa.int64(), "x": pa.float64(), "s": pa.string(), "p": pa.binary(), "b": pa.bool_()}
    table = RowTable(tmp_path / "t.parquet", columns)
    rows = [(1, 0.5, "one", b"\x00", True), (2, None, "two", b"", False), (3, math.nan, None, b"x", True)]
    for row in rows:
        table.append(*row)
    table.close()
    found = [tuple(r.values()) for r in pq.read_table(tmp_path / "t.parquet").to_pylist()]
    assert found[:2] == rows[:2]
    assert file_digest(tmp_path / "t.parquet") == table.digest()


@pytest.mark.parametrize(
    "make", [lambda p: ValueTable(p, ["a"]), lambda p: RowTable(p, {"t_s": pa.float64()})]
)
def test_an_empty_table_is_a_readable_file(tmp_path, make):
    make(tmp_path / "t.parquet").close()
    assert pq.read_table(tmp_path / "t.parquet").num_rows == 0
