"""Which pumps have water to draw: EPANET finds no solution where a pump sucks on a zone without a source.

With pressure-driven demand a pump on such a zone drives the solver to flows and powers that no pump has
(C-Town with V2 closed and T2 empty: 400 MW), so the twin lets it stand, as its dry suction would.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.water.layout import Layout

Bools = NDArray[np.bool_]

MAX_KNOWN = 256


class SupplyMap:
    """Where water can get to in a network, along links that are open and in their direction."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        one_way = {*layout.pumps.tolist(), *layout.check_valves}
        self._known: dict[bytes, Bools] = {}
        self._links_of: list[list[tuple[int, int]]] = [[] for _ in layout.node_names]
        for link, (start, end) in enumerate(
            zip(layout.link_from.tolist(), layout.link_to.tolist(), strict=True)
        ):
            self._links_of[start].append((link, end))
            if link not in one_way:
                self._links_of[end].append((link, start))

    def starved(self, link_open: Bools, dry: Bools) -> Bools:
        """(links,) open pumps whose suction no reservoir and no tank that is not ``dry`` (tanks,) reaches."""
        state = link_open.tobytes() + dry.tobytes()
        if state not in self._known:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[state] = self._find(link_open, dry)
        return self._known[state]

    def _find(self, link_open: Bools, dry: Bools) -> Bools:
        layout = self._layout
        tanks = layout.tank_nodes[~dry].tolist()
        wet = self._reached([*layout.reservoirs.tolist(), *tanks], link_open)
        starved = np.zeros_like(link_open)
        starved[layout.pumps] = link_open[layout.pumps] & ~wet[layout.link_from[layout.pumps]]
        return starved

    def _reached(self, sources: Sequence[int], link_open: Bools) -> Bools:
        wet = np.zeros(len(self._links_of), dtype=np.bool_)
        wet[list(sources)] = True
        queue, is_open = list(sources), link_open.tolist()
        while queue:
            for link, other in self._links_of[queue.pop()]:
                if is_open[link] and not wet[other]:
                    wet[other] = True
                    queue.append(other)
        return wet
