"""``breakwater bench``."""

from __future__ import annotations

from pathlib import Path

import msgspec

from scenarios.bench.catalogue import BENCHES
from scenarios.commands.printing import number, print_json, print_table
from streams.errors import BadInput


def bench_command(what: str, as_json: bool, out: Path | None) -> None:
    """Measure and print; ``out`` keeps figures and plots. Raises BadInput for an unknown bench."""
    if what not in BENCHES:
        raise BadInput("WHAT", what, ", ".join(BENCHES))
    if out is not None:
        _make(out)
    figures = BENCHES[what](out)
    if out is not None:
        (out / f"{what}.json").write_bytes(
            msgspec.json.format(msgspec.json.encode(figures), indent=2) + b"\n"
        )
    if as_json:
        print_json(figures)
        return
    rows = [
        [f.name, _figure(f.value), f.unit, f.peer or "-", _figure(f.peer_value), number(f.ratio, 2)]
        for f in figures
    ]
    print_table(["figure", "value", "unit", "beside", "its value", "ratio"], rows)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput("--out", str(folder), f"a folder that can be written ({error.strerror})") from None
