"""Every electric supply of the water side between its feeder and its pumps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from simulator.coupling.declared import DeclaredSupply
from simulator.coupling.events import CouplingEvent
from simulator.coupling.pump_supply import Mains, PumpSupply
from simulator.grid.grid import Grid
from simulator.water.water import Water

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
        self._pumps = [[index[name] for name in supply.pumps] for supply in declared]
        self.states = [PumpSupply(supply.settings, len(supply.pumps)) for supply in declared]
        self._place = {
            pump: (state, n)
            for state, own in zip(self.states, self._pumps, strict=True)
            for n, pump in enumerate(own)
        }

    def draw(self) -> None:
        """Put the pumps of every district on their feeder; what a backup carries is not the grid's."""
        drawn: dict[tuple[int, int], float] = defaultdict(float)
        power_kw = self._water.pump_power_kw.tolist()
        for own, state, pumps in zip(self.declared, self.states, self._pumps, strict=True):
            kw = state.load_kw([power_kw[p] for p in pumps]) if state.source == "mains" else 0.0
            drawn[own.load, own.settings.feeder] += self._replication * kw / KW_PER_MW
        for (load, feeder), mw in drawn.items():
            self._grid.set_feeder_draw(load, feeder, mw)

    def follow(self, t_s: float, events: list[CouplingEvent]) -> bool:
        """Let every supply see its feeder at t_s; True where a contactor moved."""
        moved = False
        voltage_pu, power_kw = self._grid.lowest_voltage_pu, self._water.pump_power_kw.tolist()
        for own, state, pumps in zip(self.declared, self.states, self._pumps, strict=True):
            alive = self._grid.feeder_alive(own.settings.bus, own.settings.feeder)
            energised = alive or bool(self._grid.bus_energised[own.bus])
            before = state.carried
            mains = Mains(energised, alive, float(voltage_pu[own.bus]))
            told = state.advance(t_s, mains, [power_kw[p] for p in pumps])
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
