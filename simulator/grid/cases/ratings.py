"""Branch ratings: the case's own, or derived where it has none."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from simulator.grid.cases import columns as col
from simulator.grid.cases.tables import Floats, Tables
from streams.errors import BadInput

RatingChoice = Literal["default", "derived"]

ANGLE_LIMIT_DEG = 7.5
VOLTAGE_LIMIT_PU = 1.06
UNRATED_MVA = 9000.0
"""From here up a rating is a placeholder such as 9900 or 9999."""
RULE = "follow PGLib-OPF's rule (angle limit 7.5 deg, surge impedance regression)"


def rated(tables: Tables, choice: RatingChoice) -> Tables:
    """The case with a rating on every branch.

    "derived" applies PGLib-OPF's rule to all. "default" keeps the case's; where no branch has one, or the
    case comes from the catalogue, the rule fills the gaps. Raises BadInput for other cases with gaps.
    """
    given = tables.branch[:, col.RATE_A]
    missing = (given == 0.0) | (given >= UNRATED_MVA)
    if choice == "derived" or missing.all():
        return _derived(tables, np.ones(len(given), dtype=np.bool_), f"Branch ratings {RULE}.")
    if not missing.any():
        return tables
    if not tables.fills_ratings:
        zero = given == 0.0
        if not zero.any():
            return tables
        row = int(np.flatnonzero(zero)[0])
        ends = f"{tables.branch[row, col.F_BUS]:g}-{tables.branch[row, col.T_BUS]:g}"
        raise BadInput(
            f"{tables.source} branch {ends} rating ({zero.sum()} branches of {len(zero)} have none)",
            0.0,
            'a rating above 0 MVA on every branch; grid.ratings = "derived" derives all of them',
        )
    note = f"Ratings of {missing.sum()} of {len(missing)} branches that have none in the case {RULE}."
    return _derived(tables, missing, note)


def _derived(tables: Tables, where: np.ndarray, note: str) -> Tables:
    branch = tables.branch.copy()
    branch[where, col.RATE_A] = derived_rating_mva(tables)[where]
    return replace(tables, branch=branch, notes=(*tables.notes, note))


def derived_rating_mva(tables: Tables) -> Floats:
    """PGLib-OPF's rule, (l,) MVA.

    ceil(100 min(kV e^-5.0886 (x/r)^0.4772, 1.06^2 2 sin(7.5 deg)/|z|)), z in per unit on 100 MVA
    (Babaeinejadsarookolaee et al., arXiv:1908.02788). The first term is a regression on overhead lines; it is
    left out between two voltage levels, without positive resistance and reactance, and without a nominal
    voltage, as in PGLib.
    """
    kv_at = dict(zip(tables.bus[:, col.BUS_I], tables.bus[:, col.BASE_KV], strict=True))
    start, end = (np.array([kv_at[n] for n in tables.branch[:, column]]) for column in (col.F_BUS, col.T_BUS))
    scale = 100.0 / tables.base_mva
    r, x = tables.branch[:, col.BR_R] * scale, tables.branch[:, col.BR_X] * scale
    angle = VOLTAGE_LIMIT_PU**2 * 2.0 * np.sin(np.radians(ANGLE_LIMIT_DEG)) / np.hypot(r, x)
    line = (r > 0.0) & (x > 0.0) & (start == end) & (start > 1.0)
    ratio = np.divide(x, r, out=np.ones(len(r)), where=line)
    thermal = np.where(line, start * np.exp(-5.0886) * ratio**0.4772, np.inf)
    return np.asarray(np.ceil(100.0 * np.minimum(thermal, angle)))
