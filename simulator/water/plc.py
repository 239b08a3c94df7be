"""PLCs of the pump stations: they run the INP's controls on the levels they receive."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from simulator.water.conditions import Moment, decide
from simulator.water.controls import Controls
from simulator.water.engine import Bools
from simulator.water.layout import DAY_S
from simulator.water.water import Water


class PumpController:
    """Decides every controlled link: the pumps in ``layout.pumps`` order, then other links the INP controls.

    Each link is in one of three modes: auto (its received level), estimate (a level ordered by the control
    centre instead) or manual (on or off by order). A missing level leaves things as they are.
    names: the links, in order; on: (links,) what is on or open. start_clock_s: clock time of t = 0.
    """

    def __init__(self, controls: Controls, start_clock_s: float = 0.0) -> None:
        layout = controls.layout
        self._pumps, self._tanks = len(layout.pumps), len(layout.tanks)
        pumps = layout.pumps.tolist()
        links = [*pumps, *sorted({action.link for action in controls.actions} - set(pumps))]
        self._actions = [[a for a in controls.actions if a.link == link] for link in links]
        self.names = tuple(layout.link_names[link] for link in links)
        self._index = {name: i for i, name in enumerate(self.names)}
        self._start_s = start_clock_s
        self._elapsed_start_s = (start_clock_s - layout.clock_start_s) % DAY_S
        self.on: Bools = layout.link_open[links].copy()
        self._manual: dict[int, bool] = {}
        self._estimate: dict[int, float] = {}
        self._last_s = 0.0
        self._set_by_schedule(start_clock_s % DAY_S)

    def _set_by_schedule(self, clock_s: float) -> None:
        """Links on a daily schedule begin as their last switching before the start left them."""
        for i, actions in enumerate(self._actions):
            timed = [(clock_s - a.at_clock_s) % DAY_S for a in actions if a.at_clock_s is not None]
            if timed:
                last = timed.index(min(timed))
                self.on[i] = [a for a in actions if a.at_clock_s is not None][last].is_open

    def order_on(self, name: str, on: bool) -> None:
        """Central order: keep link ``name`` on or off until ``order_auto``. Raises KeyError."""
        self._manual[self._index[name]] = on

    def order_auto(self, name: str) -> None:
        """Give link ``name`` back to its PLC and to its received level. Raises KeyError."""
        self._manual.pop(self._index[name], None)
        self._estimate.pop(self._index[name], None)

    def order_level(self, name: str, level_m: float) -> None:
        """Let ``name`` act on this level of the tank it follows until the next order. Raises KeyError."""
        self._manual.pop(self._index[name], None)
        self._estimate[self._index[name]] = level_m

    def mode(self, name: str) -> str:
        """One of auto, estimate, manual. Raises KeyError."""
        i = self._index[name]
        return "manual" if i in self._manual else "estimate" if i in self._estimate else "auto"

    def step(self, t_s: float, received_level_m: ArrayLike) -> Bools:
        """Decide at ``t_s`` on received levels (tanks,) or (links, tanks), metres, NaN missing.

        Returns (links,) what is on or open from now.
        """
        shape = (len(self.names), self._tanks)
        levels = np.broadcast_to(np.asarray(received_level_m, dtype=np.float64), shape)
        now = Moment((self._start_s + t_s) % DAY_S, self._elapsed_start_s + t_s, t_s - self._last_s)
        for i, actions in enumerate(self._actions):
            seen = np.full(self._tanks, self._estimate[i]) if i in self._estimate else levels[i]
            decided = self._manual.get(i, decide(actions, seen, now))
            if decided is not None:
                self.on[i] = decided
        self._last_s = t_s
        return self.on.copy()

    def apply(self, water: Water) -> None:
        """Hand the decisions to the pumps and valves."""
        for i, on in enumerate(self.on.tolist()):
            if i < self._pumps:
                water.set_pump(i, on)
            else:
                water.set_link_open(self.names[i], on)
