"""EPANET as a quasi-steady solver: given time, tank levels and link states, what flows where.

Time and tank volumes are integrated by ``water.py``, so that events have exact times, water is
conserved to rounding and an empty tank is ours to close. The INP's controls and rules are taken out:
otherwise EPANET would act on true levels and reopen what we close.
"""

from __future__ import annotations

import ctypes
import math
import warnings
import weakref
from pathlib import Path
from typing import NamedTuple

import numpy as np
from epanet import toolkit as en
from numpy.typing import NDArray

from simulator.water.layout import Floats, Layout, read_layout
from simulator.water.project import close_project, open_project
from simulator.water.suction import SupplyMap

Bools = NDArray[np.bool_]

REQUIRED_PSI = 20.0  # below it US utilities issue a boil-water notice
PRESSURE_EXPONENT = 0.5  # orifice law, as epanetCPA
FOREVER_S = 10**9
STILL_M3H = 0.01
CONSTANT = "always-1"  # name of a pattern of our own

# One psi in each pressure unit EPANET may use.
_PSI_TO_UNIT = {en.PSI: 1.0, en.KPA: 6.894757, en.METERS: 0.703070, en.BAR: 0.06894757, en.FEET: 2.306660}


class NoSolutionError(Exception):
    """EPANET found no solution; the text is its reason."""


class Solution(NamedTuple):
    """One steady state. Node arrays are (nodes,), link arrays (links,), pump arrays (pumps,).

    node_net_m3h: outflow at junctions, net inflow at tanks and reservoirs (negative when supplying).
    requested_m3h: demand asked for; delivered_m3h: what pressure lets out of it.
    relative_error: EPANET's convergence figure; ``converged`` is False when its trials ran out.
    """

    head_m: Floats
    node_net_m3h: Floats
    requested_m3h: Floats
    delivered_m3h: Floats
    flow_m3h: Floats
    pump_power_kw: Floats
    relative_error: float
    converged: bool


class Engine:
    """An EPANET project behind NumPy arrays. Raises BadInput if the INP cannot be used."""

    def __init__(self, path: Path) -> None:
        self._project = open_project(path)
        # EPANET's memory is outside Python's: freed by close, or when the engine is collected.
        self.close = weakref.finalize(self, close_project, self._project)
        self.layout: Layout = read_layout(self._project, path)
        self._configure()
        count = max(len(self.layout.node_names), len(self.layout.link_names))
        # EPANET fills a C array; NumPy looks at the same memory, so that a bulk read copies once.
        self._buffer = en.doubleArray(count)
        memory = (ctypes.c_double * count).from_address(int(self._buffer.cast()))
        self._view: Floats = np.ctypeslib.as_array(memory)
        self._open: Bools = self.layout.link_open.copy()
        self._setting: Floats = self.layout.link_setting.copy()
        self._multiplier = float(en.getoption(self._project, en.DEMANDMULT))
        self._accuracy = float(en.getoption(self._project, en.ACCURACY))
        self._factor = 1.0
        self._extra_m3h: dict[int, float] = {}
        self._bases: dict[int, list[float]] = {}
        self.supply = SupplyMap(self.layout)

    def _configure(self) -> None:
        project = self._project
        # Deleted, not disabled: EPANET 2.3 runs a disabled control on a junction's pressure all the same.
        for i in range(en.getcount(project, en.CONTROLCOUNT), 0, -1):
            en.deletecontrol(project, i)
        for i in range(1, en.getcount(project, en.RULECOUNT) + 1):
            en.setruleenabled(project, i, 0)
        en.setstatusreport(project, en.NO_REPORT)
        en.settimeparam(project, en.DURATION, FOREVER_S)
        required = REQUIRED_PSI * _PSI_TO_UNIT[int(en.getoption(project, en.PRESS_UNITS))]
        en.setdemandmodel(project, en.PDA, 0.0, required, PRESSURE_EXPONENT)
        for node in self.layout.tank_nodes:
            # Without this EPANET shuts the inlet of a full tank, and nothing ever overflows.
            en.setnodevalue(project, int(node) + 1, en.CANOVERFLOW, 1)
        for pump in self.layout.pumps.tolist():
            # A speed pattern would switch pumps by itself, also those we have switched off.
            en.setlinkvalue(project, pump + 1, en.LINKPATTERN, 0)
        # A demand without a pattern would follow the INP's default one.
        en.addpattern(project, CONSTANT)
        en.initH(project, en.INITFLOW)

    def restart(self) -> None:
        """Forget the last flows, so that the next solution starts flat; link states are kept."""
        en.initH(self._project, en.INITFLOW)
        wanted, self._open = self._open, self.layout.link_open.copy()
        self.set_open(wanted)
        differs = ~np.isclose(self._setting, self.layout.link_setting, rtol=0.0, atol=0.0, equal_nan=True)
        for link in np.flatnonzero(differs & wanted).tolist():
            self._switch(link, True)

    def set_demand(self, factor: float) -> None:
        """Factor on every demand of the INP, at least 0."""
        # At 0 an extra demand could not be expressed: EPANET multiplies it too.
        factor = max(factor, 1e-6)
        if factor != self._factor:
            en.setoption(self._project, en.DEMANDMULT, self._multiplier * factor)
            self._factor = factor
            self._write_extra()

    def set_extra_demand(self, node: int, m3h: float) -> None:
        """Constant demand of junction ``node`` (index from 0) beside the INP's; no factor scales it."""
        if node not in self._extra_m3h:
            self._own_bases(node)
            en.adddemand(self._project, node + 1, 0.0, CONSTANT, "extra")
        self._extra_m3h[node] = m3h
        self._write_extra()

    def _write_extra(self) -> None:
        for node, m3h in self._extra_m3h.items():
            scaled = m3h / (self.layout.flow_to_m3h * self._multiplier * self._factor)
            en.setbasedemand(self._project, node + 1, len(self._own_bases(node)) + 1, scaled)

    def set_node_factors(self, factors: Floats) -> None:
        """(nodes,) factor per node on the INP's own demands, on top of the global factor."""
        for node in self.layout.demand_nodes.tolist():
            for k, base in enumerate(self._own_bases(node), start=1):
                en.setbasedemand(self._project, node + 1, k, base * float(factors[node]))

    def _own_bases(self, node: int) -> list[float]:
        """Base demands of a junction as the INP gives them; read before anything is changed."""
        if node not in self._bases:
            count = en.getnumdemands(self._project, node + 1)
            self._bases[node] = [en.getbasedemand(self._project, node + 1, k + 1) for k in range(count)]
        return self._bases[node]

    def set_open(self, link_open: Bools) -> None:
        """(links,) which links are open; a check valve has no actuator and is left alone."""
        for i in np.flatnonzero(link_open != self._open):
            link = int(i)
            if link in self.layout.check_valves:
                continue
            self._switch(link, bool(link_open[link]))
        self._open[:] = link_open

    def set_setting(self, link: int, setting: float) -> None:
        """Speed of a pump or setting of a valve, in EPANET's meaning, while it is open; NaN for none."""
        self._setting[link] = setting
        if self._open[link]:
            self._switch(link, True)

    def _switch(self, link: int, is_open: bool) -> None:
        setting = float(self._setting[link])
        if is_open and not math.isnan(setting):
            # Opening by status would reset a pump's speed to 1 and a valve's setting to none.
            en.setlinkvalue(self._project, link + 1, en.SETTING, setting)
        else:
            en.setlinkvalue(self._project, link + 1, en.STATUS, float(is_open))

    def solve(self, inp_time_s: float, tank_level_m: Floats) -> Solution:
        """Steady state at ``inp_time_s`` seconds of the INP's patterns with (tanks,) levels from the bottom.

        Levels must lie within the tanks' ranges. Raises NoSolutionError.
        """
        project, layout = self._project, self.layout
        en.settimeparam(project, en.HTIME, int(inp_time_s))
        for node, level in zip(layout.tank_nodes.tolist(), tank_level_m.tolist(), strict=True):
            en.setnodevalue(project, node + 1, en.TANKLEVEL, level / layout.length_to_m)
        try:
            # EPANET's warnings arrive as Python warnings that say "WARNING" and nothing else.
            with warnings.catch_warnings(action="ignore"):
                en.runH(project)
        except Exception as failure:
            raise NoSolutionError(str(failure)) from None
        return self._read()

    def _read(self) -> Solution:
        flow = self.layout.flow_to_m3h
        error = float(en.getstatistic(self._project, en.RELATIVEERROR))
        flows = self._links(en.FLOW) * flow
        # Where nothing flows a relative change means nothing; the change itself does.
        change_m3h = error * float(np.abs(flows).sum())
        solution = Solution(
            self._nodes(en.HEAD) * self.layout.length_to_m,
            self._nodes(en.DEMAND) * flow,
            self._nodes(en.FULLDEMAND) * flow,
            self._nodes(en.DEMANDFLOW) * flow,
            flows,
            np.array([en.getlinkvalue(self._project, i + 1, en.ENERGY) for i in self.layout.pumps.tolist()]),
            error,
            error <= self._accuracy or change_m3h <= STILL_M3H,
        )
        if not (np.isfinite(solution.head_m).all() and np.isfinite(solution.node_net_m3h).all()):
            raise NoSolutionError("the solution is not finite")
        return solution

    def _nodes(self, what: int) -> Floats:
        en.getnodevalues(self._project, what, self._buffer)
        return self._view[: len(self.layout.node_names)].copy()

    def _links(self, what: int) -> Floats:
        en.getlinkvalues(self._project, what, self._buffer)
        return self._view[: len(self.layout.link_names)].copy()
