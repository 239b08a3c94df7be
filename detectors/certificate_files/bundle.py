"""A bundle: one JSON-lines file that holds every certificate of a recording.

Line 1 is the header: what was certified (model, plant model, data, each with its hash and where it lies), by
what, and a hash over all lines after it. Each further line is one certificate with the rows of its window in
the recording, the hash of that window's raw values and a hash over its own content. All lines are canonical
JSON. The hashes find accidents and careless hands; who rewrites them too is found by ``check``, which proves
every statement again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeVar

import msgspec

from detectors.certificate import Certificate
from detectors.certificate_files.canonical import digest, digest_of_values, encode
from detectors.certificate_files.windows import Recording
from detectors.model import MODELS, Model
from streams.errors import BadInput

FORMAT = "breakwater certificates"
VERSION = 1
FILE = "certificates.jsonl"
PACKAGES = ("breakwater", "numba", "numpy")
Kind = TypeVar("Kind")


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """path: from the bundle's folder, or the name of a shipped model; sha256 of the content, not of the
    file's bytes."""

    path: str
    sha256: str


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """First line. sha256: over this line without itself, lines_sha256 included."""

    format: str
    version: int
    model: Source
    plant_model_sha256: str
    data: Source
    versions: dict[str, str]
    count: int
    lines_sha256: str
    sha256: str = ""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One certificate. rows: first and last row of its window in the recording, counted from 0; the first is
    -1 where the window begins before the recording. sha256: over the line without itself."""

    certificate: Certificate
    rows: tuple[int, int]
    values_sha256: str
    sha256: str = ""


def sealed(entry: Entry) -> Entry:
    """The entry with its hash."""
    return msgspec.structs.replace(entry, sha256=digest(msgspec.structs.replace(entry, sha256="")))


def write_bundle(folder: Path, model: Model, data: Path, certificates: Sequence[Certificate]) -> Path:
    """Write ``certificates.jsonl`` into a folder. Raises BadInput where it cannot be written."""
    recording = Recording(model, data)
    lines = []
    for certificate in certificates:
        rows, values = recording.window(certificate.domain, certificate.t_s)
        lines.append(encode(sealed(Entry(certificate, rows, digest_of_values(*values)))))
    shipped = model.folder.parent == MODELS
    path = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        header = Header(
            FORMAT,
            VERSION,
            Source(model.folder.name if shipped else _relative(model.folder, folder), model.digest()),
            recording.run.plant.digest(),
            Source(_relative(data, folder), recording.digest()),
            {name: _version(name) for name in PACKAGES},
            len(lines),
            _digest_of(lines),
        )
        header = msgspec.structs.replace(header, sha256=digest(header))
        part = path.with_suffix(".part")
        part.write_bytes(b"\n".join([encode(header), *lines]) + b"\n")
        part.replace(path)
    except OSError as error:
        raise BadInput("--out", str(folder), f"a folder that can be written ({error.strerror})") from None
    return path


class Bundle(msgspec.Struct, frozen=True):
    """What was read. changed: what the hashes say was altered after writing, one sentence each."""

    header: Header
    entries: tuple[Entry, ...]
    changed: tuple[str, ...]


def read_bundle(path: Path) -> Bundle:
    """Read a bundle; alterations that its hashes show are listed, not raised. Raises BadInput where the file
    is missing, is no bundle or has another version."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise BadInput(str(path), error.strerror or "unreadable", "a file of certificates") from None
    header = _decode(path, 1, lines[0] if lines else b"", Header)
    if (header.format, header.version) != (FORMAT, VERSION):
        raise BadInput(f"{path}: format", f"{header.format} {header.version}", f"{FORMAT} {VERSION}")
    entries = tuple(_decode(path, i, line, Entry) for i, line in enumerate(lines[1:], start=2))
    changed = []
    if digest(msgspec.structs.replace(header, sha256="")) != header.sha256:
        changed.append("line 1: the header was changed after it was written")
    if header.lines_sha256 != _digest_of(lines[1:]) or header.count != len(entries):
        changed.append("certificates were changed, added or removed after the file was written")
    changed += [
        f"line {i}: the certificate was changed after it was written"
        for i, entry in enumerate(entries, start=2)
        if sealed(entry) != entry
    ]
    return Bundle(header, entries, tuple(changed))


def _decode(path: Path, number: int, line: bytes, kind: type[Kind]) -> Kind:
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise BadInput(f"{path}: line {number}", str(error), "a line of a file of certificates") from None


def _digest_of(lines: Sequence[bytes]) -> str:
    total = hashlib.sha256()
    for line in lines:
        total.update(line + b"\n")
    return total.hexdigest()


def _relative(path: Path, folder: Path) -> str:
    """With a slash in it, so that it is not taken for the name of a shipped model."""
    path = Path(os.path.relpath(path.resolve(), folder.resolve()))
    return path.as_posix() if len(path.parts) > 1 else f"./{path.as_posix()}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
