"""Water quality by EPANET's own transport solver, on our flows and in our time.

EPANET moves mass along the flows that its hydraulic solver left in the project, for the time from QTIME to
HTIME, and keeps volumes of its own in pipes and tanks. So after every solution we tell it that flows are
new (runQ), and whenever our time moves we set the two times and let it transport (nextQ). It counts whole
seconds: a change of flow acts on quality at the nearest second, which shifts its tank volumes by at most
half a second of the change.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from epanet import toolkit as en

from simulator.water.bulk import BulkReader
from simulator.water.constituents import QualityPlan, configure
from simulator.water.layout import Floats, Layout

STEP_S = 60  # mass moves through the network in steps of at most a minute
STILL_M3H = 0.03  # the solver leaves up to 0.02 in a dry network; nothing is injected into less
_MG_PER_G = 1000.0


class Quality:
    """One constituent in one network, which starts as the project stands. Raises BadInput on a bad plan.

    start_s: the INP's time at t = 0. value: (nodes,) quality of the water that leaves each node, in the
    constituent's unit. contaminant: whether it is one. consumed_g: what customers drew of it
    since t = 0.
    """

    def __init__(self, project: Any, layout: Layout, plan: QualityPlan, start_s: float) -> None:
        configure(project, layout, plan)
        self._project, self._layout = project, layout
        self.contaminant = plan.constituent == "contaminant"
        en.settimeparam(project, en.QUALSTEP, STEP_S)
        en.openQ(project)
        en.initQ(project, en.NOSAVE)
        self._reader = BulkReader(project, layout)
        self._start_s = start_s
        self._clock_s = round(start_s)
        self._flows_changed = True
        self.value: Floats = self._reader.nodes(en.QUALITY)
        self.consumed_g = 0.0
        self._injection_g_per_min: dict[int, float] = {}

    @property
    def mass_balance_ratio(self) -> float:
        """EPANET's own check: mass that left, reacted or is stored, over mass that came in or was there."""
        return float(en.getstatistic(self._project, en.MASSBALANCE))

    @property
    def injected_g(self) -> float:
        """Mass that injections have added since t = 0."""
        # EPANET keeps a mass and multiplies it by 60 on the way out, as if it were a rate per second.
        masses = [
            float(en.getnodevalue(self._project, node + 1, en.SOURCEMASS)) / 60.0
            for node in self._injection_g_per_min
        ]
        return sum(masses) / _MG_PER_G

    def set_injection(self, node: int, g_per_min: float) -> None:
        """Add mass at a junction (index from 0) from the next solution on; into still water none gets."""
        self._injection_g_per_min[node] = g_per_min

    def flows_changed(self, flow_m3h: Floats) -> None:
        """Say that the project holds a new hydraulic solution, with (links,) flows."""
        self._flows_changed = True
        for node, g_per_min in self._injection_g_per_min.items():
            touching = (self._layout.link_from == node) | (self._layout.link_to == node)
            moves = float(np.abs(flow_m3h[touching]).max(initial=0.0)) > STILL_M3H
            en.setnodevalue(self._project, node + 1, en.SOURCEQUAL, g_per_min * _MG_PER_G if moves else 0.0)

    def advance(self, until_s: float, delivered_m3h: Floats) -> None:
        """Transport along the project's flows to ``until_s`` since t = 0, to the nearest second."""
        target_s = round(self._start_s + until_s)
        while self._clock_s < target_s:
            seconds = min(STEP_S, target_s - self._clock_s)
            self._transport(seconds)
            self.value = self._reader.nodes(en.QUALITY)
            if self.contaminant:
                self.consumed_g += float(self.value @ np.maximum(delivered_m3h, 0.0)) * seconds / 3600.0

    def wait(self, until_s: float) -> None:
        """Let time pass without flows: nothing moves and nothing reacts."""
        self._clock_s = max(self._clock_s, round(self._start_s + until_s))

    def _transport(self, seconds: int) -> None:
        project = self._project
        en.settimeparam(project, en.QTIME, self._clock_s)
        if self._flows_changed:
            en.settimeparam(project, en.HTIME, self._clock_s)
            en.runQ(project)
            self._flows_changed = False
        self._clock_s += seconds
        en.settimeparam(project, en.HTIME, self._clock_s)
        en.nextQ(project)
