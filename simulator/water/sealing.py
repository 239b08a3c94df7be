"""Keeps empty tanks from giving water, and lets them fill again.

EPANET shuts an empty tank only where its outlet's head loss exceeds a tolerance: through Net3's short
wide pipes it goes on delivering for ever. So links of an empty tank are held closed here, and opened
where the head outside would push water in.
"""

from __future__ import annotations

import numpy as np

from simulator.water.engine import Bools, Engine, Solution
from simulator.water.layout import Floats
from simulator.water.reach import is_fed

REOPEN_HEAD_M = 0.01  # head beyond the empty tank's own at which filling is tried
NO_FLOW_M3H = 0.01  # less inflow than this is the solver's tolerance


def solve_sealed(
    engine: Engine, inp_time_s: float, level_m: Floats, link_open: Bools, dry: Bools, refill: bool
) -> tuple[Solution, Bools]:
    """Solve with the links of ``dry`` (tanks,) closed, except where they would fill their tank.

    refill: whether filling may be tried at all. Returns the solution and (links,) what was open in it.
    Raises NoSolutionError.
    """
    if not dry.any():
        return _solve(engine, inp_time_s, level_m, link_open, dry), link_open
    layout = engine.layout
    levels = np.where(dry, layout.tank_level_min_m, level_m)
    usable = link_open.copy()
    for tank in np.flatnonzero(dry).tolist():
        usable[list(layout.tank_links[tank])] = False
    if not is_fed(layout, link_open, dry, engine.draws):
        return engine.stand_still(inp_time_s), usable
    solution = _solve(engine, inp_time_s, levels, usable, dry)
    if not refill:
        return solution, usable
    trial = usable.copy()
    for tank in np.flatnonzero(dry).tolist():
        trial[_inlets(engine, solution, tank, link_open)] = True
    if (trial == usable).all():
        return solution, usable
    tried = _solve(engine, inp_time_s, levels, trial, dry)
    failed = dry & (tried.node_net_m3h[layout.tank_nodes] <= NO_FLOW_M3H)
    if not failed.any():
        return tried, trial
    for tank in np.flatnonzero(failed).tolist():
        trial[list(layout.tank_links[tank])] = False
    return _solve(engine, inp_time_s, levels, trial, dry), trial


def _solve(engine: Engine, inp_time_s: float, level_m: Floats, link_open: Bools, dry: Bools) -> Solution:
    engine.set_open(link_open & ~engine.supply.starved(link_open, dry))
    return engine.solve(inp_time_s, level_m)


def _inlets(engine: Engine, solution: Solution, tank: int, link_open: Bools) -> list[int]:
    """Links of a sealed tank whose far end stands higher than the tank."""
    layout = engine.layout
    node = int(layout.tank_nodes[tank])
    own_head = layout.elevation_m[node] + layout.tanks[tank].level_min_m
    inlets = []
    for link in layout.tank_links[tank]:
        ends = (int(layout.link_from[link]), int(layout.link_to[link]))
        far = ends[1] if ends[0] == node else ends[0]
        if link_open[link] and solution.head_m[far] > own_head + REOPEN_HEAD_M:
            inlets.append(link)
    return inlets
