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


_ASCE = "networks/asce-tf-wdst/"  # the ASCE task force's collection

# Hours to low pressure: more than a tenth of the customers below 20 psi after every pump stops at 08:00.
CATALOGUE: dict[str, Entry] = {
    "micropolis": Entry(
        _ASCE + "MICROPOLIS_v1.inp",
        "Micropolis, a virtual city of 5,000: 8 pumps, 1 tank, 1,574 junctions; low pressure 3.9 h after its "
        "pumps stop",
    ),
    "net1": Entry(
        _ASCE + "Net1.inp",
        "EPANET example 1: 1 pump, 1 tank, 9 junctions; low pressure 6.3 h after its pump stops",
    ),
    "net2": Entry(
        _ASCE + "Net2.inp", "EPANET example 2: no pump, 1 tank, 35 junctions, fed by a fixed inflow"
    ),
    "net3": Entry(
        _ASCE + "Net3.inp",
        "EPANET example 3: 2 pumps, 3 tanks, 92 junctions; low pressure 12.2 h after its pumps stop",
    ),
    "ky2": Entry(
        _ASCE + "ky2.inp",
        "Kentucky 2: 1 pump, 3 tanks, 811 junctions; low pressure 5.7 h after its pump stops",
    ),
    "ky4": Entry(
        _ASCE + "ky4.inp",
        "Kentucky 4: 2 pumps, 4 tanks, 959 junctions; low pressure 7.2 h after its pumps stop",
    ),
    "ky5": Entry(
        _ASCE + "ky5.inp",
        "Kentucky 5: 9 pumps, 3 tanks, 420 junctions; low pressure 10.4 h after its pumps stop",
    ),
    "l-town": Entry(
        "networks/L-TOWN.inp",
        "L-Town, BattLeDIM 2020: 1 pump, 1 tank, 782 junctions, rides through a day by gravity",
    ),
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
