"""``breakwater certify --check FILE``."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from detectors.certificate_files.bundle import Bundle, read_bundle
from detectors.certificate_files.check import Report, check_bundle
from detectors.certificate_files.windows import Recording
from detectors.model import MODELS, load_model, model_folder
from scenarios.commands.printing import print_json, print_table
from streams.errors import BadInput

CONFIRMED, NOT_CONFIRMED = 0, 1


def check_command(
    file: Path, model: str | None, data: Path | None, out: Path | None, any_station: bool, as_json: bool
) -> int:
    """Prove every certificate of a file again; exit status 0 if all are confirmed, 1 if not.

    model, data: where they are now, in place of what the file says. Raises BadInput for a file, model or
    data that cannot be read or are not those of the file.
    """
    for option, given in (("--out", out is not None), ("--any-station", any_station)):
        if given:
            raise BadInput(option, file.name, "nothing beside --check")
    bundle = read_bundle(file)
    chosen = load_model(model_folder(model) if model is not None else _model_of(bundle, file))
    recording = Recording(chosen, data or file.parent / bundle.header.data.path)
    with Progress(console=Console(file=sys.stderr), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("checking", total=len(bundle.entries))
        report = check_bundle(
            bundle, chosen, recording, lambda done, total: progress.update(task, completed=done, total=total)
        )
    if as_json:
        print_json({"holds": report.holds, **_plain(report)})
    else:
        _print(report)
    return CONFIRMED if report.holds else NOT_CONFIRMED


def _model_of(bundle: Bundle, file: Path) -> Path:
    """A shipped model by its name, else the folder from where the file is."""
    path = bundle.header.model.path
    return MODELS / path if (MODELS / path).is_dir() and "/" not in path else file.parent / path


def _plain(report: Report) -> dict[str, object]:
    return {name: getattr(report, name) for name in report.__struct_fields__}


def _print(report: Report) -> None:
    for sentence in report.changed:
        print(sentence)
    count = Counter((c.domain, c.verdict, c.outcome, c.reason) for c in report.certificates)
    rows = [[*key[:3], key[3] or "-", str(n)] for key, n in sorted(count.items())]
    print_table(["domain", "claimed", "outcome", "why", "windows"], rows, f"proven again by {report.method}")
