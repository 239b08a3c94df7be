"""One solution seen as a person would: pressures, pump figures, what is missing where."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulator.water.engine import Bools, Solution
from simulator.water.layout import Floats, Layout

SERVICE_PRESSURE_M = 14.06  # 20 psi


class State(NamedTuple):
    """Figures that hold until the next solution.

    Node arrays (nodes,): pressure_m is at least 0, because a pipe that is not full shows no pressure;
    demand_m3h is what is asked for, delivered_m3h what is let out. Tank arrays (tanks,): tank_inflow_m3h,
    net, + filling. Pump arrays (pumps,). supplied_m3h: net from reservoirs and from junctions with an inflow
    (negative demand); delivered_m3h: to all other junctions; leaked_m3h: through leaks, the INP's emitters
    and its pipe leakage.
    """

    node_pressure_m: Floats
    node_demand_m3h: Floats
    node_delivered_m3h: Floats
    node_head_m: Floats
    link_flow_m3h: Floats
    tank_inflow_m3h: Floats
    pump_flow_m3h: Floats
    pump_power_kw: Floats
    pump_running: Bools
    supplied_m3h: float
    delivered_m3h: float
    leaked_m3h: float
    customers_without_pressure: int


def derive(layout: Layout, solution: Solution, link_open: Bools, sealed: Bools) -> State:
    """State from a solution. sealed: (tanks,) True where we hold a tank's outlets closed."""
    pressure = np.maximum(solution.head_m - layout.elevation_m, 0.0)
    inflow = solution.node_net_m3h[layout.tank_nodes]
    if sealed.any():
        # Closed links leak by the solver's tolerance; an empty tank gives nothing at all.
        inflow = np.where(sealed, np.maximum(inflow, 0.0), inflow)
    total = float(solution.delivered_m3h.sum())
    delivered = float(np.maximum(solution.delivered_m3h, 0.0).sum())
    running = link_open[layout.pumps]
    return State(
        node_pressure_m=pressure,
        node_demand_m3h=solution.requested_m3h,
        node_delivered_m3h=solution.delivered_m3h,
        node_head_m=solution.head_m,
        link_flow_m3h=solution.flow_m3h,
        tank_inflow_m3h=inflow,
        pump_flow_m3h=np.where(running, np.maximum(solution.flow_m3h[layout.pumps], 0.0), 0.0),
        pump_power_kw=np.where(running, solution.pump_power_kw, 0.0),
        pump_running=running,
        supplied_m3h=delivered - total - float(solution.node_net_m3h[layout.reservoirs].sum()),
        delivered_m3h=delivered,
        leaked_m3h=float(solution.node_net_m3h[layout.junctions].sum()) - total,
        customers_without_pressure=int(np.count_nonzero(pressure[layout.demand_nodes] < SERVICE_PRESSURE_M)),
    )
