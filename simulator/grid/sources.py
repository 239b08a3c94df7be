"""Where cases come from: the package pypower (MATPOWER's data) and the two PGLib-OPF tables shipped here."""

from __future__ import annotations

import csv
import importlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Index = NDArray[np.int64]

DATA = Path(__file__).parent / "data"
REFERENCE_BUS_TYPE = 3
PLACEHOLDER_P_MAX_MW = 100.0
CONDENSER_NOTE = (
    "Units whose schedule is 0 MW and capacity the placeholder 100 MW are condensers without capacity."
)
NO_VOLTAGE_NOTE = "The case has no nominal voltages: 1 kV everywhere, so kV read as per unit."
COST_NOTE = "Cost per MWh is the slope of the case's cost curve at half capacity."


@dataclass(frozen=True)
class RawCase:
    """MATPOWER's matrices by name, shaped as in ``GridCase``. bus_kv 0: unknown; branch_tap 0: line."""

    base_mva: float
    reference_bus: int
    bus_name: tuple[str, ...]
    bus_kv: Floats
    bus_area: Index
    bus_gs_mw: Floats
    bus_bs_mvar: Floats
    load_bus: Index
    load_mw: Floats
    load_mvar: Floats
    branch_from: Index
    branch_to: Index
    branch_r: Floats
    branch_x: Floats
    branch_b: Floats
    branch_tap: Floats
    branch_shift_deg: Floats
    branch_rating_mva: Floats
    unit_bus: Index
    unit_p_min_mw: Floats
    unit_p_max_mw: Floats
    unit_q_min_mvar: Floats
    unit_q_max_mvar: Floats
    unit_cost_per_mwh: Floats
    unit_voltage_pu: Floats
    unit_scheduled_mw: Floats
    assumptions: tuple[str, ...]


@dataclass(frozen=True)
class UnitTable:
    """Columns of ``case118_units.csv``, each (g,)."""

    p_min_mw: Floats
    p_max_mw: Floats
    q_min_mvar: Floats
    q_max_mvar: Floats
    cost_per_mwh: Floats


def read_pypower(function: str) -> RawCase:
    """One case of pypower by function name, for example "case118"."""
    # Imported here: a run that never touches the grid should not pay for it.
    data = getattr(importlib.import_module(f"pypower.{function}"), function)()
    bus, unit, branch = data["bus"], data["gen"], data["branch"]
    number = bus[:, 0].astype(np.int64)
    row = {int(n): i for i, n in enumerate(number)}

    def position(column: Floats) -> Index:
        return np.array([row[int(n)] for n in column], dtype=np.int64)

    loads = np.flatnonzero((bus[:, 2] != 0.0) | (bus[:, 3] != 0.0))
    p_max = unit[:, 8].copy()
    condenser = (unit[:, 1] == 0.0) & (p_max == PLACEHOLDER_P_MAX_MW)
    p_max[condenser] = 0.0
    no_voltage = bool((bus[:, 9] == 0.0).all())
    notes = (
        *((CONDENSER_NOTE,) if condenser.any() else ()),
        *((NO_VOLTAGE_NOTE,) if no_voltage else ()),
        COST_NOTE,
    )
    return RawCase(
        base_mva=float(data["baseMVA"]),
        reference_bus=int(np.flatnonzero(bus[:, 1] == REFERENCE_BUS_TYPE)[0]),
        bus_name=tuple(str(n) for n in number),
        bus_kv=bus[:, 9].copy(),
        bus_area=bus[:, 6].astype(np.int64),
        bus_gs_mw=bus[:, 4].copy(),
        bus_bs_mvar=bus[:, 5].copy(),
        load_bus=loads.astype(np.int64),
        load_mw=bus[loads, 2].copy(),
        load_mvar=bus[loads, 3].copy(),
        branch_from=position(branch[:, 0]),
        branch_to=position(branch[:, 1]),
        branch_r=branch[:, 2].copy(),
        branch_x=branch[:, 3].copy(),
        branch_b=branch[:, 4].copy(),
        branch_tap=branch[:, 8].copy(),
        branch_shift_deg=branch[:, 9].copy(),
        branch_rating_mva=branch[:, 5].copy(),
        unit_bus=position(unit[:, 0]),
        unit_p_min_mw=np.where(condenser, 0.0, np.minimum(unit[:, 9], p_max)),
        unit_p_max_mw=p_max,
        unit_q_min_mvar=unit[:, 4].copy(),
        unit_q_max_mvar=unit[:, 3].copy(),
        unit_cost_per_mwh=_slope_at_half(data["gencost"], p_max),
        unit_voltage_pu=unit[:, 5].copy(),
        unit_scheduled_mw=unit[:, 1].copy(),
        assumptions=notes,
    )


def _slope_at_half(gencost: Floats, p_max_mw: Floats) -> Floats:
    """Derivative of each polynomial cost curve (coefficients from the highest power) at half capacity."""
    slopes = [
        np.polyval(np.polyder(np.poly1d(cost[4 : 4 + int(cost[3])])), p / 2.0)
        for cost, p in zip(gencost, p_max_mw, strict=False)
    ]
    return np.where(p_max_mw > 0.0, np.array(slopes, dtype=np.float64), 0.0)


def branch_names(raw: RawCase) -> tuple[str, ...]:
    """Names "38-65", and "42-49#1", "42-49#2" for parallel branches in either direction, in branch order."""
    ends = [(raw.bus_name[f], raw.bus_name[t]) for f, t in zip(raw.branch_from, raw.branch_to, strict=True)]
    pairs = Counter(frozenset(end) for end in ends)
    seen: Counter[frozenset[str]] = Counter()
    names = []
    for start, end in ends:
        pair = frozenset((start, end))
        seen[pair] += 1
        names.append(f"{start}-{end}" + (f"#{seen[pair]}" if pairs[pair] > 1 else ""))
    return tuple(names)


def unit_names(raw: RawCase) -> tuple[str, ...]:
    """Names "G10", and "G1.1", "G1.2" for several units at one bus, in unit order."""
    buses = [raw.bus_name[b] for b in raw.unit_bus]
    count, seen, names = Counter(buses), Counter[str](), []
    for bus in buses:
        seen[bus] += 1
        names.append(f"G{bus}" + (f".{seen[bus]}" if count[bus] > 1 else ""))
    return tuple(names)


def units_118(raw: RawCase) -> UnitTable:
    """PGLib-OPF's units of IEEE 118; same order as MATPOWER's, which is checked."""
    rows = _rows("case118_units.csv")
    if [row["bus"] for row in rows] != [raw.bus_name[b] for b in raw.unit_bus]:
        raise AssertionError("case118_units.csv does not list the units in MATPOWER's order")

    def column(key: str) -> Floats:
        return np.array([float(row[key]) for row in rows])

    return UnitTable(
        column("p_min_mw"),
        column("p_max_mw"),
        column("q_min_mvar"),
        column("q_max_mvar"),
        column("cost_per_mwh"),
    )


def ratings_118(names: tuple[str, ...]) -> Floats:
    """PGLib-OPF's ratings of IEEE 118 in MVA, (l,) in the order of ``names``."""
    table = {}
    for row in _rows("case118_ratings.csv"):
        name = f"{row['from_bus']}-{row['to_bus']}"
        table[f"{name}#{row['circuit']}"] = table[name] = float(row["rate_mva"])
    return np.array([table[name] for name in names])


def _rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
