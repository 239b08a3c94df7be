"""Every electric supply of the water side between its feeder and its pumps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.coupling.declared import DeclaredSupply
from simulator.coupling.events import CouplingEvent
from simulator.coupling.pump_supply import Mains, PumpSupply
from simulator.grid.grid import Grid
from simulator.water.water import Water

Floats = NDArray[np.float64]

KW_PER_MW = 1000.0


class Supplies:
    """The supplies of one plant. states: one ``PumpSupply`` per declared supply.

    replication districts hang on each: their draw is multiplied by it, what they carry themselves is not.
    """

    def __init__(
        self, declared: Sequence[DeclaredSupply], grid: Grid, water: Water, replication: int
    ) -> None:
        self.declared, self._grid, self._water = declared, grid, water
        self._replication = replication
        index = {name: i for i, name in enumerate(water.layout.pump_names)}
        pumps = [[index[name] for name in supply.pumps] for supply in declared]
        self.states = [PumpSupply(supply.settings, len(supply.pumps)) for supply in declared]
        self._all = list(zip(declared, self.states, pumps, strict=True))
        self._place = {pump: (state, n) for _, state, own in self._all for n, pump in enumerate(own)}
        # Power of the pumps as it was put on the grid; None once a supply has changed.
        self._drawn_kw: Floats | None = None

    def draw(self) -> None:
        """Put the pumps of every district on their feeder; what a backup carries is not the grid's."""
        if self._water.pump_power_kw is self._drawn_kw:
            return
        self._drawn_kw = self._water.pump_power_kw
        drawn: dict[tuple[int, int], float] = defaultdict(float)
        power_kw = self._drawn_kw.tolist()
        for own, state, pumps in self._all:
            kw = state.load_kw([power_kw[p] for p in pumps]) if state.source == "mains" else 0.0
            drawn[own.load, own.settings.feeder] += self._replication * kw / KW_PER_MW
        for (load, feeder), mw in drawn.items():
            self._grid.set_feeder_draw(load, feeder, mw)

    def follow(self, t_s: float, events: list[CouplingEvent]) -> bool:
        """Let every supply see its feeder at t_s; True where a contactor moved."""
        moved = False
        lowest_pu = self._grid.lowest_voltage_pu
        for own, state, pumps in self._all:
            alive = self._grid.feeder_alive(own.settings.bus, own.settings.feeder)
            voltage_pu = float(lowest_pu[own.bus])
            if state.runs_on(alive, voltage_pu):
                continue
            before, self._drawn_kw = state.carried, None
            mains = Mains(alive or bool(self._grid.bus_energised[own.bus]), alive, voltage_pu)
            told = state.advance(t_s, mains, self._water.pump_power_kw[pumps].tolist())
            events += [CouplingEvent(t_s, e.kind, own.name, e.cause, e.value, e.unit) for e in told]
            moved = moved or state.carried != before
        self._grid.restart_lowest_voltage()
        return moved

    def carries(self, pump: int) -> tuple[bool, str]:
        """Whether pump (position in the layout) is carried, and by what; or what keeps it from that."""
        if pump not in self._place:
            return True, "mains"
        state, n = self._place[pump]
        return (True, state.source) if state.carried[n] else (False, state.cause)

    def powered(self) -> list[bool]:
        """Per supply whether what needs no restart has electricity."""
        return [state.powered for state in self.states]
