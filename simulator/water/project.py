"""Opens an INP file with EPANET and says in one sentence why it cannot."""

from __future__ import annotations

import contextlib
import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

from epanet import toolkit as en

from streams.errors import BadInput


def open_project(path: Path) -> Any:
    """EPANET project handle of an INP file, with its hydraulic solver known to start.

    Reports go to the null device: nothing is written beside the INP. Raises BadInput naming the file
    and EPANET's reason. Close with ``close_project``.
    """
    project = en.createproject()
    try:
        _open(project, path, os.devnull)
    except Exception as failure:
        close_project(project)
        raise BadInput("water.network", str(path), f"a valid INP file ({_reason(path, failure)})") from None
    return project


def close_project(project: Any) -> None:
    """Free a handle, also one that never opened properly."""
    for release in (en.closeQ, en.closeH, en.close):
        # EPANET refuses to close what was never opened; the handle must be freed all the same.
        with contextlib.suppress(Exception):
            release(project)
    en.deleteproject(project)


def _open(project: Any, path: Path, report: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        en.open(project, str(path), report, "")
        # EPANET reads a file of nonsense as an empty network and complains only here.
        en.openH(project)
    if en.getcount(project, en.NODECOUNT) == 0:
        raise ValueError("no nodes")


def _reason(path: Path, failure: Exception) -> str:
    """EPANET's first specific complaint; its exceptions only say that there is one, the report says which."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.txt"
        project = en.createproject()
        try:
            _open(project, path, str(report))
        except Exception as again:
            failure = again
        finally:
            close_project(project)
        text = report.read_text(errors="replace") if report.is_file() else ""
    for line in text.splitlines():
        if line.strip().startswith("Error") and "Error 200" not in line:
            return line.strip().rstrip(":.")
    return str(failure).rstrip(":.")
