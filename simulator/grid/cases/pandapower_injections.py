"""Loads, shunts and units of pandapower."""

from __future__ import annotations

import numpy as np

from simulator.grid.cases import columns as col
from simulator.grid.cases.pandapower_json import Document, Flags, Frame
from simulator.grid.cases.tables import Floats

# Table -> sign of its power as demand.
POWER_TABLES = {"load": 1.0, "sgen": -1.0, "storage": 1.0}


def add_injections(document: Document, bus: Floats, merged: dict[int, int]) -> None:
    """Add demand (generation without voltage control counts negative) and shunts to the bus matrix."""
    row = _rows(bus, merged)
    for name, sign in POWER_TABLES.items():
        frame = document.frame(name)
        on = frame.flags("in_service")
        scale = sign * frame.floats("scaling", 1.0)
        power = frame.required("p_mw") * scale, frame.floats("q_mvar", 0.0) * scale
        _add(bus, (col.PD, col.QD), row, frame, on, power)
    ward = document.frame("ward")
    on = ward.flags("in_service")
    _add(bus, (col.PD, col.QD), row, ward, on, (ward.floats("ps_mw", 0.0), ward.floats("qs_mvar", 0.0)))
    _add(bus, (col.GS, col.BS), row, ward, on, (ward.floats("pz_mw", 0.0), -ward.floats("qz_mvar", 0.0)))
    shunt = document.frame("shunt")
    table = shunt.flags("step_dependency_table", False)
    shunt.refuse("step_dependency_table", [True] * len(shunt), table, "False")
    at = np.array([row[number] for number in shunt.numbers("bus").tolist()], dtype=np.int64)
    kv = bus[at, col.BASE_KV] if len(at) else np.zeros(0)
    scale = shunt.floats("step", 1.0) * np.square(
        kv / shunt.floats("vn_kv", np.nan if not len(kv) else kv[0])
    )
    power = shunt.floats("p_mw", 0.0) * scale, -shunt.floats("q_mvar", 0.0) * scale
    _add(bus, (col.GS, col.BS), row, shunt, shunt.flags("in_service"), power)


def _rows(bus: Floats, merged: dict[int, int]) -> dict[int, int]:
    own = {int(number): i for i, number in enumerate(bus[:, col.BUS_I])}
    return {number: own[one] for number, one in merged.items()}


def _add(
    bus: Floats,
    columns: tuple[int, int],
    row: dict[int, int],
    frame: Frame,
    on: Flags,
    power: tuple[Floats, Floats],
) -> None:
    at = np.array([row[number] for number in frame.numbers("bus").tolist()], dtype=np.int64)
    for column, value in zip(columns, power, strict=True):
        np.add.at(bus[:, column], at[on], value[on])


def units(document: Document, bus: Floats, merged: dict[int, int]) -> tuple[Floats, Floats, tuple[str, ...]]:
    """gen and gencost matrices of generators and external grids, and what had to be assumed.

    Buses of external grids and of generators with ``slack`` become reference buses of ``bus``.
    """
    grid, gen = document.frame("ext_grid"), document.frame("gen")
    external, assumed = _external(document, grid, float(np.abs(bus[:, col.PD]).sum()))
    generators, unlimited = _generators(gen)
    rows = np.concatenate([external, generators])
    rows[:, col.GEN_BUS] = [merged[int(number)] for number in rows[:, col.GEN_BUS]]
    slack = np.concatenate([np.ones(len(grid), dtype=np.bool_), gen.flags("slack", False)])
    on = rows[:, col.GEN_STATUS] > 0.0
    for holds, kind in ((on, col.VOLTAGE_HELD), (on & slack, col.REFERENCE)):
        at = np.isin(bus[:, col.BUS_I], rows[holds, col.GEN_BUS]) & (bus[:, col.BUS_TYPE] != col.ISOLATED)
        bus[at, col.BUS_TYPE] = kind
    cost, free = _costs(document, grid, gen)
    return rows, cost, (*assumed, *unlimited, *free)


def _external(document: Document, frame: Frame, demand_mw: float) -> tuple[Floats, tuple[str, ...]]:
    result = document.frame("res_ext_grid")
    scheduled = result.floats("p_mw", 0.0) if len(result) == len(frame) else np.zeros(len(frame))
    reach = np.maximum(demand_mw, np.abs(scheduled))
    high, low = frame.floats("max_p_mw"), frame.floats("min_p_mw")
    missing = ~np.isfinite(high) | ~np.isfinite(low)
    rows = _matrix(frame, scheduled)
    rows[:, col.PMAX] = np.where(np.isfinite(high), high, reach)
    rows[:, col.PMIN] = np.where(np.isfinite(low), low, -reach)
    if not missing.any():
        return rows, ()
    return rows, (
        f"External grids without limits reach {reach.max():g} MW either way, the sum of all demand.",
    )


def _generators(frame: Frame) -> tuple[Floats, tuple[str, ...]]:
    scheduled = frame.required("p_mw") * frame.floats("scaling", 1.0)
    high, rating = frame.floats("max_p_mw"), frame.floats("sn_mva")
    missing = ~np.isfinite(high)
    rows = _matrix(frame, scheduled)
    assumed = np.where(np.isfinite(rating), np.maximum(rating, scheduled), scheduled)
    rows[:, col.PMAX] = np.where(missing, assumed, high)
    low = frame.floats("min_p_mw")
    rows[:, col.PMIN] = np.where(np.isfinite(low), low, np.minimum(0.0, rows[:, col.PMAX]))
    if not missing.any():
        return rows, ()
    return rows, (f"{missing.sum()} generators without max_p_mw: capacity is sn_mva, else the schedule.",)


def _matrix(frame: Frame, scheduled: Floats) -> Floats:
    rows = np.zeros((len(frame), 21))
    rows[:, col.GEN_BUS], rows[:, col.PG] = frame.numbers("bus"), scheduled
    rows[:, col.QMAX], rows[:, col.QMIN] = (
        frame.floats("max_q_mvar", np.inf),
        frame.floats("min_q_mvar", -np.inf),
    )
    rows[:, col.VG], rows[:, col.GEN_STATUS] = frame.required("vm_pu"), frame.flags("in_service")
    return rows


def _costs(document: Document, grid: Frame, gen: Frame) -> tuple[Floats, tuple[str, ...]]:
    """Polynomials in MATPOWER's form; of a piecewise curve the slope of its middle piece."""
    row = {("ext_grid", int(i)): n for n, i in enumerate(grid.index)}
    row |= {("gen", int(i)): len(grid) + n for n, i in enumerate(gen.index)}
    cost = np.zeros((len(row), 7))
    cost[:, col.MODEL], cost[:, col.NCOST] = 2.0, 3.0
    known = set()
    poly, pieces = document.frame("poly_cost"), document.frame("pwl_cost")
    keys = list(zip(poly.texts("et"), poly.numbers("element").tolist(), strict=True))
    for n, key in enumerate(keys):
        if key in row:
            cost[row[key], 4:] = (
                poly.floats("cp2_eur_per_mw2", 0.0)[n],
                poly.floats("cp1_eur_per_mw", 0.0)[n],
                0.0,
            )
            known.add(key)
    for n, key in enumerate(zip(pieces.texts("et"), pieces.numbers("element").tolist(), strict=True)):
        if key in row and pieces.texts("power_type")[n] in ("p", ""):
            points = pieces.columns["points"][n]
            cost[row[key], 5] = float(points[len(points) // 2][2])
            known.add(key)
    if not known:
        return np.zeros((0, 5)), ()
    free = len(row) - len(known)
    return cost, ((f"{free} units without a cost in the file cost nothing.",) if free else ())
