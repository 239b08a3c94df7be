"""EPANET as a quasi-steady solver: given time, tank levels and link states, what flows where.

Time and tank volumes are integrated by ``water.py``, so that events have exact times, water is
conserved to rounding and an empty tank is ours to close. The INP's controls and rules are taken out:
otherwise EPANET would act on true levels and reopen what we close.
"""

from __future__ import annotations

import contextlib
import math
import warnings
import weakref
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from epanet import toolkit as en
from numpy.typing import NDArray

from simulator.water.bulk import BulkReader
from simulator.water.constituents import QualityPlan
from simulator.water.layout import FOOT_M, Floats, Layout, read_layout
from simulator.water.patterns import replace_patterns
from simulator.water.project import close_project, open_project
from simulator.water.quality import Quality
from simulator.water.soundness import check_sound
from simulator.water.suction import SupplyMap
from streams.errors import BadInput

Bools = NDArray[np.bool_]

REQUIRED_PSI = 20.0  # below it US utilities issue a boil-water notice
PSI_PER_FOOT = 0.4333  # EPANET's own
PRESSURE_EXPONENT = 0.5  # orifice law, as epanetCPA
ACCURACY = 1e-3  # of flow changes relative to flows, EPANET's default
QUALITY_ACCURACY = 1e-4  # coarser, mass that is put into nearly still water comes out changed
FOREVER_S = 10**9
STILL_M3H = 0.01
HAIR = 1e-9
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


def still(layout: Layout, requested_m3h: Floats, relative_error: float, converged: bool) -> Solution:
    """A network in which nothing flows."""
    nodes, pumps = np.zeros(len(layout.node_names)), np.zeros(len(layout.pumps))
    flows = np.zeros(len(layout.link_names))
    head = layout.elevation_m.copy()
    return Solution(head, nodes, requested_m3h, nodes, flows, pumps, relative_error, converged)


def depend_on_pressure(project: Any) -> None:
    """Let an EPANET project deliver by the square root of pressure below REQUIRED_PSI (Wagner 1988)."""
    required = REQUIRED_PSI * _PSI_TO_UNIT[int(en.getoption(project, en.PRESS_UNITS))]
    en.setdemandmodel(project, en.PDA, 0.0, required, PRESSURE_EXPONENT)


class Engine:
    """An EPANET project behind NumPy arrays. patterns: see ``replace_patterns``.

    Raises BadInput if the INP or the patterns cannot be used.
    """

    def __init__(self, path: Path, patterns: Path | None = None) -> None:
        self._project = open_project(path)
        # EPANET's memory is outside Python's: freed by close, or when the engine is collected.
        self.close = weakref.finalize(self, close_project, self._project)
        self.layout: Layout = read_layout(self._project, path)
        check_sound(self.layout)
        self.supply = SupplyMap(self.layout)
        if patterns is not None:
            replace_patterns(self._project, patterns)
        self._configure()
        self._reader = BulkReader(self._project, self.layout)
        # Rounding between metres and feet must not put a full or empty tank outside its own range.
        self._level_low: Floats = self.layout.tank_level_min_m / self.layout.length_to_m + HAIR
        self._level_high: Floats = self.layout.tank_level_max_m / self.layout.length_to_m - HAIR
        self._pump_links: list[int] = [pump + 1 for pump in self.layout.pumps.tolist()]
        self._open: Bools = self.layout.link_open.copy()
        self._setting: Floats = self.layout.link_setting.copy()
        self._multiplier = float(en.getoption(self._project, en.DEMANDMULT))
        self._factor = 1.0
        self._extra_m3h: dict[int, float] = {}
        self._bases: dict[int, list[float]] = {}
        self._emitters: dict[int, float] = {}
        # (nodes,) whether water may leave here: a demand, an extra one, an emitter or a leak.
        self.draws: Bools = (self.layout.base_demand_m3h > 0.0) | (self._reader.nodes(en.EMITTER) > 0.0)

    def _configure(self) -> None:
        project = self._project
        # Deleted, not disabled: EPANET 2.3 runs a disabled control on a junction's pressure all the same.
        for i in range(en.getcount(project, en.CONTROLCOUNT), 0, -1):
            en.deletecontrol(project, i)
        for i in range(1, en.getcount(project, en.RULECOUNT) + 1):
            en.setruleenabled(project, i, 0)
        en.setstatusreport(project, en.NO_REPORT)
        en.settimeparam(project, en.DURATION, FOREVER_S)
        # Some INPs ask for less than EPANET's default; at 0.01 a day of L-Town loses 0.03 % of its water.
        self._refine(ACCURACY)
        depend_on_pressure(project)
        for node in self.layout.tank_nodes:
            # Without this EPANET shuts the inlet of a full tank, and nothing ever overflows.
            en.setnodevalue(project, int(node) + 1, en.CANOVERFLOW, 1)
        for pump in self.layout.pumps.tolist():
            # A speed pattern would switch pumps by itself, also those we have switched off.
            en.setlinkvalue(project, pump + 1, en.LINKPATTERN, 0)
        # Without this a pipe that is empty would draw water in through its leaks.
        en.setoption(project, en.EMITBACKFLOW, 0.0)
        # A demand without a pattern would follow the INP's default one.
        en.addpattern(project, CONSTANT)
        en.initH(project, en.INITFLOW)

    def follow(self, plan: QualityPlan, start_s: float) -> Quality:
        """Water quality on this engine's flows from the INP's time ``start_s`` on. Raises BadInput."""
        self._refine(QUALITY_ACCURACY)
        return Quality(self._project, self.layout, plan, start_s)

    def _refine(self, accuracy: float) -> None:
        finest = min(accuracy, float(en.getoption(self._project, en.ACCURACY)))
        en.setoption(self._project, en.ACCURACY, finest)

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
            self.draws[node] = True
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

    def set_leak(self, node: int, m3h_per_sqrt_m: float) -> None:
        """Let junction ``node`` lose coefficient times sqrt(pressure in m), beside what the INP lets leak.

        0 mends it. Raises BadInput if the INP's own emitters follow another law than the square root.
        """
        project, inp = self._project, self._inp_emitter(node)
        # EPANET's emitters take psi in US units and metres in metric ones, whatever pressures are shown in.
        us = self.layout.length_to_m == FOOT_M
        unit_per_m = PSI_PER_FOOT / FOOT_M * en.getoption(project, en.SP_GRAVITY) if us else 1.0
        scale = self.layout.flow_to_m3h * math.sqrt(unit_per_m)
        en.setnodevalue(project, node + 1, en.EMITTER, inp + m3h_per_sqrt_m / scale)
        self.draws[node] = True
        if inp == m3h_per_sqrt_m == 0.0:
            # EPANET goes on counting the last flow of an emitter that is no more; a start clears it.
            self.restart()

    def _inp_emitter(self, node: int) -> float:
        if not self._emitters:
            junctions = self.layout.junctions.tolist()
            self._emitters = {i: en.getnodevalue(self._project, i + 1, en.EMITTER) for i in junctions}
            if not math.isclose(en.getoption(self._project, en.EMITEXPON), 0.5):
                if any(self._emitters.values()):
                    allowed = "a network whose emitters follow the square root of pressure"
                    raise BadInput("water.network", str(self.layout.path), allowed)
                en.setoption(self._project, en.EMITEXPON, 0.5)
        return self._emitters[node]

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
        levels = np.minimum(np.maximum(tank_level_m / layout.length_to_m, self._level_low), self._level_high)
        for node, level in zip(layout.tank_nodes.tolist(), levels.tolist(), strict=True):
            en.setnodevalue(project, node + 1, en.TANKLEVEL, level)
        try:
            # EPANET's warnings arrive as Python warnings that say "WARNING" and nothing else.
            with warnings.catch_warnings(action="ignore"):
                en.runH(project)
        except Exception as failure:
            raise NoSolutionError(str(failure)) from None
        return self._read()

    def stand_still(self, inp_time_s: float) -> Solution:
        """What holds where no source feeds anything: demand is asked for, and nothing flows."""
        project = self._project
        trials = en.getoption(project, en.TRIALS)
        en.settimeparam(project, en.HTIME, int(inp_time_s))
        # One trial is enough for EPANET to look up its patterns; without a source it would use up them all.
        en.setoption(project, en.TRIALS, 1)
        with warnings.catch_warnings(action="ignore"), contextlib.suppress(Exception):
            en.runH(project)
        en.setoption(project, en.TRIALS, trials)
        self.restart()
        return still(self.layout, self._reader.nodes(en.FULLDEMAND, self.layout.flow_to_m3h), 0.0, True)

    def pump_efficiency(self) -> Floats:
        """(pumps,) hydraulic over electric power in the last solution, 0 to 1."""
        return np.array([en.getlinkvalue(self._project, link, en.PUMP_EFFIC) for link in self._pump_links])

    def _read(self) -> Solution:
        project, reader = self._project, self._reader
        flow = self.layout.flow_to_m3h
        error = float(en.getstatistic(project, en.RELATIVEERROR))
        flows = reader.links(en.FLOW, flow)
        power = [en.getlinkvalue(project, link, en.ENERGY) for link in self._pump_links]
        solution = Solution(
            reader.nodes(en.HEAD, self.layout.length_to_m),
            reader.nodes(en.DEMAND, flow),
            reader.nodes(en.FULLDEMAND, flow),
            reader.nodes(en.DEMANDFLOW, flow),
            flows,
            np.array(power),
            error,
            # Where nothing flows a relative change means nothing; the change itself does.
            error <= ACCURACY or error * float(np.abs(flows).sum()) <= STILL_M3H,
        )
        # A sum is finite only if all its terms are.
        if not math.isfinite(float(solution.head_m.sum() + solution.node_net_m3h.sum())):
            raise NoSolutionError("the solution is not finite")
        return solution
