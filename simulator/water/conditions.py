"""Conditions on what a PLC receives and on time, under which a link opens, closes or is set."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from simulator.water.layout import DAY_S

EQUAL = 1e-3  # EPANET's tolerance of an equality
ROUNDING = 1e-6  # a level that is computed from a volume comes back a hair off

Quantity = Literal["level_m", "inflow_m3h", "pressure_m", "head_m", "flow_m3h", "running", "open"]


class Signal(NamedTuple):
    """A quantity of one element: of a tank, a node, a link; ``running`` and ``open`` are 1 or 0."""

    quantity: Quantity
    element: str


class Premise(NamedTuple):
    """One test: ``quantity`` ``relation`` ``value``.

    quantity: "signal", number ``signal`` of ``Controls.signals`` in its unit, "clock" in seconds of the day
    or "elapsed" in seconds of the INP's time. relation: "<", ">", "=" or "!=". On a signal both "<" and ">"
    hold at equality, as EPANET's ABOVE and BELOW do; on a time "<" is exclusive.
    or_before: joined to the premises before it by OR instead of AND.
    """

    quantity: Literal["signal", "clock", "elapsed"]
    relation: str
    value: float
    signal: int = -1
    or_before: bool = False


class SpeedPattern(NamedTuple):
    """Relative speeds of a pump, one per ``step_s``, from ``offset_s`` before the INP's time 0, repeating."""

    speeds: tuple[float, ...]
    step_s: float
    offset_s: float

    def at(self, elapsed_s: float) -> float:
        """Speed at a time of the INP."""
        # The nudge keeps a time that is a hair short of a step on the right side of it.
        step = math.floor((elapsed_s + self.offset_s) / self.step_s + 1e-9)
        return self.speeds[step % len(self.speeds)]


class Order(NamedTuple):
    """What a link shall do. setting: speed of a pump or setting of a valve in the INP's own meaning; NaN for
    none, which opens a valve for good; None leaves the setting that the link had last."""

    is_open: bool
    setting: float | None = None


class Action(NamedTuple):
    """Give ``order`` to ``link`` (index) when the premises hold, read from left to right as EPANET does.

    inverted: an ELSE action, when they do not hold. at_clock_s: instead of premises, once a day at
    this clock time. simple: from [CONTROLS]: the last that holds wins, after every rule; among rules
    the first that holds does. pattern: instead of ``order``, the pump's speed at the time; it stands
    after the rules and before [CONTROLS], as EPANET applies it.
    """

    link: int
    order: Order
    premises: tuple[Premise, ...]
    inverted: bool = False
    at_clock_s: float | None = None
    simple: bool = False
    pattern: SpeedPattern | None = None


class Moment(NamedTuple):
    """When a scan happens: clock time, the INP's time, and the length of the scan that ends there."""

    clock_s: float
    elapsed_s: float
    scan_s: float


def decide(actions: Sequence[Action], values: Sequence[float], now: Moment) -> Order | None:
    """What the actions of one link order on (signals,) values, NaN where missing; None leaves it as it is.

    A missing value silences every action that asks for it.
    """
    decided: Order | None = None
    for action in actions:
        if decided is not None and not action.simple:
            continue
        if action.at_clock_s is not None:
            fires = now.scan_s > 0.0 and (now.clock_s - action.at_clock_s) % DAY_S < now.scan_s
        else:
            held = _hold(action.premises, values, now)
            fires = held is not None and held != action.inverted
        if fires:
            decided = _ordered(action, now)
    return decided


def _ordered(action: Action, now: Moment) -> Order:
    if action.pattern is None:
        return action.order
    speed = action.pattern.at(now.elapsed_s)
    return Order(True, speed) if speed > 0.0 else Order(False)


def _hold(premises: Sequence[Premise], values: Sequence[float], now: Moment) -> bool | None:
    result = True
    for premise in premises:
        if premise.quantity == "signal" and math.isnan(values[premise.signal]):
            return None
        if premise.or_before:
            result = result or _test(premise, values, now)
        elif not result:
            return False
        else:
            result = _test(premise, values, now)
    return result


def _test(premise: Premise, values: Sequence[float], now: Moment) -> bool:
    if premise.quantity == "signal":
        value = values[premise.signal]
        if premise.relation in ("=", "!="):
            return (abs(value - premise.value) <= EQUAL) == (premise.relation == "=")
        above = value - premise.value
        return above <= ROUNDING if premise.relation == "<" else above >= -ROUNDING
    value = now.clock_s if premise.quantity == "clock" else now.elapsed_s
    if premise.relation == "<":
        return value < premise.value
    if premise.relation == ">":
        return value >= premise.value
    # "=" on a time holds in the scan in which the time comes.
    return (0.0 <= value - premise.value <= now.scan_s) == (premise.relation == "=")
