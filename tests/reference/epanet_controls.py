"""EPANET running an INP's own controls and rules in its own time loop: the oracle for our PLCs."""

import functools
import os
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from epanet import toolkit as en

_FOOT_M = 0.3048
_US = (en.CFS, en.GPM, en.MGD, en.IMGD, en.AFD)


class Scan(NamedTuple):
    """level_m: (tanks,) from the bottom; open, setting: (links,) what EPANET has set; pump_open: (pumps,).

    pressure_m, head_m: (nodes,); flow: (links,) in the INP's unit.
    """

    t_s: int
    level_m: np.ndarray
    pump_open: np.ndarray
    open: np.ndarray
    setting: np.ndarray
    pressure_m: np.ndarray
    head_m: np.ndarray
    flow: np.ndarray


@functools.cache
def run(path: Path, hours: int, step_s: int = 60) -> dict[int, Scan]:
    """Scans by time of an INP; pressure-driven demand (20 psi) and spilling tanks, as in our engine."""
    project = en.createproject()
    with warnings.catch_warnings(action="ignore"):
        en.open(project, str(path), os.devnull, "")
    us = en.getflowunits(project) in _US
    length_m, required = (_FOOT_M, 20.0) if us else (1.0, 20.0 * 0.70307)
    en.settimeparam(project, en.DURATION, hours * 3600)
    for parameter in (en.HYDSTEP, en.RULESTEP, en.REPORTSTEP):
        en.settimeparam(project, parameter, step_s)
    en.setdemandmodel(project, en.PDA, 0, required, 0.5)
    tanks = _indices(project, en.NODECOUNT, en.getnodetype, en.TANK)
    pumps = _indices(project, en.LINKCOUNT, en.getlinktype, en.PUMP)
    nodes, links = en.getcount(project, en.NODECOUNT), en.getcount(project, en.LINKCOUNT)
    elevation = np.array([en.getnodevalue(project, i, en.ELEVATION) for i in range(1, nodes + 1)])
    for tank in tanks:
        en.setnodevalue(project, tank, en.CANOVERFLOW, 1)
    en.openH(project)
    en.initH(project, en.NOSAVE)
    scans = {}
    while True:
        with warnings.catch_warnings(action="ignore"):
            t_s = en.runH(project)
        head = _bulk(en.getnodevalues, project, en.HEAD, nodes)
        status = _bulk(en.getlinkvalues, project, en.STATUS, links) > 0.0
        above_m = (head - elevation) * length_m
        scans[t_s] = Scan(
            t_s,
            above_m[np.array(tanks) - 1],
            status[np.array(pumps) - 1],
            status,
            _bulk(en.getlinkvalues, project, en.SETTING, links),
            np.maximum(above_m, 0.0),
            head * length_m,
            _bulk(en.getlinkvalues, project, en.FLOW, links),
        )
        if en.nextH(project) == 0:
            break
    en.close(project)
    en.deleteproject(project)
    return scans


def _bulk(read, project, what, count) -> np.ndarray:
    values = en.doubleArray(count)
    read(project, what, values)
    return np.array([values[i] for i in range(count)])


def _indices(project, count, kind_of, kind) -> list[int]:
    return [i for i in range(1, en.getcount(project, count) + 1) if kind_of(project, i) == kind]
