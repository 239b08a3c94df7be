"""What the published cases leave out of a generating unit: inertia, droop and ramp, each with its source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

INERTIA_S = 4.0
DROOP_PU = 0.05
RAMP_SHARE_PER_MIN = 0.03

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

DROOP_NOTE = (
    "Governor droop 5 % on capacity, every unit with capacity is synchronised and on governor control."
)
INERTIA_NOTE = (
    "Inertia H = 4 s on capacity (Kundur 1994, table 3.2: thermal 2.5 to 6 s); condensers have none."
)
RAMP_NOTE = "Ramp 3 % of capacity per minute (IRENA 2019: hard coal 1.5 to 4, combined cycle 2 to 4 %/min)."


@dataclass(frozen=True)
class UnitTraits:
    """Per unit (g,): inertia_s on p_max, droop_pu, ramp_mw_per_min, fuel (empty: unknown); and the sentences
    that declare them."""

    inertia_s: Floats
    droop_pu: Floats
    ramp_mw_per_min: Floats
    assumptions: tuple[str, ...]
    fuel: tuple[str, ...] = ()


def sized_traits(p_max_mw: Floats) -> UnitTraits:
    """The same inertia constant, droop and relative ramp for every unit with capacity."""
    inertia = np.where(p_max_mw > 0.0, INERTIA_S, 0.0)
    droop = np.full(len(p_max_mw), DROOP_PU)
    notes = (INERTIA_NOTE, DROOP_NOTE, RAMP_NOTE)
    return UnitTraits(inertia, droop, RAMP_SHARE_PER_MIN * p_max_mw, notes)


def traits_from_inertia(p_max_mw: Floats, inertia_mw_s: Floats, source: str) -> UnitTraits:
    """Like ``sized_traits`` with published stored energy, inertia_mw_s (g,) in MW s."""
    sized = sized_traits(p_max_mw)
    inertia = np.divide(inertia_mw_s, p_max_mw, out=np.zeros(len(p_max_mw)), where=p_max_mw > 0.0)
    return UnitTraits(inertia, sized.droop_pu, sized.ramp_mw_per_min, (source, DROOP_NOTE, RAMP_NOTE))


def rts24_traits(p_max_mw: Floats) -> UnitTraits:
    """Inertia and ramps of the IEEE Reliability Test System by unit size; none for its condenser."""
    pairs = [RTS24_UNITS.get(round(float(p)), (0.0, 0.0, "")) for p in p_max_mw]
    inertia, ramp, fuel = zip(*pairs, strict=True)
    notes = (
        "Inertia and ramps by unit size from the IEEE RTS task force reports; hydro 50 MW/min.",
        DROOP_NOTE,
    )
    return UnitTraits(np.array(inertia), np.full(len(p_max_mw), DROOP_PU), np.array(ramp), notes, tuple(fuel))
