"""What a pump's control amounts to, in the words of the operator's plant model."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from simulator.water.conditions import Action, Moment, decide
from simulator.water.controls import Controls
from simulator.water.layout import DAY_S


class Band(NamedTuple):
    """Level control between two clock times: on below ``on_level_m``, off above ``off_level_m``.

    rising: the reverse, on above on_level_m and off below off_level_m (a bypass). Both -inf: off whatever
    the level; both inf: on whatever the level.
    """

    from_clock_s: float
    to_clock_s: float
    on_level_m: float
    off_level_m: float
    rising: bool


class PumpRule(NamedTuple):
    """Control of one pump. tank: the tank it follows, "" where levels play no part (both levels 0).

    on_level_m, off_level_m: of the longest band that depends on the level, within the tank's range.
    """

    pump: str
    tank: str
    on_level_m: float
    off_level_m: float
    bands: tuple[Band, ...]


def pump_rules(controls: Controls) -> tuple[PumpRule, ...]:
    """One rule per pump, in the order of ``layout.pumps``; of several tanks a pump follows, the first.

    Found by asking the control between every two levels and times at which it could change its mind.
    """
    return tuple(_rule(controls, link) for link in controls.layout.pumps.tolist())


def _rule(controls: Controls, link: int) -> PumpRule:
    layout = controls.layout
    actions = [action for action in controls.actions if action.link == link]
    followed = [signal for signal in controls.signals_of(link) if signal < len(layout.tanks)]
    if not followed:
        return PumpRule(layout.link_names[link], "", 0.0, 0.0, ())
    tank = followed[0]
    bands = tuple(_band(actions, tank, len(controls.signals), *window) for window in _windows(actions))
    finite = [b for b in bands if np.isfinite(b.on_level_m) and np.isfinite(b.off_level_m)] or list(bands)
    main = max(finite, key=lambda band: (band.to_clock_s - band.from_clock_s) % DAY_S or DAY_S)
    shape = layout.tanks[tank]
    on, off = np.clip([main.on_level_m, main.off_level_m], shape.level_min_m, shape.level_max_m).tolist()
    return PumpRule(layout.link_names[link], layout.tank_names[tank], on, off, bands)


def _windows(actions: Sequence[Action]) -> list[tuple[float, float]]:
    times = sorted(
        {p.value % DAY_S for action in actions for p in action.premises if p.quantity == "clock"}
    ) or [0.0]
    return list(zip(times, [*times[1:], times[0]], strict=True))


def _band(actions: Sequence[Action], tank: int, signals: int, start_s: float, end_s: float) -> Band:
    width_s = (end_s - start_s) % DAY_S or float(DAY_S)
    now = Moment((start_s + width_s / 2.0) % DAY_S, start_s + width_s / 2.0, 0.0)
    levels = sorted({p.value for action in actions for p in action.premises if p.signal == tank})
    probes = [levels[0] - 1.0, *((a + b) / 2.0 for a, b in itertools.pairwise(levels)), levels[-1] + 1.0]
    decided = [decide(actions, [probe] * signals, now) for probe in probes]
    orders = [None if order is None else order.is_open for order in decided]
    # Borders of the probed intervals: order i holds between border i and border i + 1.
    borders = [-np.inf, *levels, np.inf]
    rising = True in orders and False in orders and orders.index(False) < orders.index(True)
    if rising:
        return Band(start_s, end_s, _lowest(orders, borders, True), _highest(orders, borders, False), True)
    return Band(start_s, end_s, _highest(orders, borders, True), _lowest(orders, borders, False), False)


def _lowest(orders: Sequence[bool | None], borders: Sequence[float], wanted: bool) -> float:
    """Level above which ``wanted`` is ordered; inf if never."""
    return borders[orders.index(wanted)] if wanted in orders else np.inf


def _highest(orders: Sequence[bool | None], borders: Sequence[float], wanted: bool) -> float:
    """Level below which ``wanted`` is ordered; -inf if never."""
    return borders[len(orders) - list(reversed(orders)).index(wanted)] if wanted in orders else -np.inf
