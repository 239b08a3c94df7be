"""Load redistribution against redispatch (Yuan, Li, Ren, IEEE Trans. Smart Grid 2011), replanned in the loop.

The received loads are shifted, their total unchanged, so that redispatch believes a line has room which it
has not; received flows are shifted to fit the lie, so that the overload stays unseen. Before each
redispatch the attacker solves the dispatch as the control centre will, for every shift it considers, and
keeps the one whose true flows are forecast to trip most.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from scenarios.attackers.base import Attacker, Budget, Options, TapOrder, View
from scenarios.attackers.dc_cascade import Forecast, forecast
from scenarios.attackers.lie import flow_and_load_orders
from simulator.control.dc_model import DcModel, build_dc_model, bus_index
from simulator.control.dispatch import Dispatch, DispatchCase, spread_losses
from streams.plant_model import PlantModel

Floats = NDArray[np.float64]

REPLAN_S = 300.0
LEAD_S = 60.0


class LoadRedistributionOptions(Options, frozen=True):
    """tau: largest shift of a load, share of its value; targets: lines considered each time;
    pickup: loading that the attacker wants to exceed, per unit of rating."""

    tau: Annotated[float, Meta(ge=0, le=1)] = 0.4
    targets: Annotated[int, Meta(ge=1)] = 200
    pickup: Annotated[float, Meta(gt=0)] = 1.3


@dataclass(frozen=True)
class Plan:
    """shift_mw: (n_bus,) added to received loads; what it is forecast to lead to."""

    shift_mw: Floats
    forecast: Forecast


def redistribute(capacity_mw: Floats, row: Floats) -> Floats:
    """Shift of loads within +-capacity, summing to zero, that maximises row @ shift.

    capacity_mw, row: (n_bus,). The optimum of this continuous knapsack splits at the weighted median of row.
    """
    order = np.argsort(row, kind="stable")
    weight = np.cumsum(capacity_mw[order])
    shift = np.zeros_like(capacity_mw)
    if weight[-1] <= 0.0:
        return shift
    middle = int(np.searchsorted(weight, weight[-1] / 2.0))
    shift[order[:middle]] = -capacity_mw[order[:middle]]
    shift[order[middle + 1 :]] = capacity_mw[order[middle + 1 :]]
    shift[order[middle]] = -shift.sum()
    return shift


class LoadRedistribution(Attacker):
    """Needs the plant model (white or grey box) and reach over load and flow tags."""

    name = "load_redistribution"
    description = "shifts received loads so that redispatch overloads a true line, and hides it"
    options_type = LoadRedistributionOptions

    def __init__(self, budget: Budget, options: Options) -> None:
        super().__init__(budget, options)
        assert isinstance(options, LoadRedistributionOptions)
        self._options = options
        self._next_plan_s = budget.start_s
        self._grid: _Grid | None = None
        self._plan: Plan | None = None

    def plan(self, view: View) -> list[TapOrder]:
        """A new shift shortly before each redispatch; between them the old one stays in force."""
        if view.model is None or view.t_s < self._next_plan_s or not self.use_query():
            return []
        cycle = np.floor((view.t_s + LEAD_S) / REPLAN_S) + 1.0
        self._next_plan_s = float(cycle * REPLAN_S - LEAD_S)
        if self._grid is None:
            self._grid = _Grid(view.model)
        self._grid.look(view)
        capacity = self._capacity(self._grid, view.model)
        self._plan = self._best(self._grid, capacity)
        return flow_and_load_orders(
            view.model, self.budget, self._grid.dc.ptdf, self._plan.shift_mw, view.t_s
        )

    def _capacity(self, grid: _Grid, model: PlantModel) -> Floats:
        eps = np.array([self.budget.eps.get(bus.load_tag, 0.0) for bus in model.buses])
        return np.asarray(np.minimum(eps, self._options.tau * grid.load_mw))

    def _best(self, grid: _Grid, capacity: Floats) -> Plan:
        """The plan forecast to trip most; the one under way is kept while it promises a trip."""
        rows = [sign * row for row in grid.rows(self._options.targets) for sign in (1.0, -1.0)]
        plans = [self._forecast(grid, redistribute(capacity, row)) for row in rows]
        best = max(plans, key=lambda plan: (plan.forecast.trips, plan.forecast.worst))
        if self._plan is None:
            return best
        kept = self._forecast(grid, np.clip(self._plan.shift_mw, -capacity, capacity))
        return best if kept.forecast.trips == 0 else kept

    def _forecast(self, grid: _Grid, shift_mw: Floats) -> Plan:
        return Plan(shift_mw, grid.forecast(shift_mw, self._options.pickup))


class _Grid:
    """The attacker's own picture of the grid and of the dispatch it plays against."""

    def __init__(self, model: PlantModel) -> None:
        index = bus_index(model)
        self._model = model
        self._unit_bus = np.array([index[u.bus] for u in model.units], dtype=np.intp)
        self._rating = np.array([b.rating_mva for b in model.branches])
        self._p_max = np.array([u.p_max_mw for u in model.units])
        self._p_min = np.array([u.p_min_mw for u in model.units])
        self._closed = np.zeros(len(model.branches), dtype=np.bool_)
        self._link = {tag.name: tag.link for tag in model.tags}
        self.load_mw = np.zeros(len(model.buses))

    def look(self, view: View) -> None:
        """True loads, units and topology as far as the view shows them."""

        def value(tag: str, missing: float) -> float:
            seen = view.intercept.get((self._link.get(tag, ""), tag), view.telemetry.get(tag, missing))
            return missing if np.isnan(seen) else seen

        model = self._model
        self.load_mw = np.array([value(b.load_tag, 0.0) for b in model.buses])
        self._power = np.array([value(u.power_tag, 0.0) for u in model.units])
        closed = np.array([value(b.status_tag, 1.0) > 0.5 for b in model.branches])
        if not np.array_equal(closed, self._closed):
            self._closed = closed
            self.dc: DcModel = build_dc_model(model, closed)
            emergency = self._rating * model.emergency_factor
            if model.security == "n-0":
                emergency = np.full_like(emergency, np.inf)
            cost = np.array([u.cost_per_mwh for u in model.units])
            self._dispatch = Dispatch(DispatchCase(self.dc, self._unit_bus, cost, self._rating, emergency))
        flow = np.array([value(b.flow_tag, 0.0) for b in model.branches])
        # What the linear model leaves out (losses, reactive power) the control centre tracks as well.
        self._offset = np.where(closed, flow - self.dc.flows(self._injection(self._power)), 0.0)

    def rows(self, count: int) -> list[Floats]:
        """PTDF rows of the ``count`` lines most loaded now, the likeliest targets."""
        flow = np.abs(self.dc.flows(self._injection(self._power))) / self._rating
        order = np.argsort(-flow, kind="stable")[:count]
        return [self.dc.ptdf_row(int(line)) for line in order]

    def forecast(self, shift_mw: Floats, pickup: float) -> Forecast:
        """What follows once redispatch has fully answered to loads shifted by ``shift_mw``."""
        total = float(self._power.sum())
        believed = self.load_mw + shift_mw
        result = self._dispatch.solve(believed, self._offset, total, self._p_min, self._p_max)
        injection = self._injection(result.power_mw)
        return forecast(self.dc, self._closed, injection, self._offset, self._rating, pickup)

    def _injection(self, power_mw: Floats) -> Floats:
        injection = -spread_losses(self.load_mw, float(power_mw.sum()))
        np.add.at(injection, self._unit_bus, power_mw)
        return injection
