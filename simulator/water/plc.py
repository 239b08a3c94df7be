"""The program of one PLC: it decides on what it receives, under the orders of the control centre."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from simulator.water.conditions import Action, Moment, Order, decide
from simulator.water.controls import Controls
from simulator.water.engine import Bools
from simulator.water.layout import DAY_S, Floats
from simulator.water.water import Water

OnStale = Literal["hold", "stop", "run", "schedule"]
STALE_S = 300.0


class FailSafe(NamedTuple):
    """What a link does while a value it asks for is older than ``stale_s``.

    hold: stays as it is, as in epanetCPA; stop: off or closed; run: on or open; schedule: follows
    the daily switchings ``fallback[link]``.
    """

    stale_s: float = STALE_S
    on_stale: OnStale = "hold"
    fallback: Mapping[int, Sequence[Action]] = {}


def scheduled(actions: Sequence[Action], clock_s: float) -> Order | None:
    """What the last of the actions at a time of day has ordered; None without any."""
    timed = [(action, action.at_clock_s) for action in actions if action.at_clock_s is not None]
    if not timed:
        return None
    # Of two at the same time the later in the list wins, as in [CONTROLS].
    return min(reversed(timed), key=lambda item: (clock_s - item[1]) % DAY_S)[0].order


class PumpController:
    """Decides the links of one PLC, by default every controlled link of the network (``Controls.links``).

    Each link is in one of three modes: auto (what is received), estimate (a level ordered by the control
    centre instead) or manual (on or off by order). A missing value leaves the last one in force until it
    is stale, see ``FailSafe``. start_clock_s: clock time of t = 0.

    names: the links, in order; on: (links,) what is on or open; setting: (links,) speed or valve setting
    where a control has given one (see ``Order``), None where none has.
    """

    def __init__(
        self,
        controls: Controls,
        start_clock_s: float = 0.0,
        links: Sequence[int] | None = None,
        fail_safe: FailSafe = FailSafe(),  # noqa: B008  (immutable)
    ) -> None:
        layout = controls.layout
        own = list(controls.links if links is None else links)
        self._actions = [[a for a in controls.actions if a.link == link] for link in own]
        self._asked = [list(controls.signals_of(link)) for link in own]
        self._fail_safe = fail_safe
        self._fallback = [list(fail_safe.fallback.get(link, ())) for link in own]
        self.names = tuple(layout.link_names[link] for link in own)
        self._index = {name: i for i, name in enumerate(self.names)}
        self._pump_of = {int(link): pump for pump, link in enumerate(layout.pumps)}
        self._links = own
        self._levels = len(layout.tanks)
        self._start_s = start_clock_s
        self._elapsed_start_s = (start_clock_s - layout.clock_start_s) % DAY_S
        self.on: Bools = layout.link_open[own].copy()
        self.setting: list[float | None] = [None] * len(own)
        self._manual: dict[int, bool] = {}
        self._estimate: dict[int, float] = {}
        self._values: Floats = np.full(len(controls.signals), np.nan)
        self._heard_s: Floats = np.zeros(len(controls.signals))
        self._last_s = 0.0
        self._set_by_schedule(start_clock_s % DAY_S)

    def _set_by_schedule(self, clock_s: float) -> None:
        """Links on a daily schedule begin as their last switching before the start left them."""
        for i, actions in enumerate(self._actions):
            order = scheduled(actions, clock_s)
            if order is not None:
                self._obey(i, order)

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

    def step(self, t_s: float, received: ArrayLike) -> Bools:
        """Decide at ``t_s`` on received values (signals,), NaN missing.

        Returns (links,) what is on or open from now.
        """
        values = np.asarray(received, dtype=np.float64)
        fresh = ~np.isnan(values)
        self._values[fresh] = values[fresh]
        self._heard_s[fresh] = t_s
        stale = t_s - self._heard_s > self._fail_safe.stale_s
        # Conditions read values one by one, which a list gives faster.
        known, any_stale = self._values.tolist(), bool(stale.any())
        now = Moment((self._start_s + t_s) % DAY_S, self._elapsed_start_s + t_s, t_s - self._last_s)
        for i in range(len(self.names)):
            fails = any_stale and self._lacks(i, stale)
            order = self._failed(i, now) if fails else self._order(i, known, now)
            if order is not None:
                self._obey(i, order)
        self._last_s = t_s
        return self.on.copy()

    def _lacks(self, i: int, stale: Bools) -> bool:
        """Whether a link in mode auto has to do without a value that it asks for."""
        return not (i in self._manual or i in self._estimate) and bool(stale[self._asked[i]].any())

    def _order(self, i: int, known: list[float], now: Moment) -> Order | None:
        if i in self._manual:
            return Order(self._manual[i])
        if i in self._estimate:
            known = [self._estimate[i]] * self._levels + known[self._levels :]
        return decide(self._actions[i], known, now)

    def _failed(self, i: int, now: Moment) -> Order | None:
        match self._fail_safe.on_stale:
            case "hold":
                return None
            case "schedule":
                return scheduled(self._fallback[i], now.clock_s)
            case mode:
                return Order(mode == "run")

    def _obey(self, i: int, order: Order) -> None:
        self.on[i] = order.is_open
        if order.setting is not None:
            self.setting[i] = order.setting

    def apply(self, water: Water) -> None:
        """Hand the decisions to the pumps and valves."""
        for i, on in enumerate(self.on.tolist()):
            setting = self.setting[i]
            if on and setting is not None:
                water.set_link_setting(self.names[i], setting)
            pump = self._pump_of.get(self._links[i])
            if pump is None:
                water.set_link_open(self.names[i], on)
            else:
                water.set_pump(pump, on)
