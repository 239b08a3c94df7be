"""Security-constrained economic dispatch as a linear programme (HiGHS), warm from one run to the next.

Acts on believed injections only: whoever shifts the received loads shifts what it believes of every flow.
Post-contingency limits enter as they are found violated (Alsac, Bright, Prais, Stott 1990) and stay.
"""

from __future__ import annotations

from dataclasses import dataclass

import highspy
import numpy as np
from numpy.typing import NDArray

from simulator.control.dc_model import DcModel

Floats = NDArray[np.float64]

SLACK_COST_PER_MWH = 10_000.0
SCREEN_MARGIN_MW = 0.01
MAX_ROUNDS = 12


@dataclass(frozen=True)
class DispatchCase:
    """What does not change from one redispatch to the next in one topology.

    unit_bus: (n_unit,) bus positions; cost: per MWh; p_min, p_max: MW; limit_mw: (n_branch,) for the base
    state; emergency_mw: (n_branch,) after one outage, inf where security is "n-0".
    """

    dc: DcModel
    unit_bus: NDArray[np.intp]
    cost: Floats
    limit_mw: Floats
    emergency_mw: Floats


@dataclass(frozen=True)
class DispatchResult:
    """power_mw: (n_unit,); slack_mw: believed overload that no dispatch removes, 0 when secure;
    shortage_mw: demand that the units within limits and ramps cannot meet (negative: surplus)."""

    power_mw: Floats
    slack_mw: float
    shortage_mw: float
    rounds: int


def spread_losses(load_mw: Floats, total_mw: float) -> Floats:
    """Loads (n_bus,) scaled to a total, so that injections balance without a slack bus taking the losses."""
    demand = float(load_mw.sum())
    return load_mw * (total_mw / demand) if demand > 0.0 else load_mw


class Dispatch:
    """One linear programme kept between runs: columns are units, slacks, shortage and surplus."""

    def __init__(self, case: DispatchCase) -> None:
        self._case = case
        self._n = len(case.cost)
        self._ptdf_units = np.ascontiguousarray(case.dc.ptdf[:, case.unit_bus])
        self._rows: dict[tuple[int, int], int] = {}
        self._highs = highspy.Highs()
        for option, value in (
            ("output_flag", False),
            ("threads", 1),
            ("solver", "simplex"),
            ("presolve", "off"),
        ):
            self._highs.setOptionValue(option, value)
        inf = highspy.kHighsInf
        for cost in case.cost:
            self._highs.addCol(float(cost), 0.0, 0.0, 0, [], [])
        for _ in range(2):  # shortage, surplus
            self._highs.addCol(SLACK_COST_PER_MWH * 10.0, 0.0, inf, 0, [], [])
        columns = np.arange(self._n + 2, dtype=np.int32)
        self._highs.addRow(0.0, 0.0, self._n + 2, columns, np.r_[np.ones(self._n), 1.0, -1.0])
        self._slack_columns: list[int] = []

    def solve(
        self, load_mw: Floats, offset_mw: Floats, total_mw: float, p_low_mw: Floats, p_high_mw: Floats
    ) -> DispatchResult:
        """Cheapest secure dispatch for believed loads.

        load_mw: (n_bus,) believed loads, scaled here to total_mw so that losses lie where load is;
        offset_mw: (n_branch,) correction added to every DC flow;
        total_mw: what the units must produce (loads and losses);
        p_low_mw, p_high_mw: (n_unit,) limits with ramps in them.
        """
        highs, case = self._highs, self._case
        fixed = offset_mw - case.dc.ptdf @ spread_losses(load_mw, total_mw)
        columns = np.arange(self._n, dtype=np.int32)
        highs.changeColsBounds(self._n, columns, p_low_mw, np.maximum(p_low_mw, p_high_mw))
        highs.changeRowBounds(0, total_mw, total_mw)
        for (line, outage), row in self._rows.items():
            self._bound_row(row, line, outage, fixed)
        rounds = 0
        while rounds < MAX_ROUNDS:
            rounds += 1
            highs.run()
            solution = np.asarray(highs.getSolution().col_value)
            if not self._add_violated(fixed + self._ptdf_units @ solution[: self._n], fixed):
                break
        slack = float(sum(solution[c] for c in self._slack_columns))
        return DispatchResult(
            solution[: self._n].copy(), slack, float(solution[self._n] - solution[self._n + 1]), rounds
        )

    def _limits(self, line: int, outage: int) -> float:
        return float(self._case.limit_mw[line] if outage < 0 else self._case.emergency_mw[line])

    def _sensitivity(self, line: int, outage: int) -> Floats:
        row = self._ptdf_units[line]
        return (
            row
            if outage < 0
            else np.asarray(row + self._case.dc.lodf[line, outage] * self._ptdf_units[outage])
        )

    def _bound_row(self, row: int, line: int, outage: int, fixed: Floats) -> None:
        known = fixed[line] + (self._case.dc.lodf[line, outage] * fixed[outage] if outage >= 0 else 0.0)
        limit = self._limits(line, outage)
        self._highs.changeRowBounds(row, -limit - known, limit - known)

    def _add_violated(self, flow: Floats, fixed: Floats) -> bool:
        """Add rows for flows above their limit that have none yet; True if any was added."""
        wanted = [
            (int(line), -1) for line in np.flatnonzero(np.abs(flow) > self._case.limit_mw + SCREEN_MARGIN_MW)
        ]
        if np.isfinite(self._case.emergency_mw).any():
            after = np.abs(flow[:, None] + self._case.dc.lodf * flow[None, :])
            excess = after - (self._case.emergency_mw + SCREEN_MARGIN_MW)[:, None]
            worst = excess.argmax(axis=1)
            lines = np.flatnonzero(excess[np.arange(len(flow)), worst] > 0.0)
            wanted += [(int(line), int(worst[line])) for line in lines]
        new = [pair for pair in wanted if pair not in self._rows]
        for line, outage in new:
            self._add_row(line, outage, fixed)
        return bool(new)

    def _add_row(self, line: int, outage: int, fixed: Floats) -> None:
        highs = self._highs
        slacks = []
        for _ in range(2):
            highs.addCol(SLACK_COST_PER_MWH, 0.0, highspy.kHighsInf, 0, [], [])
            slacks.append(highs.getNumCol() - 1)
        self._slack_columns += slacks
        columns = np.r_[np.arange(self._n), slacks].astype(np.int32)
        highs.addRow(0.0, 0.0, self._n + 2, columns, np.r_[self._sensitivity(line, outage), 1.0, -1.0])
        self._rows[line, outage] = highs.getNumRow() - 1
        self._bound_row(self._rows[line, outage], line, outage, fixed)
