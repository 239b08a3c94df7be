"""What EPANET accepts and cannot mean: junctions that no source reaches, tanks that hold nothing."""

from __future__ import annotations

import numpy as np

from simulator.water.layout import Layout
from simulator.water.reach import reached
from streams.errors import BadInput


def check_sound(layout: Layout) -> None:
    """Raises BadInput naming the file, the node and the reason."""
    _check_connected(layout)
    nowhere = np.flatnonzero(~np.isfinite(layout.elevation_m))
    if len(nowhere):
        allowed = f"a network of finite elevations (not so node {layout.node_names[nowhere[0]]})"
        raise BadInput("water.network", str(layout.path), allowed)
    for tank, name in zip(layout.tanks, layout.tank_names, strict=True):
        if not tank.level_max_m > tank.level_min_m:
            allowed = f"a network whose tanks have a range (tank {name}: {tank.level_min_m:g} m to the same)"
            raise BadInput("water.network", str(layout.path), allowed)


def _check_connected(layout: Layout) -> None:
    """Raises BadInput naming a node without any link, or a junction from which no chain of links, open or
    closed, leads to a source."""
    loose = np.ones(len(layout.node_names), dtype=np.bool_)
    loose[layout.link_from] = loose[layout.link_to] = False
    if loose.any():
        name = layout.node_names[int(np.argmax(loose))]
        allowed = f"a network whose nodes all have a link (node {name} has none)"
        raise BadInput("water.network", str(layout.path), allowed)
    sources = np.zeros(len(layout.node_names), dtype=np.bool_)
    sources[layout.tank_nodes] = sources[layout.reservoirs] = True
    every_link = np.ones(len(layout.link_names), dtype=np.bool_)
    lost = np.flatnonzero(~reached(layout, sources, every_link))
    if len(lost):
        others = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
        name = layout.node_names[lost[0]]
        raise BadInput(
            "water.network",
            str(layout.path),
            f"a network whose junctions all reach a tank or reservoir (junction {name}{others} does not)",
        )
