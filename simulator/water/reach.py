"""Which nodes hang together through links."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.water.layout import Layout

Bools = NDArray[np.bool_]


def reached(layout: Layout, start: Bools, link_open: Bools) -> Bools:
    """(nodes,) True where a chain of open links leads from a node of ``start`` (nodes,), in any direction."""
    found = start.copy()
    ends, others = layout.link_from[link_open], layout.link_to[link_open]
    while True:
        touched = found[ends] | found[others]
        before = int(found.sum())
        found[ends[touched]] = found[others[touched]] = True
        if int(found.sum()) == before:
            return found


def is_fed(layout: Layout, link_open: Bools, dry: Bools, draws: Bools) -> bool:
    """Whether anything that gives water reaches a node that takes some, ``draws`` (nodes,), or a dry tank.

    dry: (tanks,). Reservoirs, other tanks and junctions with an inflow of their own give water.
    """
    empty = np.zeros(len(layout.node_names), dtype=np.bool_)
    empty[layout.tank_nodes[dry]] = True
    start = layout.base_demand_m3h < 0.0
    start[layout.reservoirs] = start[layout.tank_nodes[~dry]] = True
    past_none = link_open & ~empty[layout.link_from] & ~empty[layout.link_to]
    wet = reached(layout, start, past_none)
    into_dry = link_open & (wet[layout.link_from] != wet[layout.link_to])
    return bool(wet[draws].any() or into_dry.any())
