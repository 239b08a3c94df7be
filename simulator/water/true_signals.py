"""What perfect instruments would show: true values of signals, read in bulk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.water.conditions import Signal
from simulator.water.layout import Floats, Layout
from simulator.water.water import Water


class _Group(NamedTuple):
    """Signals of one kind: where they stand among all, their indices in what ``read`` gives."""

    read: Callable[[Water], Floats]
    places: NDArray[np.intp]
    elements: NDArray[np.intp]


_READ: dict[str, Callable[[Water], Floats]] = {
    "level_m": lambda water: water.tank_level_m,
    "inflow_m3h": lambda water: water.tank_inflow_m3h,
    "pressure_m": lambda water: water.node_pressure_m,
    "head_m": lambda water: water.state.node_head_m,
    "pump_flow_m3h": lambda water: water.pump_flow_m3h,
    "flow_m3h": lambda water: water.state.link_flow_m3h,
    "running": lambda water: water.pump_running.astype(np.float64),
    "open": lambda water: water.link_open.astype(np.float64),
}


def elements_with(layout: Layout, quantity: str) -> tuple[str, ...]:
    """Names of everything that has this quantity: tanks, nodes, pumps or links."""
    if quantity in ("level_m", "inflow_m3h"):
        return layout.tank_names
    if quantity in ("pressure_m", "head_m"):
        return layout.node_names
    return layout.pump_names if quantity == "running" else layout.link_names


class TrueSignals:
    """Reads ``signals``, ``count`` of them, off a network; each must exist there (``elements_with``)."""

    def __init__(self, signals: Sequence[Signal], water: Water) -> None:
        self._water, self.count = water, len(signals)
        found: dict[str, list[tuple[int, int]]] = {}
        pumps = {name: i for i, name in enumerate(water.layout.pump_names)}
        names: dict[str, dict[str, int]] = {}
        for place, (quantity, element) in enumerate(signals):
            if quantity == "flow_m3h" and element in pumps:
                # What a pump that stands lets through is the solver's tolerance, not a flow.
                found.setdefault("pump_flow_m3h", []).append((place, pumps[element]))
                continue
            if quantity not in names:
                names[quantity] = {n: i for i, n in enumerate(elements_with(water.layout, quantity))}
            found.setdefault(quantity, []).append((place, names[quantity][element]))
        self._groups = [
            _Group(_READ[kind], *(np.array(column, dtype=np.intp) for column in zip(*pairs, strict=True)))
            for kind, pairs in found.items()
        ]

    def read(self) -> Floats:
        """(signals,) true values of the interval that ended now; levels of now."""
        values: Floats = np.empty(self.count)
        for group in self._groups:
            values[group.places] = group.read(self._water)[group.elements]
        return values
