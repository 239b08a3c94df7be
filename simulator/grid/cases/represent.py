"""What the grid model does not know, turned into what it does; every change leaves a sentence.

The model knows constant-power loads, shunts, branches in service and units that hold a voltage.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from simulator.grid.cases import columns as col
from simulator.grid.cases.tables import Tables
from streams.errors import BadInput

Flags = NDArray[np.bool_]

# Branches below the first figure get the second one, with which Newton's method converges.
NO_IMPEDANCE_PU = 1e-6
ZERO_IMPEDANCE_X_PU = 1e-5
UNBOUNDED_Q_MVAR = 9999.0
UNBOUNDED_P_SHARE = 1.25
NAMED_AT_MOST = 30
RELAY_SETTINGS_HZ = 60.0


def represent(tables: Tables) -> Tables:
    """All changes in turn. Raises BadInput for a load without supply."""
    for step in (
        _without_isolated_buses,
        _without_what_is_out_of_service,
        _dc_lines_as_injections,
        _without_unconnected_buses,
        _negative_units_as_loads,
        _bounded_units,
        _units_of_load_buses,
        _one_set_point_per_bus,
        _zero_impedances,
        _declared,
    ):
        tables = step(tables)
    return tables


def _noted(tables: Tables, note: str) -> Tables:
    return replace(tables, notes=(*tables.notes, note))


def _listed(numbers: Iterable[float]) -> str:
    names = [f"{n:g}" if n < 1e6 else str(int(n)) for n in numbers]
    more = len(names) - NAMED_AT_MOST
    return ", ".join(names[:NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")


def _keep(tables: Tables, bus: Flags, gen: Flags, branch: Flags, dcline: Flags) -> Tables:
    """Rows that stay; costs (active, then reactive power), fuels and types follow their units."""
    units = len(tables.gen)
    return replace(
        tables,
        bus=tables.bus[bus],
        gen=tables.gen[gen],
        branch=tables.branch[branch],
        dcline=tables.dcline[dcline],
        gencost=tables.gencost[:units][gen] if len(tables.gencost) >= units else tables.gencost,
        genfuel=tuple(f for f, stays in zip(tables.genfuel, gen, strict=False) if stays),
        gentype=tuple(t for t, stays in zip(tables.gentype, gen, strict=False) if stays),
    )


def _keep_buses(tables: Tables, bus: Flags) -> Tables:
    """Some buses and what stands wholly on them."""
    number = tables.bus[bus, col.BUS_I]
    return _keep(
        tables,
        bus,
        np.isin(tables.gen[:, col.GEN_BUS], number),
        np.asarray(np.isin(tables.branch[:, (col.F_BUS, col.T_BUS)], number).all(axis=1)),
        np.asarray(np.isin(tables.dcline[:, (col.DC_F_BUS, col.DC_T_BUS)], number).all(axis=1)),
    )


def _without_isolated_buses(tables: Tables) -> Tables:
    isolated = tables.bus[:, col.BUS_TYPE] == col.ISOLATED
    if not isolated.any():
        return tables
    names, load = _listed(tables.bus[isolated, col.BUS_I]), tables.bus[isolated, col.PD].sum()
    note = f"Isolated buses (type 4) are left out with all that is at them, {load:g} MW of load: {names}."
    return _noted(_keep_buses(tables, ~isolated), note)


def _without_what_is_out_of_service(tables: Tables) -> Tables:
    gen, branch = tables.gen[:, col.GEN_STATUS] > 0.0, tables.branch[:, col.BR_STATUS] > 0.0
    dcline = tables.dcline[:, col.DC_STATUS] > 0.0
    kept = _keep(tables, np.ones(len(tables.bus), dtype=np.bool_), gen, branch, dcline)
    if gen.all() and branch.all():
        return kept
    note = f"Out of service in the case and left out: {(~gen).sum()} units, {(~branch).sum()} branches."
    return _noted(kept, note)


def _dc_lines_as_injections(tables: Tables) -> Tables:
    if not len(tables.dcline):
        return tables
    line, bus = tables.dcline, tables.bus.copy()
    sent = line[:, col.DC_PF]
    computed = sent - line[:, col.DC_LOSS0] - line[:, col.DC_LOSS1] * sent
    received = np.where(line[:, col.DC_PT] != 0.0, line[:, col.DC_PT], computed)
    row = _rows(tables)
    for column, mw, mvar in (
        (col.DC_F_BUS, -sent, line[:, col.DC_QF]),
        (col.DC_T_BUS, received, line[:, col.DC_QT]),
    ):
        at = [row[int(n)] for n in line[:, column]]
        np.subtract.at(bus[:, col.PD], at, mw)
        np.subtract.at(bus[:, col.QD], at, mvar)
    pairs = zip(line[:, col.DC_F_BUS], line[:, col.DC_T_BUS], sent, strict=True)
    names = ", ".join(f"{a:.0f}-{b:.0f} ({mw:g} MW)" for a, b, mw in pairs)
    note = f"DC lines are fixed injections at both ends as scheduled, without control: {names}."
    return _noted(replace(tables, bus=bus, dcline=line[:0]), note)


def _without_unconnected_buses(tables: Tables) -> Tables:
    """Parts of the network without a unit that has capacity: refused with load, left out without."""
    row = _rows(tables)
    part = _parts(
        len(tables.bus), [(row[int(a)], row[int(b)]) for a, b in tables.branch[:, (col.F_BUS, col.T_BUS)]]
    )
    able = tables.gen[:, col.PMAX] > 0.0
    supplied = np.isin(part, part[[row[int(n)] for n in tables.gen[able, col.GEN_BUS]]])
    if supplied.all():
        return tables
    loaded = ~supplied & ((tables.bus[:, col.PD] != 0.0) | (tables.bus[:, col.QD] != 0.0))
    if loaded.any():
        names = _listed(tables.bus[loaded, col.BUS_I])
        raise BadInput(
            f"{tables.source} load at bus without connection to a unit", names, "connected buses (or type 4)"
        )
    names = _listed(tables.bus[~supplied, col.BUS_I])
    note = f"Buses without load and without connection are left out: {names}."
    return _noted(_keep_buses(tables, supplied), note)


def _negative_units_as_loads(tables: Tables) -> Tables:
    """Units that can only draw power (MATPOWER's dispatchable loads) draw what is scheduled.

    At a bus whose voltage is held a condenser without capacity stays behind.
    """
    gen, bus = tables.gen.copy(), tables.bus.copy()
    draws = (gen[:, col.PMAX] <= 0.0) & (gen[:, col.PMIN] < 0.0)
    if not draws.any():
        return tables
    row = _rows(tables)
    at = np.array([row[int(n)] for n in gen[:, col.GEN_BUS]], dtype=np.int64)
    holds = draws & (bus[at, col.BUS_TYPE] != col.LOAD) & (gen[:, col.QMAX] > gen[:, col.QMIN])
    np.subtract.at(bus[:, col.PD], at[draws], gen[draws, col.PG])
    np.subtract.at(bus[:, col.QD], at[draws & ~holds], gen[draws & ~holds, col.QG])
    power, names = -gen[draws, col.PG].sum(), _listed(gen[draws, col.GEN_BUS])
    gen[holds, col.PG] = gen[holds, col.PMAX] = gen[holds, col.PMIN] = 0.0
    note = f"Units that only draw power are loads of constant power, {power:g} MW, at buses {names}."
    stays = ~draws | holds
    every = (np.ones(len(bus), dtype=np.bool_), stays, np.ones(len(tables.branch), dtype=np.bool_))
    kept = _keep(replace(tables, gen=gen, bus=bus), *every, np.ones(0, dtype=np.bool_))
    return _noted(kept, note)


def _bounded_units(tables: Tables) -> Tables:
    """Finite limits: reactive ones far away, capacity from the schedule."""
    gen = tables.gen.copy()
    endless = np.isinf(gen[:, col.PMAX])
    gen[endless, col.PMAX] = UNBOUNDED_P_SHARE * np.maximum(gen[endless, col.PG], 0.0)
    gen[np.isinf(gen[:, col.PMIN]), col.PMIN] = 0.0
    gen[:, col.PMIN] = np.minimum(gen[:, col.PMIN], gen[:, col.PMAX])
    for column in (col.QMAX, col.QMIN):
        gen[:, column] = np.clip(gen[:, column], -UNBOUNDED_Q_MVAR, UNBOUNDED_Q_MVAR)
    if endless.any():
        note = f"{endless.sum()} units without limit have {UNBOUNDED_P_SHARE:g} x their schedule as capacity."
        tables = _noted(tables, note)
    return replace(tables, gen=gen)


def _units_of_load_buses(tables: Tables) -> Tables:
    """MATPOWER gives a unit at a load bus its printed Q; here it holds the printed voltage, the same state
    while the case stays as printed."""
    row, gen = _rows(tables), tables.gen.copy()
    at = np.array([row[int(n)] for n in gen[:, col.GEN_BUS]], dtype=np.int64)
    free = tables.bus[at, col.BUS_TYPE] == col.LOAD
    if not free.any():
        return tables
    gen[free, col.VG] = tables.bus[at[free], col.VM]
    names = _listed(np.unique(gen[free, col.GEN_BUS]))
    note = f"Units at load (PQ) buses hold the voltage printed for their bus: {names}."
    return _noted(replace(tables, gen=gen), note)


def _one_set_point_per_bus(tables: Tables) -> Tables:
    """Where units of one bus differ, the last one's holds, as in MATPOWER."""
    gen = tables.gen.copy()
    last = dict(zip(gen[:, col.GEN_BUS], gen[:, col.VG], strict=True))
    gen[:, col.VG] = [last[bus] for bus in gen[:, col.GEN_BUS]]
    return replace(tables, gen=gen)


def _zero_impedances(tables: Tables) -> Tables:
    zero = np.hypot(tables.branch[:, col.BR_R], tables.branch[:, col.BR_X]) < NO_IMPEDANCE_PU
    if not zero.any():
        return tables
    branch = tables.branch.copy()
    branch[zero, col.BR_R], branch[zero, col.BR_X] = 0.0, ZERO_IMPEDANCE_X_PU
    note = f"{zero.sum()} branches below {NO_IMPEDANCE_PU:g} pu have x = {ZERO_IMPEDANCE_X_PU:g} pu."
    return _noted(replace(tables, branch=branch), note)


def _declared(tables: Tables) -> Tables:
    negative = tables.bus[:, col.PD] < 0.0
    if negative.any():
        buses, power = _listed(tables.bus[negative, col.BUS_I]), -tables.bus[negative, col.PD].sum()
        tables = _noted(
            tables,
            f"Negative loads are generation without voltage or frequency control that follows demand and "
            f"leaves with its feeders, {power:g} MW, at buses {buses}.",
        )
    slack = tables.bus[tables.bus[:, col.BUS_TYPE] == col.REFERENCE, col.BUS_I]
    if len(slack) > 1:
        tables = _noted(tables, f"Several slack buses, the first is the reference: {_listed(slack)}.")
    if ((tables.branch[:, col.TAP] != 0.0) | (tables.branch[:, col.SHIFT] != 0.0)).any():
        tables = _noted(tables, "Tap changers and phase shifters stay at the case's position.")
    if tables.nominal_hz != RELAY_SETTINGS_HZ:
        scaled = f"made for {RELAY_SETTINGS_HZ:g} Hz, are scaled to {tables.nominal_hz:g} Hz"
        tables = _noted(tables, f"Frequency settings of relays, {scaled}.")
    return tables


def _parts(n: int, branches: list[tuple[int, int]]) -> NDArray[np.int64]:
    """(n,) the first bus of each bus's connected part, by union-find."""
    # Not network_kernels: compiled code takes longer to load than this takes to run.
    root = list(range(n))

    def find(i: int) -> int:
        while root[i] != i:
            root[i] = root[root[i]]
            i = root[i]
        return i

    for start, end in branches:
        a, b = find(start), find(end)
        root[max(a, b)] = min(a, b)
    return np.array([find(i) for i in range(n)], dtype=np.int64)


def _rows(tables: Tables) -> dict[int, int]:
    return {int(n): i for i, n in enumerate(tables.bus[:, col.BUS_I])}
