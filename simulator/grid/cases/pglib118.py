"""IEEE 118 with the units, costs and ratings of PGLib-OPF (CC BY 4.0; tables in ``data``)."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np

from simulator.grid.cases import columns as col
from simulator.grid.cases.tables import Floats, Tables

DATA = Path(__file__).parent / "data"
UNIT_COLUMNS = {"p_min_mw": col.PMIN, "p_max_mw": col.PMAX, "q_min_mvar": col.QMIN, "q_max_mvar": col.QMAX}
# (from, to, circuit) -> MVA
RAISED_MVA = {
    (15, 17, 1): 207.0,
    (16, 17, 1): 162.0,
    (42, 49, 1): 111.0,
    (42, 49, 2): 111.0,
    (69, 75, 1): 150.0,
}
SOURCE_NOTE = "Units, costs and ratings are those of PGLib-OPF's IEEE 118 (CC BY 4.0)."
RAISED_NOTE = (
    "Ratings raised so that an N-1 secure dispatch at 1.15 emergency rating exists (MVA): "
    "15-17 to 207, 16-17 to 162, 42-49#1 to 111, 42-49#2 to 111, 69-75 to 150."
)


def with_pglib_figures(tables: Tables) -> Tables:
    """MATPOWER's IEEE 118 with PGLib's limits, linear costs and ratings, five of which are raised."""
    rows = _rows("case118_units.csv")
    if [float(row["bus"]) for row in rows] != tables.gen[:, col.GEN_BUS].tolist():
        raise AssertionError("case118_units.csv does not list the units in MATPOWER's order")
    gen, branch = tables.gen.copy(), tables.branch.copy()
    for name, column in UNIT_COLUMNS.items():
        gen[:, column] = [float(row[name]) for row in rows]
    cost = np.array([float(row["cost_per_mwh"]) for row in rows])
    gencost = np.column_stack([np.full(len(rows), 2.0), *np.zeros((2, len(rows))), *_linear(cost)])
    branch[:, col.RATE_A] = _ratings(branch)
    notes = (SOURCE_NOTE, RAISED_NOTE, *tables.notes)
    return replace(tables, gen=gen, branch=branch, gencost=gencost, notes=notes)


def _linear(cost: Floats) -> tuple[Floats, Floats, Floats]:
    """Number of coefficients, slope and constant of each cost curve."""
    return np.full(len(cost), 2.0), cost, np.zeros(len(cost))


def _ratings(branch: Floats) -> Floats:
    table = {
        (int(row["from_bus"]), int(row["to_bus"]), int(row["circuit"])): float(row["rate_mva"])
        for row in _rows("case118_ratings.csv")
    }
    seen: dict[tuple[int, int], int] = {}
    rating = []
    for start, end in branch[:, (col.F_BUS, col.T_BUS)].astype(int).tolist():
        circuit = seen[start, end] = seen.get((start, end), 0) + 1
        key = (start, end, circuit)
        rating.append(RAISED_MVA.get(key, table[key]))
    return np.array(rating)


def _rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
