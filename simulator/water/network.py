"""Where water networks come from: a catalogue of names, or any INP file by path."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import NamedTuple

from streams.errors import BadInput


class Entry(NamedTuple):
    """A catalogue line. file: path inside package ``epyt``; description: one line for ``breakwater list``."""

    file: str
    description: str


CATALOGUE: dict[str, Entry] = {
    "micropolis": Entry(
        "networks/asce-tf-wdst/MICROPOLIS_v1.inp",
        "Micropolis, a virtual city of 5,000: 8 pumps, 1 tower, dry 2 to 4 hours after its pumps stop",
    ),
    "net1": Entry("networks/asce-tf-wdst/Net1.inp", "EPANET example 1: 1 pump, 1 tank, 9 junctions"),
    "net3": Entry("networks/asce-tf-wdst/Net3.inp", "EPANET example 3: 2 pumps, 3 tanks, 92 junctions"),
}


def find_inp(network: str) -> Path:
    """Path of a catalogue network or of an INP file.

    The package that carries the files is located without being imported.
    Raises BadInput if ``network`` is neither a catalogue name nor a file, or the package is missing.
    """
    if network in CATALOGUE:
        return _packaged(network)
    path = Path(network)
    if not path.is_file():
        raise BadInput("water.network", network, f"{', '.join(CATALOGUE)} or the path of an INP file")
    return path


def _packaged(network: str) -> Path:
    spec = importlib.util.find_spec("epyt")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / CATALOGUE[network].file
        if path.is_file():
            return path
    raise BadInput("water.network", network, "a network whose file is installed (pip install epyt)")
