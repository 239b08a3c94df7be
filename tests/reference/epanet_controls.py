"""EPANET running an INP's own controls and rules in its own time loop: the oracle for our PLCs."""

import os
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from epanet import toolkit as en


class Scan(NamedTuple):
    """level_m: (tanks,) from the bottom; open: (pumps,)."""

    t_s: int
    level_m: np.ndarray
    pump_open: np.ndarray


def run(path: Path, hours: int, step_s: int = 60) -> dict[int, Scan]:
    """Scans by time of an INP in US units; pressure-driven demand and spilling tanks, as in our engine."""
    project = en.createproject()
    en.open(project, str(path), os.devnull, "")
    en.settimeparam(project, en.DURATION, hours * 3600)
    for parameter in (en.HYDSTEP, en.RULESTEP, en.REPORTSTEP):
        en.settimeparam(project, parameter, step_s)
    en.setdemandmodel(project, en.PDA, 0, 20, 0.5)
    tanks = _indices(project, en.NODECOUNT, en.getnodetype, en.TANK)
    pumps = _indices(project, en.LINKCOUNT, en.getlinktype, en.PUMP)
    for tank in tanks:
        en.setnodevalue(project, tank, en.CANOVERFLOW, 1)
    en.openH(project)
    en.initH(project, en.NOSAVE)
    scans = {}
    while True:
        with warnings.catch_warnings(action="ignore"):
            t_s = en.runH(project)
        heads = [
            en.getnodevalue(project, i, en.HEAD) - en.getnodevalue(project, i, en.ELEVATION) for i in tanks
        ]
        status = [en.getlinkvalue(project, i, en.STATUS) > 0 for i in pumps]
        scans[t_s] = Scan(t_s, np.array(heads) * 0.3048, np.array(status))
        if en.nextH(project) == 0:
            break
    en.close(project)
    en.deleteproject(project)
    return scans


def _indices(project, count, kind_of, kind) -> list[int]:
    return [i for i in range(1, en.getcount(project, count) + 1) if kind_of(project, i) == kind]
