"""``breakwater bench``."""

from __future__ import annotations

from scenarios.bench.catalogue import BENCHES
from scenarios.commands.printing import number, print_json, print_table
from streams.errors import BadInput


def bench_command(what: str, as_json: bool) -> None:
    """Measure and print. Raises BadInput for an unknown bench."""
    if what not in BENCHES:
        raise BadInput("WHAT", what, ", ".join(BENCHES))
    figures = BENCHES[what]()
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
