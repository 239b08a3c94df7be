"""Security-constrained economic dispatch as a linear programme (HiGHS), warm from one run to the next.

Acts on believed injections only: whoever shifts the received loads shifts what it believes of every flow.
Post-contingency limits enter as they are found violated (Alsac, Bright, Prais, Stott 1990) and stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import highspy
import numpy as np
from numpy.typing import NDArray

from simulator.control.dc_model import Contingencies, DcModel
from simulator.control.reserve_rows import Reserve, ReserveRows

Floats = NDArray[np.float64]

SLACK_COST_PER_MWH = 10_000.0
SCREEN_MARGIN_MW = 0.01
MAX_ROUNDS = 25


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

    @cached_property
    def contingencies(self) -> Contingencies:
        """What an outage may overload; empty where security is "n-0"."""
        if not np.isfinite(self.emergency_mw).any():
            none = np.zeros(0, dtype=np.int64)
            return Contingencies(none, none, np.zeros(0))
        return self.dc.contingencies(self.limit_mw, self.emergency_mw)


class DispatchResult(NamedTuple):
    """power_mw: (n_unit,); slack_mw: believed overload that no dispatch removes, 0 when secure;
    shortage_mw: demand that the units within limits and ramps cannot meet (negative: surplus);
    reserve_short_mw: reserve that the units cannot hold beside it."""

    power_mw: Floats
    slack_mw: float
    shortage_mw: float
    rounds: int
    reserve_short_mw: float = 0.0


def spread_losses(load_mw: Floats, total_mw: float) -> Floats:
    """Loads (n_bus,) scaled to a total, so that injections balance without a slack bus taking the losses."""
    demand = float(load_mw.sum())
    return load_mw * (total_mw / demand) if demand > 0.0 else load_mw


class Dispatch:
    """One linear programme kept between runs: columns are units, shortage, surplus, slacks, reserve."""

    def __init__(self, case: DispatchCase) -> None:
        self._case = case
        self._n = len(case.cost)
        self._rows: dict[tuple[int, int], int] = {}
        self._shares: dict[tuple[int, int], float] = {}
        self._unit_rows: dict[int, Floats] = {}
        self._reserve: ReserveRows | None = None
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
        self,
        load_mw: Floats,
        offset_mw: Floats,
        total_mw: float,
        p_low_mw: Floats,
        p_high_mw: Floats,
        reserve: Reserve | None = None,
    ) -> DispatchResult:
        """Cheapest secure dispatch for believed loads.

        load_mw: (n_bus,) believed loads, scaled here to total_mw so that losses lie where load is;
        offset_mw: (n_branch,) correction added to every DC flow;
        total_mw: what the units must produce (loads and losses);
        p_low_mw, p_high_mw: (n_unit,) limits with ramps in them;
        reserve: what the units must be able to raise, None for nothing.
        """
        highs = self._highs
        load = spread_losses(load_mw, total_mw)
        fixed = offset_mw - self._case.dc.flows(load)
        columns = np.arange(self._n, dtype=np.int32)
        highs.changeColsBounds(self._n, columns, p_low_mw, np.maximum(p_low_mw, p_high_mw))
        highs.changeRowBounds(0, total_mw, total_mw)
        for pair, row in self._rows.items():
            self._bound_row(row, pair, fixed)
        if self._reserve is not None and reserve is not None:
            self._reserve.update(reserve)
        rounds, solution = 0, np.zeros(0)
        while rounds < MAX_ROUNDS:
            rounds += 1
            highs.run()
            solution = np.asarray(highs.getSolution().col_value)
            added = self._add_violated(self._flows(solution[: self._n], load, offset_mw), fixed)
            if not self._add_reserve(reserve, solution[: self._n]) and not added:
                break
        n = self._n
        return DispatchResult(
            solution[:n].copy(),
            float(sum(solution[c] for c in self._slack_columns)),
            float(solution[n] - solution[n + 1]),
            rounds,
            0.0 if self._reserve is None or reserve is None else float(solution[self._reserve.slack_column]),
        )

    def _flows(self, power_mw: Floats, load_mw: Floats, offset_mw: Floats) -> Floats:
        injection = -load_mw
        np.add.at(injection, self._case.unit_bus, power_mw)
        return np.asarray(self._case.dc.flows(injection) + offset_mw)

    def _add_reserve(self, reserve: Reserve | None, power_mw: Floats) -> bool:
        """Add the reserve's rows at its first violation; True if they were."""
        if reserve is None or self._reserve is not None or reserve.held(power_mw):
            return False
        self._reserve = ReserveRows(self._highs, reserve)
        return True

    def _limit(self, line: int, outage: int) -> float:
        return float(self._case.limit_mw[line] if outage < 0 else self._case.emergency_mw[line])

    def _unit_row(self, line: int) -> Floats:
        if line not in self._unit_rows:
            self._unit_rows[line] = self._case.dc.ptdf_row(line)[self._case.unit_bus]
        return self._unit_rows[line]

    def _sensitivity(self, line: int, outage: int) -> Floats:
        row = self._unit_row(line)
        if outage < 0:
            return row
        return np.asarray(row + self._shares[line, outage] * self._unit_row(outage))

    def _bound_row(self, row: int, pair: tuple[int, int], fixed: Floats) -> None:
        line, outage = pair
        known = fixed[line] + (self._shares[pair] * fixed[outage] if outage >= 0 else 0.0)
        limit = self._limit(line, outage)
        self._highs.changeRowBounds(row, -limit - known, limit - known)

    def _add_violated(self, flow: Floats, fixed: Floats) -> bool:
        """Add rows for flows above their limit that have none yet, per line that of the worst outage; True
        if any was added."""
        over = np.flatnonzero(np.abs(flow) > self._case.limit_mw + SCREEN_MARGIN_MW)
        wanted = {(int(line), -1): 0.0 for line in over}
        watch = self._case.contingencies
        after = np.abs(flow[watch.line] + watch.share * flow[watch.outage])
        excess = after - self._case.emergency_mw[watch.line]
        worst: dict[int, int] = {}
        for i in np.flatnonzero(excess > SCREEN_MARGIN_MW).tolist():
            line = int(watch.line[i])
            if line not in worst or excess[i] > excess[worst[line]]:
                worst[line] = i
        wanted |= {(line, int(watch.outage[i])): float(watch.share[i]) for line, i in worst.items()}
        new = {pair: share for pair, share in wanted.items() if pair not in self._rows}
        for pair, share in new.items():
            self._shares[pair] = share
            self._add_row(pair, fixed)
        return bool(new)

    def _add_row(self, pair: tuple[int, int], fixed: Floats) -> None:
        highs = self._highs
        slacks = []
        for _ in range(2):
            highs.addCol(SLACK_COST_PER_MWH, 0.0, highspy.kHighsInf, 0, [], [])
            slacks.append(highs.getNumCol() - 1)
        self._slack_columns += slacks
        columns = np.r_[np.arange(self._n), slacks].astype(np.int32)
        highs.addRow(0.0, 0.0, self._n + 2, columns, np.r_[self._sensitivity(*pair), 1.0, -1.0])
        self._rows[pair] = highs.getNumRow() - 1
        self._bound_row(self._rows[pair], pair, fixed)
