"""What an INP file says of a network, read once, in metres, cubic metres and cubic metres per hour."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
from epanet import toolkit as en
from numpy.typing import NDArray

from simulator.water.tanks import TankShape, equivalent_area_m2

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FOOT_M = 0.3048
DAY_S = 86400
US_GALLON_M3 = 0.003785411784

# EPANET flow unit -> m3/h, exact definitions (EPANET 2.2 manual, appendix A).
_FLOW_TO_M3H: dict[int, float] = {
    en.CFS: FOOT_M**3 * 3600.0,
    en.GPM: US_GALLON_M3 * 60.0,
    en.MGD: US_GALLON_M3 * 1e6 / 24.0,
    en.IMGD: 4546.09 / 24.0,
    en.AFD: 43560.0 * FOOT_M**3 / 24.0,
    en.LPS: 3.6,
    en.LPM: 0.06,
    en.MLD: 1000.0 / 24.0,
    en.CMH: 1.0,
    en.CMD: 1.0 / 24.0,
    en.CMS: 3600.0,
}
_US_UNITS = frozenset((en.CFS, en.GPM, en.MGD, en.IMGD, en.AFD))


@dataclasses.dataclass(frozen=True)
class Layout:
    """Static description of a network; indices count from 0 (EPANET's minus 1).

    elevation_m (nodes,): node elevation, for tanks of the bottom. demand_nodes: junctions with a base demand.
    tank_links[i]: links that touch tank i. clock_start_s: clock time of the INP's time 0.
    link_length_m, link_diameter_m: (links,) of pipes, 0 elsewhere.
    flow_to_m3h, length_to_m: factors from the INP's units. link_setting: (links,) what an open pump or valve
    is set to, in EPANET's own meaning; NaN where opening needs no setting.
    """

    path: Path
    flow_to_m3h: float
    length_to_m: float
    clock_start_s: int
    node_names: tuple[str, ...]
    link_names: tuple[str, ...]
    link_from: Ints
    link_to: Ints
    elevation_m: Floats
    base_demand_m3h: Floats
    junctions: Ints
    demand_nodes: Ints
    reservoirs: Ints
    tanks: tuple[TankShape, ...]
    tank_nodes: Ints
    tank_initial_m: Floats
    tank_links: tuple[tuple[int, ...], ...]
    pumps: Ints
    check_valves: frozenset[int]
    link_open: NDArray[np.bool_]
    link_setting: Floats
    link_length_m: Floats
    link_diameter_m: Floats

    @property
    def tank_names(self) -> tuple[str, ...]:
        """Names of the tanks, in the INP's order."""
        return tuple(self.node_names[i] for i in self.tank_nodes)

    @property
    def pump_names(self) -> tuple[str, ...]:
        """Names of the pumps, in the INP's order."""
        return tuple(self.link_names[i] for i in self.pumps)

    @property
    def tank_area_m2(self) -> Floats:
        """(tanks,) surface area; of a tank with a volume curve, the slope of the curve at mid level."""
        return np.array([equivalent_area_m2(tank) for tank in self.tanks])

    @property
    def tank_level_min_m(self) -> Floats:
        """(tanks,) level below which a tank gives no water, from its bottom."""
        return np.array([tank.level_min_m for tank in self.tanks])

    @property
    def tank_level_max_m(self) -> Floats:
        """(tanks,) level at which a tank overflows, from its bottom."""
        return np.array([tank.level_max_m for tank in self.tanks])


def read_layout(project: Any, path: Path) -> Layout:
    """Read the static description from an open EPANET project."""
    unit = en.getflowunits(project)
    flow, length = _FLOW_TO_M3H[unit], FOOT_M if unit in _US_UNITS else 1.0
    nodes = range(1, en.getcount(project, en.NODECOUNT) + 1)
    links = range(1, en.getcount(project, en.LINKCOUNT) + 1)
    node_type = np.array([en.getnodetype(project, i) for i in nodes], dtype=np.int64)
    link_type = np.array([en.getlinktype(project, i) for i in links], dtype=np.int64)
    ends = np.array([en.getlinknodes(project, i) for i in links], dtype=np.int64).reshape(-1, 2) - 1
    tank_nodes = np.flatnonzero(node_type == en.TANK)
    base = np.array([_base_demand(project, i) if node_type[i - 1] == en.JUNCTION else 0.0 for i in nodes])
    return Layout(
        path=path,
        flow_to_m3h=flow,
        length_to_m=length,
        clock_start_s=int(en.gettimeparam(project, en.STARTTIME)) % DAY_S,
        node_names=tuple(en.getnodeid(project, i) for i in nodes),
        link_names=tuple(en.getlinkid(project, i) for i in links),
        link_from=ends[:, 0],
        link_to=ends[:, 1],
        elevation_m=np.array([en.getnodevalue(project, i, en.ELEVATION) for i in nodes]) * length,
        base_demand_m3h=base * flow,
        junctions=np.flatnonzero(node_type == en.JUNCTION),
        demand_nodes=np.flatnonzero(base > 0.0),
        reservoirs=np.flatnonzero(node_type == en.RESERVOIR),
        tanks=tuple(_tank(project, int(i) + 1, length) for i in tank_nodes),
        tank_nodes=tank_nodes,
        tank_initial_m=np.array([en.getnodevalue(project, int(i) + 1, en.TANKLEVEL) for i in tank_nodes])
        * length,
        tank_links=tuple(tuple(int(j) for j in np.flatnonzero((ends == i).any(axis=1))) for i in tank_nodes),
        pumps=np.flatnonzero(link_type == en.PUMP),
        check_valves=frozenset(int(i) for i in np.flatnonzero(link_type == en.CVPIPE)),
        link_open=np.array([en.getlinkvalue(project, i, en.INITSTATUS) > 0.0 for i in links], dtype=np.bool_),
        link_setting=np.array([_setting(project, i) for i in links]),
        link_length_m=_of_pipes(project, en.LENGTH, link_type) * length,
        # EPANET's diameters are in inches or millimetres.
        link_diameter_m=_of_pipes(project, en.DIAMETER, link_type) * (FOOT_M / 12 if length != 1.0 else 1e-3),
    )


def _of_pipes(project: Any, what: int, link_type: Ints) -> Floats:
    """(links,) property of pipes, 0 for pumps and valves, in the INP's units."""
    values = [
        en.getlinkvalue(project, i + 1, what) if kind in (en.CVPIPE, en.PIPE) else 0.0
        for i, kind in enumerate(link_type.tolist())
    ]
    return np.array(values, dtype=np.float64)


def _setting(project: Any, link: int) -> float:
    kind = en.getlinktype(project, link)
    value = float(en.getlinkvalue(project, link, en.INITSETTING))
    if kind == en.PUMP:
        return value if value > 0.0 else 1.0
    # A general purpose valve follows its curve: it opens by status and refuses a setting.
    if kind in (en.CVPIPE, en.PIPE, en.GPV) or value == en.MISSING:
        return math.nan
    return value


def _base_demand(project: Any, node: int) -> float:
    return sum(
        float(en.getbasedemand(project, node, i)) for i in range(1, en.getnumdemands(project, node) + 1)
    )


def _tank(project: Any, node: int, length: float) -> TankShape:
    low, high, minimum = (
        float(en.getnodevalue(project, node, what)) for what in (en.MINLEVEL, en.MAXLEVEL, en.MINVOLUME)
    )
    curve = int(en.getnodevalue(project, node, en.VOLCURVE))
    if curve:
        points = [en.getcurvevalue(project, curve, k) for k in range(1, en.getcurvelen(project, curve) + 1)]
        levels, volumes = np.array(points, dtype=np.float64).T
    else:
        area = np.pi / 4.0 * float(en.getnodevalue(project, node, en.TANKDIAM)) ** 2
        levels = np.array([low, high])
        volumes = minimum + area * (levels - low)
    return TankShape(low * length, high * length, levels * length, volumes * length**3)
