"""EPANET alone, in its own time loop, told when links switch: the oracle for our hydraulics and quality.

The INP's controls and rules are off; a log of (time, link, open) is applied between nextH and runH.
Settings are those of our engine: pressure-driven demand from 0 to 20 psi, tanks that may overflow.
"""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from epanet import toolkit as en


class Moment(NamedTuple):
    """head: (nodes,), volume: (tanks,), quality: (nodes,), in the INP's units; pump_kw: (pumps,)."""

    t_s: int
    head: np.ndarray
    volume: np.ndarray
    quality: np.ndarray
    pump_kw: np.ndarray


class Replay:
    """quality: EPANET's (kind, name, unit, trace node), None for none. inject: (node, mg per minute)."""

    def __init__(self, path, required, step_s=60, quality=None, inject=None):
        self.project = project = en.createproject()
        with warnings.catch_warnings(action="ignore"):
            en.open(project, str(path), os.devnull, "")
        for i in range(en.getcount(project, en.CONTROLCOUNT), 0, -1):
            en.deletecontrol(project, i)
        for i in range(1, en.getcount(project, en.RULECOUNT) + 1):
            en.setruleenabled(project, i, 0)
        for parameter in (en.REPORTSTEP, en.HYDSTEP, en.RULESTEP, en.QUALSTEP):
            en.settimeparam(project, parameter, step_s)
        en.setdemandmodel(project, en.PDA, 0, required, 0.5)
        kinds = [en.getnodetype(project, i) for i in self._indices(en.NODECOUNT)]
        self.tanks = [i for i, kind in enumerate(kinds, start=1) if kind == en.TANK]
        self.pumps = [i for i in self._indices(en.LINKCOUNT) if en.getlinktype(project, i) == en.PUMP]
        self.setting = {i: en.getlinkvalue(project, i, en.INITSETTING) for i in self._indices(en.LINKCOUNT)}
        for tank in self.tanks:
            en.setnodevalue(project, tank, en.CANOVERFLOW, 1)
        self._quality = quality is not None
        if quality is not None:
            en.setqualtype(project, *quality)
            # As our engine: which way nearly still water goes would hang on the INP's coarser 0.001.
            en.setoption(project, en.ACCURACY, 1e-4)
        if inject is not None:
            node = en.getnodeindex(project, inject[0])
            en.setnodevalue(project, node, en.SOURCETYPE, en.MASS)
            en.setnodevalue(project, node, en.SOURCEQUAL, inject[1])

    def run(self, log: list[tuple[float, str, bool]], hours: float) -> Iterator[Moment]:
        """A moment per solution, as it holds from its time on; quality is that of the time itself."""
        project, waiting = self.project, sorted(log)
        en.settimeparam(project, en.DURATION, round(hours * 3600))
        en.openH(project)
        en.initH(project, en.INITFLOW)
        if self._quality:
            en.openQ(project)
            en.initQ(project, en.NOSAVE)
        while True:
            t_s = en.gettimeparam(project, en.HTIME)
            while waiting and waiting[0][0] <= t_s:
                self._switch(*waiting.pop(0)[1:])
            with warnings.catch_warnings(action="ignore"):
                en.runH(project)
            if self._quality:
                en.runQ(project)
            yield self._look(t_s)
            left = en.nextH(project)
            if self._quality:
                en.nextQ(project)
            if left == 0:
                break
        en.close(project)
        en.deleteproject(project)

    def _switch(self, link: str, is_open: bool) -> None:
        index = en.getlinkindex(self.project, link)
        kind = en.getlinktype(self.project, index)
        if is_open and kind == en.PUMP:
            en.setlinkvalue(self.project, index, en.SETTING, self.setting[index] or 1.0)
        elif is_open and kind not in (en.PIPE, en.GPV):
            en.setlinkvalue(self.project, index, en.SETTING, self.setting[index])
        else:
            en.setlinkvalue(self.project, index, en.STATUS, float(is_open))

    def _look(self, t_s: int) -> Moment:
        volume = [en.getnodevalue(self.project, i, en.TANKVOLUME) for i in self.tanks]
        power = [en.getlinkvalue(self.project, i, en.ENERGY) for i in self.pumps]
        head, quality = self._nodes(en.HEAD), self._nodes(en.QUALITY)
        return Moment(t_s, head, np.array(volume), quality, np.array(power))

    def _nodes(self, what: int) -> np.ndarray:
        count = en.getcount(self.project, en.NODECOUNT)
        buffer = en.doubleArray(count)
        en.getnodevalues(self.project, what, buffer)
        return np.array([buffer[i] for i in range(count)])

    def _indices(self, what: int) -> range:
        return range(1, en.getcount(self.project, what) + 1)


def required_pressure(path: Path) -> float:
    """20 psi in the pressure unit of the INP, which is metres for the metric ones used in tests."""
    project = en.createproject()
    with warnings.catch_warnings(action="ignore"):
        en.open(project, str(path), os.devnull, "")
    unit = int(en.getoption(project, en.PRESS_UNITS))
    en.close(project)
    en.deleteproject(project)
    return {en.PSI: 20.0, en.METERS: 20.0 * 0.703070}[unit]
