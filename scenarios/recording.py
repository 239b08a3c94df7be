"""The documents of a run folder, from its beginning to however the run ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from scenarios import run_folder
from scenarios.prepare import Prepared
from scenarios.provenance import Provenance, Status, provenance_of
from scenarios.summary import Summary, summarise
from scenarios.toml_text import to_toml
from streams.errors import BadInput
from streams.tags_csv import write_tags


@contextmanager
def recorded(folder: Path, prepared: Prepared, run: str, arms: Sequence[str], bus: str) -> Iterator[None]:
    """Claim the folder and describe the run in it; at the end say in its provenance how it went.

    Raises BadInput for a folder that cannot be used; nothing has been written then.
    """
    provenance = provenance_of(prepared, run, arms, bus)
    with run_folder.locked(folder):
        run_folder.claim(folder)
        with _ending(folder, prepared, provenance):
            yield


@contextmanager
def joined(folder: Path, prepared: Prepared, run: str, arm: str, bus: str) -> Iterator[None]:
    """As ``recorded``, for one arm more of a run whose other arms may be in the folder already.

    Raises BadInput where the folder holds another run, or one of another scenario.
    """
    provenance = provenance_of(prepared, run, [arm], bus)
    if run_folder.is_run_folder(folder):
        there = run_folder.open_run(folder)
        for field in ("run", "scenario_hash"):
            if there.get(field) != getattr(provenance, field):
                allowed = f"a new folder, or one of the same run and scenario ({field} differs)"
                raise BadInput("--out", str(folder), allowed)
        arms = sorted({arm, *there.get("arms", ())})
        provenance = msgspec.structs.replace(provenance, arms=arms)
    else:
        run_folder.claim(folder)
    with _ending(folder, prepared, provenance):
        yield


@contextmanager
def _ending(folder: Path, prepared: Prepared, provenance: Provenance) -> Iterator[None]:
    _write(folder, provenance, "interrupted")
    try:
        _describe(folder, prepared)
        yield
        _summarise(folder, prepared, "complete")
    except KeyboardInterrupt:
        _write(folder, provenance, "interrupted", "Ctrl-C")
        _summarise(folder, prepared, "interrupted")
        raise
    except Exception as error:
        _write(folder, provenance, "failed", str(error))
        _summarise(folder, prepared, "failed")
        raise
    _write(folder, provenance, "complete")


def read_summary(folder: Path) -> Summary:
    """``summary.json`` of a run folder. Raises BadInput."""
    document = run_folder.read_document(folder / run_folder.SUMMARY)
    try:
        return msgspec.convert(document, Summary)
    except msgspec.ValidationError as error:
        where = str(folder / run_folder.SUMMARY)
        raise BadInput(where, document.get("schema"), f"a summary of schema 1 ({error})") from None


def _write(folder: Path, provenance: Provenance, status: Status, reason: str | None = None) -> None:
    ended = msgspec.structs.replace(provenance, status=status, reason=reason)
    run_folder.write_document(folder / run_folder.PROVENANCE, ended)


def _describe(folder: Path, prepared: Prepared) -> None:
    run_folder.write_text(folder / run_folder.SCENARIO, to_toml(prepared.scenario.document()))
    write_tags(folder / run_folder.TAGS, prepared.plant_model)
    run_folder.write_text(folder / run_folder.PLANT_MODEL, prepared.plant_model.encode().decode())


def _summarise(folder: Path, prepared: Prepared, status: Status) -> None:
    summary = summarise(folder, prepared.scenario, prepared.plant_model, status)
    run_folder.write_document(folder / run_folder.SUMMARY, summary)
