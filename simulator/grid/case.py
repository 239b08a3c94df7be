"""A grid case: everything about a network that does not change during a run, as named arrays."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from simulator.grid.cases import columns as col
from simulator.grid.cases.catalogue import read_network
from simulator.grid.cases.checks import check
from simulator.grid.cases.costs import cost_per_mwh
from simulator.grid.cases.naming import branch_names, unit_names
from simulator.grid.cases.ratings import rated
from simulator.grid.cases.represent import represent
from simulator.grid.cases.tables import Tables
from simulator.grid.cases.unit_traits import unit_traits
from streams.errors import BadInput

Floats = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class GridCase:
    """A network. Arrays are read-only; n = buses, l = branches, g = units, d = loads.

    bus_kv (n,) nominal line voltage; bus_printed_pu (n,) complex voltage printed in the case, a start for
    solvers; bus_area (n,) number of the control area;
    bus_gs_mw, bus_bs_mvar (n,) shunts at 1 pu; reference_bus: position.
    load_bus (d,) bus positions; load_mw, load_mvar (d,) nominal demand.
    branch_from, branch_to (l,) bus positions; branch_r, branch_x, branch_b (l,) pu on base_mva; branch_tap
    (l,) off-nominal ratio on the from side, 1 for a line; branch_shift_deg (l,); branch_is_transformer (l,);
    branch_rating_mva (l,) continuous rating.
    unit_bus (g,) bus positions; unit_fuel (g,) names as in MATPOWER's genfuel (coal, ng, oil, nuclear,
    hydro, wind, solar, ...), "" where the case does not say;
    unit_p_min_mw, unit_p_max_mw (g,), both 0 for a condenser; unit_q_min_mvar,
    unit_q_max_mvar (g,); unit_cost_per_mwh (g,); unit_voltage_pu (g,) set-point; unit_scheduled_mw (g,)
    dispatch printed in the case; unit_inertia_s (g,) H on p_max; unit_droop_pu (g,), inf without
    governor; unit_ramp_mw_per_min (g,).
    assumptions: one sentence for each number that the case itself does not give.
    """

    name: str
    base_mva: float
    nominal_hz: float
    reference_bus: int
    bus_name: tuple[str, ...]
    bus_kv: Floats
    bus_printed_pu: NDArray[np.complex128]
    bus_area: Index
    bus_gs_mw: Floats
    bus_bs_mvar: Floats
    load_bus: Index
    load_mw: Floats
    load_mvar: Floats
    branch_name: tuple[str, ...]
    branch_from: Index
    branch_to: Index
    branch_r: Floats
    branch_x: Floats
    branch_b: Floats
    branch_tap: Floats
    branch_shift_deg: Floats
    branch_is_transformer: NDArray[np.bool_]
    branch_rating_mva: Floats
    unit_name: tuple[str, ...]
    unit_bus: Index
    unit_fuel: tuple[str, ...]
    unit_p_min_mw: Floats
    unit_p_max_mw: Floats
    unit_q_min_mvar: Floats
    unit_q_max_mvar: Floats
    unit_cost_per_mwh: Floats
    unit_voltage_pu: Floats
    unit_scheduled_mw: Floats
    unit_inertia_s: Floats
    unit_droop_pu: Floats
    unit_ramp_mw_per_min: Floats
    assumptions: tuple[str, ...]

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                value.setflags(write=False)

    def bus_index(self, name: str) -> int:
        """Position of a bus. Raises BadInput for an unknown name."""
        return _position(self.bus_name, name, f"{self.name} bus")

    def branch_index(self, name: str) -> int:
        """Position of a branch. Raises BadInput for an unknown name."""
        return _position(self.branch_name, name, f"{self.name} branch")

    def unit_index(self, name: str) -> int:
        """Position of a unit. Raises BadInput for an unknown name."""
        return _position(self.unit_name, name, f"{self.name} unit")


def _position(names: tuple[str, ...], name: str, where: str) -> int:
    try:
        return names.index(name)
    except ValueError:
        raise BadInput(where, name, ", ".join(names)) from None


def load_case(name: str = "ieee118", ratings: str = "default") -> GridCase:
    """Network by catalogue name, MATPOWER file name, or path of a ``.m`` or ``.json`` file.

    ratings: "default" keeps published ratings where there are any; "derived" applies PGLib-OPF's rule to
    every branch. Raises BadInput for an unknown name or choice, and for data that cannot be a grid.
    """
    if ratings not in ("default", "derived"):
        raise BadInput("grid.ratings", ratings, "default, derived")
    tables = read_network(name)
    check(tables)
    return _grid_case(rated(represent(tables), "derived" if ratings == "derived" else "default"))


def _grid_case(tables: Tables) -> GridCase:
    """Names and positions in place of MATPOWER's numbers."""
    bus, gen, branch = tables.bus, tables.gen, tables.branch
    names = [str(int(number)) for number in bus[:, col.BUS_I]]
    row = {number: i for i, number in enumerate(bus[:, col.BUS_I].tolist())}

    def positions(column: Floats) -> Index:
        return np.array([row[number] for number in column.tolist()], dtype=np.int64)

    loads = np.flatnonzero((bus[:, col.PD] != 0.0) | (bus[:, col.QD] != 0.0))
    start, end = positions(branch[:, col.F_BUS]), positions(branch[:, col.T_BUS])
    unit_bus = positions(gen[:, col.GEN_BUS])
    tap, kv = branch[:, col.TAP], bus[:, col.BASE_KV]
    magnitude, angle = bus[:, col.VM], np.radians(bus[:, col.VA])
    cost, cost_note = cost_per_mwh(tables)
    traits = unit_traits(tables)
    return GridCase(
        name=tables.name,
        base_mva=tables.base_mva,
        nominal_hz=tables.nominal_hz,
        reference_bus=_reference_bus(tables, unit_bus),
        bus_name=tuple(names),
        bus_kv=np.where(kv > 0.0, kv, 1.0),
        bus_printed_pu=np.where(magnitude > 0.0, magnitude, 1.0) * np.exp(1j * angle),
        bus_area=bus[:, col.BUS_AREA].astype(np.int64),
        bus_gs_mw=bus[:, col.GS].copy(),
        bus_bs_mvar=bus[:, col.BS].copy(),
        load_bus=loads,
        load_mw=bus[loads, col.PD],
        load_mvar=bus[loads, col.QD],
        branch_name=branch_names([names[i] for i in start], [names[i] for i in end]),
        branch_from=start,
        branch_to=end,
        branch_r=branch[:, col.BR_R].copy(),
        branch_x=branch[:, col.BR_X].copy(),
        branch_b=branch[:, col.BR_B].copy(),
        branch_tap=np.where(tap == 0.0, 1.0, tap),
        branch_shift_deg=branch[:, col.SHIFT].copy(),
        branch_is_transformer=(tap != 0.0) | (branch[:, col.SHIFT] != 0.0),
        branch_rating_mva=branch[:, col.RATE_A].copy(),
        unit_name=unit_names([names[i] for i in unit_bus]),
        unit_bus=unit_bus,
        unit_fuel=traits.fuel,
        unit_p_min_mw=gen[:, col.PMIN].copy(),
        unit_p_max_mw=gen[:, col.PMAX].copy(),
        unit_q_min_mvar=gen[:, col.QMIN].copy(),
        unit_q_max_mvar=gen[:, col.QMAX].copy(),
        unit_cost_per_mwh=cost,
        unit_voltage_pu=gen[:, col.VG].copy(),
        unit_scheduled_mw=gen[:, col.PG].copy(),
        unit_inertia_s=traits.inertia_s,
        unit_droop_pu=traits.droop_pu,
        unit_ramp_mw_per_min=traits.ramp_mw_per_min,
        assumptions=(*tables.notes, cost_note, *traits.notes),
    )


def _reference_bus(tables: Tables, unit_bus: Index) -> int:
    """Position of the first reference bus that has a unit."""
    kind = tables.bus[:, col.BUS_TYPE]
    with_unit = np.zeros(len(kind), dtype=np.bool_)
    with_unit[unit_bus] = True
    found = np.flatnonzero((kind == col.REFERENCE) & with_unit)
    if not found.size:
        raise BadInput(
            f"{tables.source} reference bus", "without unit", "a reference bus with a unit in service"
        )
    return int(found[0])


def initial_dispatch(case: GridCase, load_mw: Floats) -> Floats:
    """Share the total of ``load_mw`` over the units, each the same share of its range above its minimum.

    Returns (g,) MW within [p_min, p_max]. Losses are left out: ``Grid`` adds them when it settles.
    """
    room = case.unit_p_max_mw - case.unit_p_min_mw
    share = (float(np.sum(load_mw)) - case.unit_p_min_mw.sum()) / room.sum()
    return np.asarray(case.unit_p_min_mw + np.clip(share, 0.0, 1.0) * room)
