"""The run folder: claimed before the first exchange, every document written at once or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from scenarios.arms import ARMS
from streams.errors import BadInput

PROVENANCE = "provenance.json"
SUMMARY = "summary.json"
SCENARIO = "scenario.toml"
REPORT = "report.html"
TAGS = "tags.csv"
PLANT_MODEL = "plant_model.json"
EPS_CURVES = "eps_curves.json"

_DOCUMENTS = (PROVENANCE, SUMMARY, SCENARIO, REPORT, TAGS, PLANT_MODEL, EPS_CURVES)


def claim(folder: Path) -> None:
    """Make ``folder`` an empty run folder; one of an earlier run is emptied of what that run wrote.

    Raises BadInput where it cannot be written, or holds something that is no run.
    """
    allowed = "a folder that can be made and written"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()) and not is_run_folder(folder):
            raise BadInput("--out", str(folder), "a new or empty folder, or one of an earlier run")
        with tempfile.TemporaryFile(dir=folder):
            pass
        for name in _DOCUMENTS:
            (folder / name).unlink(missing_ok=True)
        for arm in ARMS:
            if (folder / arm).is_dir():
                shutil.rmtree(folder / arm)
    except OSError as error:
        raise BadInput("--out", str(folder), f"{allowed} ({error.strerror})") from None


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other runs out of ``folder`` for a while. Raises BadInput where one is writing there.

    The lock lies with the system's temporary files: a folder that is refused stays untouched.
    """
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    lock = FileLock(Path(tempfile.gettempdir()) / f"breakwater-{name}.lock", blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise BadInput("--out", str(folder), "a folder that no other run is writing now") from None
    try:
        yield
    finally:
        lock.release()


def is_run_folder(folder: Path) -> bool:
    """Whether a run left its provenance here."""
    return (folder / PROVENANCE).is_file()


def open_run(folder: Path) -> dict[str, Any]:
    """Provenance of a run folder. Raises BadInput for a folder that is none."""
    if not is_run_folder(folder):
        raise BadInput("RUN_DIR", str(folder), f"a folder written by breakwater run (it holds {PROVENANCE})")
    return read_document(folder / PROVENANCE)


def read_document(path: Path) -> dict[str, Any]:
    """A JSON document of a run folder. Raises BadInput where it is missing or no JSON object."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except OSError as error:
        raise BadInput("RUN_DIR", str(path), f"a readable file ({error.strerror})") from None
    except msgspec.DecodeError as error:
        raise BadInput("RUN_DIR", str(path), f"a JSON object ({error})") from None


def write_document(path: Path, content: Any) -> None:
    """JSON, indented, in one step."""
    write_text(path, msgspec.json.format(msgspec.json.encode(content), indent=2).decode() + "\n")


def write_labels(folder: Path, table: pa.Table) -> None:
    """``labels.parquet``, whole or not at all: it marks a run for training as finished."""
    part = folder / "labels.part"
    pq.write_table(table, part)
    part.replace(folder / "labels.parquet")


def write_text(path: Path, text: str) -> None:
    """Whole or not at all: a reader never sees half of it."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        # mkstemp makes files private; a report is meant to be read by others.
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
