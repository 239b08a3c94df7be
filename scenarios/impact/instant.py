"""The plant at the start of a scenario: the operator's linear picture of it, and the true AC grid."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from detectors.statements.grid_state import GridState, grid_state
from scenarios.scenario import Scenario
from simulator.grid.case import GridCase, load_case
from simulator.grid.powerflow import PowerFlow
from simulator.plant import Plant
from streams.plant_model import PlantModel

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Instant:
    """telemetry: (tags,) true values in plant-model order; load_mw, load_mvar: (d,) what loads truly draw."""

    model: PlantModel
    case: GridCase
    telemetry: Floats
    load_mw: Floats
    load_mvar: Floats
    state: GridState

    def ac_loading(self, power_mw: Floats, load_change_mw: Floats | None = None) -> Floats | None:
        """(l,) true loading of every branch, current over rating, once the units of the plant model give
        power_mw (u,); None where there is no power flow.

        load_change_mw: (n,) added to the loads, reactive demand as it is. What the dispatch misses of the
        losses is shared by capacity.
        """
        case = self.case
        position = {name: i for i, name in enumerate(case.unit_name)}
        output = np.zeros(len(case.unit_name))
        output[[position[unit.name] for unit in self.model.units]] = power_mw
        load = self.load_mw.copy()
        if load_change_mw is not None:
            load = load + load_change_mw[case.load_bus]
        flow = self._flow
        starts = flow.solve(load.astype(np.float32), self.load_mvar.astype(np.float32), output)
        if "none" in starts:
            return None
        return np.where(self.state.closed, flow.flows.loading, 0.0)

    @cached_property
    def _flow(self) -> PowerFlow:
        flow = PowerFlow(self.case, np.array(self.case.unit_p_max_mw), q_limits=True)
        for branch in np.flatnonzero(~self.state.closed):
            flow.open_branch(int(branch))
        flow.update_topology()
        return flow


def first_instant(scenario: Scenario) -> Instant:
    """The plant as it starts, unattacked. Raises BadInput as the plant does."""
    plant = Plant(scenario.plant_settings(attacked=False))
    try:
        report = plant.advance([], 0.0)
        case = load_case(scenario.grid.network, scenario.grid.ratings)
        demand = np.where(plant.grid.load_demand_mw > 0.0, plant.grid.load_demand_mw, 1.0)
        served = plant.grid.load_served_mw.copy()
        mvar = plant.grid.load_demand_mvar * np.where(plant.grid.load_demand_mw > 0.0, served / demand, 1.0)
    finally:
        plant.close()
    return Instant(plant.model, case, report.true, served, mvar, grid_state(plant.model, report.true))
