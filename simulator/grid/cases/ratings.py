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
PRINTED_FLOW_MARGIN = 1.25
RULE = "follow PGLib-OPF's rule (angle limit 7.5 deg, surge impedance regression)"


def rated(tables: Tables, choice: RatingChoice) -> Tables:
    """The case with a rating on every branch.

    "derived" applies PGLib-OPF's rule to all. "default" keeps the case's and rates by the rule what has none,
    in a case of the catalogue no lower than what its printed state needs: MATPOWER calls such branches
    unlimited. Raises BadInput for a file that rates some branches and not others.
    """
    given = tables.branch[:, col.RATE_A]
    missing = (given == 0.0) | (given >= UNRATED_MVA)
    rule = derived_rating_mva(tables)
    if choice == "derived":
        return _with(tables, rule, f"Branch ratings {RULE}.")
    if not tables.from_catalogue:
        if missing.all():
            return _with(tables, rule, f"Branch ratings {RULE}.")
        _refuse_gaps(tables)
        return tables
    if not missing.any():
        return tables
    needed = np.ceil(PRINTED_FLOW_MARGIN * printed_flow_mva(tables))
    raised = missing & (needed > rule)
    note = (
        f"Ratings of {missing.sum()} of {len(missing)} branches that have none in the case {RULE}; "
        f"{raised.sum()} of them are raised to {PRINTED_FLOW_MARGIN:g} x the flow of the printed state."
    )
    return _with(tables, np.where(missing, np.maximum(rule, needed), given), note)


def _refuse_gaps(tables: Tables) -> None:
    zero = tables.branch[:, col.RATE_A] == 0.0
    if zero.any():
        row = int(np.flatnonzero(zero)[0])
        ends = f"{tables.branch[row, col.F_BUS]:g}-{tables.branch[row, col.T_BUS]:g}"
        raise BadInput(
            f"{tables.source} branch {ends} rating ({zero.sum()} branches of {len(zero)} have none)",
            0.0,
            'a rating above 0 MVA on every branch; grid.ratings = "derived" derives all of them',
        )


def _with(tables: Tables, rating_mva: Floats, note: str) -> Tables:
    branch = tables.branch.copy()
    branch[:, col.RATE_A] = rating_mva
    return replace(tables, branch=branch, notes=(*tables.notes, note))


def printed_flow_mva(tables: Tables) -> Floats:
    """(l,) larger end apparent power at the voltages printed in the case (MATPOWER manual, equation 3.2)."""
    voltage = tables.bus[:, col.VM] * np.exp(1j * np.radians(tables.bus[:, col.VA]))
    at = dict(zip(tables.bus[:, col.BUS_I], voltage, strict=True))
    start, end = (np.array([at[n] for n in tables.branch[:, column]]) for column in (col.F_BUS, col.T_BUS))
    ratio = np.where(tables.branch[:, col.TAP] == 0.0, 1.0, tables.branch[:, col.TAP])
    start = start / (ratio * np.exp(1j * np.radians(tables.branch[:, col.SHIFT])))
    half = 0.5j * tables.branch[:, col.BR_B]
    series = (start - end) / (tables.branch[:, col.BR_R] + 1j * tables.branch[:, col.BR_X])
    into_start, into_end = start * np.conj(series + half * start), end * np.conj(half * end - series)
    return np.asarray(tables.base_mva * np.maximum(np.abs(into_start), np.abs(into_end)))


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
