"""What cases leave out of a generating unit: inertia, droop and ramp, each with its source."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simulator.grid.cases import columns as col
from simulator.grid.cases.tables import Floats, Tables

INERTIA_S = 4.0
DROOP_PU = 0.05
RAMP_SHARE_PER_MIN = 0.03


class Technology(NamedTuple):
    """inertia_s: H on capacity; droop_pu: inf without governor; ramp_share_per_min: of capacity."""

    inertia_s: float
    droop_pu: float
    ramp_share_per_min: float


# Inertia: IEEE RTS-79 (coal 3.0, oil 2.8, nuclear 5.0, hydro 3.5 s), gas as Kundur's thermal units.
# Ramps: IRENA 2019 (hard coal 1.5 to 4, combined cycle 2 to 4, open cycle 8 to 12 %/min); RTS-79 (oil 7,
# nuclear 5 %/min); hydro and what stands behind an inverter reach full output within a minute.
STEAM = Technology(3.0, DROOP_PU, 0.03)
OIL = Technology(2.8, DROOP_PU, 0.07)
GAS = Technology(4.0, DROOP_PU, 0.03)
OPEN_CYCLE = Technology(4.0, DROOP_PU, 0.10)
NUCLEAR = Technology(5.0, DROOP_PU, 0.05)
HYDRO = Technology(3.5, DROOP_PU, 1.0)
INVERTER = Technology(0.0, np.inf, 1.0)
UNKNOWN = Technology(INERTIA_S, DROOP_PU, RAMP_SHARE_PER_MIN)

# MATPOWER's names of fuels (its function genfuels).
BY_FUEL: dict[str, Technology] = {
    **dict.fromkeys(("coal", "biomass", "wood", "refuse", "wasteheat", "geothermal"), STEAM),
    **dict.fromkeys(("oil", "dfo", "rfo", "jetfuel"), OIL),
    **dict.fromkeys(("ng", "lng", "syncgen"), GAS),
    "nuclear": NUCLEAR,
    **dict.fromkeys(("hydro", "hydrops"), HYDRO),
    **dict.fromkeys(("wind", "solar", "ess"), INVERTER),
}

# Prime movers (codes of the EIA, MATPOWER's function gentypes) that tell the fuel.
FUEL_OF_TYPE = {
    **dict.fromkeys(("w1", "w2", "w3", "w4", "wt", "ws"), "wind"),
    **dict.fromkeys(("pv", "cp"), "solar"),
    **dict.fromkeys(("hy", "ha", "hb", "hk"), "hydro"),
    "ps": "hydrops",
    **dict.fromkeys(("nb", "ng", "nh", "np"), "nuclear"),
    **dict.fromkeys(("ba", "es", "ce", "fw"), "ess"),
}

# p_max MW -> (H in s, ramp in MW/min, fuel); IEEE RTS-79 and RTS-96 task force tables. The hydro units of
# 50 MW have no published ramp; they reach full output within a minute.
RTS24_UNITS = {
    12: (2.6, 1.0, "oil"),
    20: (2.8, 3.0, "oil"),
    50: (3.5, 50.0, "hydro"),
    76: (3.0, 2.0, "coal"),
    100: (2.8, 7.0, "oil"),
    155: (3.0, 3.0, "coal"),
    197: (2.8, 3.0, "oil"),
    350: (3.0, 4.0, "coal"),
    400: (5.0, 20.0, "nuclear"),
}

# Stored energy of the New England machines by bus.
INERTIA_39_MW_S = {30: 4200, 31: 3030, 32: 3580, 33: 2860, 34: 2600, 35: 3480, 36: 2640, 37: 2430, 38: 3450}
INERTIA_39_MW_S[39] = 50_000

DROOP_NOTE = (
    "Governor droop 5 % on capacity, every unit with capacity is synchronised and on governor control."
)
INERTIA_NOTE = (
    "Inertia H = 4 s on capacity (Kundur 1994, table 3.2: thermal 2.5 to 6 s); condensers have none."
)
RAMP_NOTE = "Ramp 3 % of capacity per minute (IRENA 2019: hard coal 1.5 to 4, combined cycle 2 to 4 %/min)."
FUEL_NOTE = (
    "Inertia, droop and ramp by fuel: H coal 3, oil 2.8, gas 4, nuclear 5, hydro 3.5 s (IEEE RTS-79, Kundur "
    "1994); ramp coal 3, gas 3 (open cycle 10), oil 7, nuclear 5 %/min (IRENA 2019, RTS-79), hydro, wind and "
    "solar within a minute; droop 5 %; wind, solar and storage have neither inertia nor droop."
)
CASE_RAMP_NOTE = "Ramps are the case's own where it gives one."


@dataclass(frozen=True)
class UnitTraits:
    """Per unit (g,): inertia_s on p_max, droop_pu (inf: no governor), ramp_mw_per_min, fuel ("": unknown);
    and the sentences that declare them."""

    inertia_s: Floats
    droop_pu: Floats
    ramp_mw_per_min: Floats
    fuel: tuple[str, ...]
    notes: tuple[str, ...]


def unit_traits(tables: Tables) -> UnitTraits:
    """Published figures for New England 39 and RTS-24, else by fuel, else the same for every unit."""
    if tables.name == "rts24":
        return _rts24(tables)
    fuel = _fuels(tables)
    technology = [_technology(f, t) for f, t in zip(fuel, _types(tables), strict=True)]
    p_max = tables.gen[:, col.PMAX]
    inertia, droop, share = (np.array(column) for column in zip(*technology, strict=True))
    inertia = np.where(p_max > 0.0, inertia, 0.0)
    own_ramp = _case_ramp(tables)
    traits = UnitTraits(
        inertia_s=inertia,
        droop_pu=droop,
        ramp_mw_per_min=np.where(own_ramp > 0.0, own_ramp, share * p_max),
        fuel=fuel,
        notes=(
            *((FUEL_NOTE,) if any(fuel) else (INERTIA_NOTE, DROOP_NOTE, RAMP_NOTE)),
            *_unknown_notes(fuel),
            *((CASE_RAMP_NOTE,) if (own_ramp > 0.0).any() else ()),
        ),
    )
    return _new_england(tables, traits) if tables.name == "ieee39" else traits


def _fuels(tables: Tables) -> tuple[str, ...]:
    if tables.genfuel:
        return tuple("" if fuel in ("unknown", "other") else fuel for fuel in tables.genfuel)
    return tuple(FUEL_OF_TYPE.get(kind, "") for kind in _types(tables))


def _types(tables: Tables) -> tuple[str, ...]:
    return tables.gentype or ("",) * len(tables.gen)


def _technology(fuel: str, kind: str) -> Technology:
    found = BY_FUEL.get(fuel, UNKNOWN)
    return OPEN_CYCLE if found is GAS and kind == "gt" else found


def _unknown_notes(fuel: tuple[str, ...]) -> tuple[str, ...]:
    """Declares fuels that a case names and the table does not know."""
    unknown = Counter(f or "unknown" for f in fuel if f not in BY_FUEL)
    if not any(fuel) or not unknown:
        return ()
    named = ", ".join(f"{name} ({count})" for name, count in sorted(unknown.items()))
    return (f"Units of fuels without figures have H 4 s, droop 5 %, ramp 3 %/min: {named}.",)


def _case_ramp(tables: Tables) -> Floats:
    """(g,) MW/min: MATPOWER's column RAMP_AGC, else RAMP_30, which is MW in 30 minutes; 0 where neither."""
    gen = tables.gen
    if gen.shape[1] <= col.RAMP_30:
        return np.zeros(len(gen))
    ramp = np.where(gen[:, col.RAMP_AGC] > 0.0, gen[:, col.RAMP_AGC], gen[:, col.RAMP_30] / 30.0)
    return np.where(np.isfinite(ramp), np.maximum(ramp, 0.0), 0.0)


def _new_england(tables: Tables, traits: UnitTraits) -> UnitTraits:
    p_max = tables.gen[:, col.PMAX]
    energy = np.array([INERTIA_39_MW_S[int(bus)] for bus in tables.gen[:, col.GEN_BUS]], dtype=np.float64)
    source = "Inertia of the New England machines: Pai 1989 (H on 100 MVA, bus 39: 500 s)."
    inertia = energy / p_max
    notes = (source, DROOP_NOTE, RAMP_NOTE)
    return UnitTraits(inertia, traits.droop_pu, traits.ramp_mw_per_min, traits.fuel, notes)


def _rts24(tables: Tables) -> UnitTraits:
    """By unit size; none for the condenser."""
    known = [RTS24_UNITS.get(round(float(p)), (0.0, 0.0, "")) for p in tables.gen[:, col.PMAX]]
    inertia, ramp, fuel = zip(*known, strict=True)
    notes = (
        "Inertia and ramps by unit size from the IEEE RTS task force reports; hydro 50 MW/min.",
        DROOP_NOTE,
    )
    return UnitTraits(np.array(inertia), np.full(len(fuel), DROOP_PU), np.array(ramp), tuple(fuel), notes)
