"""A grid case: everything about a network that does not change during a run, as named arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from simulator.grid import sources
from simulator.grid.ratings import derived_rating_mva
from simulator.grid.units import UnitTraits, rts24_traits, sized_traits, traits_from_inertia
from streams.errors import BadInput

Floats = NDArray[np.float64]
Index = NDArray[np.int64]

UNRATED_MVA = 9000.0
RAISED_118_MVA = {"15-17": 207.0, "16-17": 162.0, "42-49#1": 111.0, "42-49#2": 111.0, "69-75": 150.0}
INERTIA_39_MW_S = {30: 4200, 31: 3030, 32: 3580, 33: 2860, 34: 2600, 35: 3480, 36: 2640, 37: 2430, 38: 3450}
INERTIA_39_MW_S[39] = 50_000


@dataclass(frozen=True, eq=False)
class GridCase:
    """A network. Arrays are read-only; n = buses, l = branches, g = units, d = loads.

    bus_kv (n,) nominal line voltage; bus_area (n,) number of the control area;
    bus_gs_mw, bus_bs_mvar (n,) shunts at 1 pu; reference_bus: position.
    load_bus (d,) bus positions; load_mw, load_mvar (d,) nominal demand.
    branch_from, branch_to (l,) bus positions; branch_r, branch_x, branch_b (l,) pu on base_mva; branch_tap
    (l,) off-nominal ratio on the from side, 1 for a line; branch_shift_deg (l,); branch_is_transformer (l,);
    branch_rating_mva (l,) continuous rating.
    unit_bus (g,) bus positions; unit_fuel (g,) names as in MATPOWER's genfuel (coal, ng, oil, nuclear,
    hydro, wind, solar, ...), "" where the case does not say;
    unit_p_min_mw, unit_p_max_mw (g,), both 0 for a condenser; unit_q_min_mvar,
    unit_q_max_mvar (g,); unit_cost_per_mwh (g,); unit_voltage_pu (g,) set-point; unit_scheduled_mw (g,)
    dispatch printed in the case; unit_inertia_s (g,) H on p_max; unit_droop_pu (g,); unit_ramp_mw_per_min
    (g,).
    assumptions: one sentence for each number that the case itself does not give.
    """

    name: str
    base_mva: float
    nominal_hz: float
    reference_bus: int
    bus_name: tuple[str, ...]
    bus_kv: Floats
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
    """Network by catalogue name.

    ratings: "default" keeps published ratings where there are any; "derived" applies PGLib-OPF's rule to
    every branch. Raises BadInput for an unknown name or rating choice.
    """
    if name not in CATALOGUE:
        raise BadInput("grid network", name, ", ".join(CATALOGUE))
    if ratings not in ("default", "derived"):
        raise BadInput("grid ratings", ratings, "default, derived")
    case = CATALOGUE[name](name)
    return _with_derived_ratings(case) if ratings == "derived" else case


def initial_dispatch(case: GridCase, load_mw: Floats) -> Floats:
    """Share the total of ``load_mw`` over the units, each the same share of its range above its minimum.

    Returns (g,) MW within [p_min, p_max]. Losses are left out: ``Grid`` adds them when it settles.
    """
    room = case.unit_p_max_mw - case.unit_p_min_mw
    share = (float(np.sum(load_mw)) - case.unit_p_min_mw.sum()) / room.sum()
    return np.asarray(case.unit_p_min_mw + np.clip(share, 0.0, 1.0) * room)


def _from_pypower(name: str, function: str, traits: Callable[[sources.RawCase], UnitTraits]) -> GridCase:
    raw = sources.read_pypower(function)
    trait = traits(raw)
    kv = np.where(raw.bus_kv > 0.0, raw.bus_kv, 1.0)
    case = GridCase(
        name=name,
        base_mva=raw.base_mva,
        nominal_hz=60.0,
        reference_bus=raw.reference_bus,
        bus_name=raw.bus_name,
        bus_kv=kv,
        bus_area=raw.bus_area,
        bus_gs_mw=raw.bus_gs_mw,
        bus_bs_mvar=raw.bus_bs_mvar,
        load_bus=raw.load_bus,
        load_mw=raw.load_mw,
        load_mvar=raw.load_mvar,
        branch_name=sources.branch_names(raw),
        branch_from=raw.branch_from,
        branch_to=raw.branch_to,
        branch_r=raw.branch_r,
        branch_x=raw.branch_x,
        branch_b=raw.branch_b,
        branch_tap=np.where(raw.branch_tap == 0.0, 1.0, raw.branch_tap),
        branch_shift_deg=raw.branch_shift_deg,
        branch_is_transformer=(raw.branch_tap != 0.0) | (raw.branch_shift_deg != 0.0),
        branch_rating_mva=raw.branch_rating_mva,
        unit_name=sources.unit_names(raw),
        unit_bus=raw.unit_bus,
        unit_fuel=trait.fuel or ("",) * len(raw.unit_bus),
        unit_p_min_mw=raw.unit_p_min_mw,
        unit_p_max_mw=raw.unit_p_max_mw,
        unit_q_min_mvar=raw.unit_q_min_mvar,
        unit_q_max_mvar=raw.unit_q_max_mvar,
        unit_cost_per_mwh=raw.unit_cost_per_mwh,
        unit_voltage_pu=raw.unit_voltage_pu,
        unit_scheduled_mw=raw.unit_scheduled_mw,
        unit_inertia_s=trait.inertia_s,
        unit_droop_pu=trait.droop_pu,
        unit_ramp_mw_per_min=trait.ramp_mw_per_min,
        assumptions=(*raw.assumptions, *trait.assumptions),
    )
    unrated = (case.branch_rating_mva <= 0.0) | (case.branch_rating_mva >= UNRATED_MVA)
    return _with_derived_ratings(case) if unrated.all() else case


def _with_derived_ratings(case: GridCase) -> GridCase:
    rating = derived_rating_mva(case)
    note = "Branch ratings follow PGLib-OPF's rule (angle limit 7.5 deg, surge impedance regression)."
    return replace(case, branch_rating_mva=rating, assumptions=(*case.assumptions, note))


def _ieee118(name: str) -> GridCase:
    case = _from_pypower(name, "case118", lambda raw: sized_traits(sources.units_118(raw).p_max_mw))
    units = sources.units_118(sources.read_pypower("case118"))
    rating = sources.ratings_118(case.branch_name)
    for branch, mva in RAISED_118_MVA.items():
        rating[case.branch_name.index(branch)] = mva
    raised = ", ".join(f"{branch} to {mva:g}" for branch, mva in RAISED_118_MVA.items())
    kept = tuple(
        a for a in case.assumptions if not a.startswith(("Branch ratings", "Units whose", "Cost per"))
    )
    return replace(
        case,
        branch_rating_mva=rating,
        unit_p_min_mw=units.p_min_mw,
        unit_p_max_mw=units.p_max_mw,
        unit_q_min_mvar=units.q_min_mvar,
        unit_q_max_mvar=units.q_max_mvar,
        unit_cost_per_mwh=units.cost_per_mwh,
        assumptions=(
            "Units, costs and ratings are those of PGLib-OPF's IEEE 118 (CC BY 4.0).",
            f"Ratings raised so that an N-1 secure dispatch at 1.15 emergency rating exists (MVA): {raised}.",
            *kept,
        ),
    )


def _traits_39(raw: sources.RawCase) -> UnitTraits:
    inertia = np.array([INERTIA_39_MW_S[int(raw.bus_name[b])] for b in raw.unit_bus], dtype=np.float64)
    return traits_from_inertia(
        raw.unit_p_max_mw,
        inertia,
        "Inertia of the New England machines: Pai 1989 (H on 100 MVA, bus 39: 500 s).",
    )


CATALOGUE: dict[str, Callable[[str], GridCase]] = {
    "ieee118": _ieee118,
    "ieee39": lambda name: _from_pypower(name, "case39", _traits_39),
    "rts24": lambda name: _from_pypower(name, "case24_ieee_rts", lambda raw: rts24_traits(raw.unit_p_max_mw)),
    "ieee14": lambda name: _from_pypower(name, "case14", lambda raw: sized_traits(raw.unit_p_max_mw)),
    "ieee300": lambda name: _from_pypower(name, "case300", lambda raw: sized_traits(raw.unit_p_max_mw)),
}
