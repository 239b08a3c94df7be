"""Case data that cannot be a grid: refused by file, field, element and value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.grid.cases import columns as col
from simulator.grid.cases.tables import Floats, Tables
from streams.errors import BadInput

COLUMN_NAMES: dict[str, tuple[str, ...]] = {
    "bus": ("number", "type", "Pd", "Qd", "Gs", "Bs", "area", "Vm", "Va", "baseKV"),
    "gen": ("bus", "Pg", "Qg", "Qmax", "Qmin", "Vg", "mBase", "status", "Pmax", "Pmin"),
    "branch": ("from", "to", "r", "x", "b", "rateA", "rateB", "rateC", "ratio", "angle", "status"),
    "gencost": ("model", "startup", "shutdown", "n"),
    "dcline": ("from", "to", "status", "Pf", "Pt", "Qf", "Qt"),
}
MAY_BE_INFINITE = {("gen", col.QMAX), ("gen", col.QMIN), ("gen", col.PMAX), ("gen", col.PMIN)}
PLAUSIBLE_PU = (0.5, 1.5)
MAX_IMPEDANCE_PU = 1e6
# No element of a real grid comes near these; beyond them the solver's single precision overflows.
LARGEST: dict[str, dict[int, tuple[float, str]]] = {
    "bus": {
        col.PD: (1e6, "MW"),
        col.QD: (1e6, "Mvar"),
        col.GS: (1e6, "MW"),
        col.BS: (1e6, "Mvar"),
        col.BUS_AREA: (1e9, "a number of an area"),
        col.BASE_KV: (1e4, "kV"),
    },
    "gen": {col.PG: (1e6, "MW"), col.PMIN: (1e6, "MW"), col.PMAX: (1e6, "MW, or Inf")},
    "branch": {
        col.BR_B: (1e6, "pu"),
        col.TAP: (10.0, "times the nominal ratio"),
        col.SHIFT: (360.0, "degrees"),
        col.RATE_A: (1e9, "MVA"),
    },
}


def check(tables: Tables) -> None:
    """Raise BadInput at the first thing in ``tables`` that no grid can have."""
    if not (np.isfinite(tables.base_mva) and tables.base_mva > 0.0):
        raise BadInput(f"{tables.source} baseMVA", tables.base_mva, "a finite number of MVA above 0")
    for matrix in ("bus", "gen", "branch"):
        if not len(getattr(tables, matrix)):
            raise BadInput(f"{tables.source} {matrix} rows", 0, "1 or more")
    for matrix in ("bus", "gen", "branch", "gencost", "dcline"):
        _check_numbers(tables, matrix)
    _check_sizes(tables)
    _check_buses(tables)
    _check_units(tables)
    _check_branches(tables)
    for kind, names in (("genfuel", tables.genfuel), ("gentype", tables.gentype)):
        if names and len(names) != len(tables.gen):
            raise BadInput(
                f"{tables.source} {kind} names", len(names), f"one for each of {len(tables.gen)} units"
            )


def _check_numbers(tables: Tables, matrix: str) -> None:
    values: Floats = getattr(tables, matrix)
    wrong = ~np.isfinite(values)
    if matrix != "gencost":
        wrong = wrong[:, : col.WIDTH[matrix]]
    for of, column in MAY_BE_INFINITE:
        if of == matrix:
            wrong[:, column] = np.isnan(values[:, column])
    if matrix == "dcline":
        # Limits of a line that is held at its schedule are not used.
        wrong[:, 9:15] = np.isnan(values[:, 9:15])
    if wrong.any():
        row, column = (int(i) for i in np.argwhere(wrong)[0])
        _refuse(tables, matrix, row, column, float(values[row, column]), "a finite number")


def _check_sizes(tables: Tables) -> None:
    for matrix, columns in LARGEST.items():
        values: Floats = getattr(tables, matrix)
        for column, (largest, unit) in columns.items():
            huge = (np.abs(values[:, column]) > largest) & np.isfinite(values[:, column])
            _refuse_rows(tables, matrix, column, huge, f"at most {largest:g} {unit}")


def _check_buses(tables: Tables) -> None:
    bus = tables.bus
    number, kind = bus[:, col.BUS_I], bus[:, col.BUS_TYPE]
    _refuse_rows(
        tables, "bus", col.BUS_I, (number != np.round(number)) | (number < 0.0), "a whole number, 0 or more"
    )
    values, count = np.unique(number, return_counts=True)
    if (count > 1).any():
        raise BadInput(f"{tables.source} bus number", int(values[count > 1][0]), "each number once")
    _refuse_rows(
        tables,
        "bus",
        col.BUS_TYPE,
        ~np.isin(kind, (col.LOAD, 2, col.REFERENCE, col.ISOLATED)),
        "1, 2, 3 or 4",
    )
    _refuse_rows(tables, "bus", col.BASE_KV, bus[:, col.BASE_KV] < 0.0, "0 kV (unknown) or more")
    if not (kind == col.REFERENCE).any():
        raise BadInput(f"{tables.source} bus type", "no reference (slack) bus", "at least one bus of type 3")


def _check_units(tables: Tables) -> None:
    gen, on = tables.gen, tables.gen[:, col.GEN_STATUS] > 0.0
    _refuse_unknown_bus(tables, "gen", (col.GEN_BUS,), on)
    voltage = gen[:, col.VG]
    implausible = on & ~((voltage >= PLAUSIBLE_PU[0]) & (voltage <= PLAUSIBLE_PU[1]))
    _refuse_rows(tables, "gen", col.VG, implausible, f"{PLAUSIBLE_PU[0]:g} to {PLAUSIBLE_PU[1]:g} pu")
    _refuse_rows(tables, "gen", col.PMAX, on & (gen[:, col.PMAX] < gen[:, col.PMIN]), "Pmin or more")
    _refuse_rows(tables, "gen", col.PMAX, on & (gen[:, col.PMAX] == -np.inf), "above -Inf")
    _refuse_rows(tables, "gen", col.QMAX, on & (gen[:, col.QMAX] < gen[:, col.QMIN]), "Qmin or more")
    if not (on & (gen[:, col.PMAX] > 0.0)).any():
        raise BadInput(
            f"{tables.source} gen Pmax", "no unit with capacity", "a unit in service with Pmax above 0"
        )
    reference = tables.bus[tables.bus[:, col.BUS_TYPE] == col.REFERENCE, col.BUS_I]
    if not np.isin(reference, gen[on, col.GEN_BUS]).any():
        raise BadInput(f"{tables.source} reference bus", int(reference[0]), "a bus with a unit in service")


def _check_branches(tables: Tables) -> None:
    branch, on = tables.branch, tables.branch[:, col.BR_STATUS] > 0.0
    _refuse_unknown_bus(tables, "branch", (col.F_BUS, col.T_BUS), on)
    _refuse_unknown_bus(tables, "dcline", (col.DC_F_BUS, col.DC_T_BUS), tables.dcline[:, col.DC_STATUS] > 0.0)
    _refuse_rows(
        tables,
        "branch",
        col.T_BUS,
        on & (branch[:, col.F_BUS] == branch[:, col.T_BUS]),
        "another bus than from",
    )
    _refuse_rows(
        tables, "branch", col.RATE_A, on & (branch[:, col.RATE_A] < 0.0), "0 (no rating) or more MVA"
    )
    _refuse_rows(tables, "branch", col.TAP, on & (branch[:, col.TAP] < 0.0), "0 (a line) or a ratio above 0")
    huge = on & (np.hypot(branch[:, col.BR_R], branch[:, col.BR_X]) > MAX_IMPEDANCE_PU)
    _refuse_rows(tables, "branch", col.BR_X, huge, f"an impedance of at most {MAX_IMPEDANCE_PU:g} pu")


def _refuse_unknown_bus(tables: Tables, matrix: str, columns: Sequence[int], on: np.ndarray) -> None:
    values: Floats = getattr(tables, matrix)
    for column in columns:
        unknown = on & ~np.isin(values[:, column], tables.bus[:, col.BUS_I])
        _refuse_rows(tables, matrix, column, unknown, "the number of a bus in the case")


def _refuse_rows(tables: Tables, matrix: str, column: int, wrong: np.ndarray, allowed: str) -> None:
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        _refuse(tables, matrix, row, column, float(getattr(tables, matrix)[row, column]), allowed)


def _refuse(tables: Tables, matrix: str, row: int, column: int, value: float, allowed: str) -> None:
    names = COLUMN_NAMES[matrix]
    field = names[column] if column < len(names) else f"column {column + 1}"
    raise BadInput(f"{tables.source} {matrix} {_element(tables, matrix, row)} {field}", value, allowed)


def _element(tables: Tables, matrix: str, row: int) -> str:
    """The row as a person finds it: by bus numbers where there are any."""
    values: Floats = getattr(tables, matrix)
    if matrix in ("branch", "dcline"):
        return f"row {row + 1} ({values[row, 0]:g}-{values[row, 1]:g})"
    if matrix in ("bus", "gen"):
        return f"row {row + 1} (bus {values[row, 0]:g})"
    return f"row {row + 1}"
