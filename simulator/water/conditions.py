"""Conditions on tank levels and time under which a link opens or closes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from simulator.water.layout import Floats


class Premise(NamedTuple):
    """One test: ``quantity`` ``relation`` ``value``.

    quantity: "level" of tank ``tank`` in metres from its bottom, "clock" in seconds of the day or
    "elapsed" in seconds of the INP's time. relation: "<", ">", "=" or "!=" (EPANET's "<=" and ">=" count
    as "<" and ">" for levels, which are continuous; for times "<" is exclusive and ">" inclusive).
    or_before: joined to the premises before it by OR instead of AND.
    """

    quantity: str
    relation: str
    value: float
    tank: int = -1
    or_before: bool = False


class Action(NamedTuple):
    """Open or close ``link`` (index) when the premises hold, read from left to right as EPANET does.

    inverted: an ELSE action, when they do not hold. at_clock_s: instead of premises, once a day at
    this clock time. simple: from [CONTROLS]: the last that holds wins, after every rule; among rules
    the first that holds does.
    """

    link: int
    is_open: bool
    premises: tuple[Premise, ...]
    inverted: bool = False
    at_clock_s: float | None = None
    simple: bool = False


class Moment(NamedTuple):
    """When a scan happens: clock time, the INP's time, and the length of the scan that ends there."""

    clock_s: float
    elapsed_s: float
    scan_s: float


def decide(actions: Sequence[Action], level_m: Floats, now: Moment) -> bool | None:
    """What the actions of one link order on (tanks,) levels, NaN where missing; None leaves it as it is.

    A missing level silences every action that asks for it.
    """
    decided: bool | None = None
    for action in actions:
        if decided is not None and not action.simple:
            continue
        if action.at_clock_s is not None:
            fires = now.scan_s > 0.0 and (now.clock_s - action.at_clock_s) % 86400.0 < now.scan_s
        else:
            held = _hold(action.premises, level_m, now)
            fires = held is not None and held != action.inverted
        if fires:
            decided = action.is_open
    return decided


def _hold(premises: Sequence[Premise], level_m: Floats, now: Moment) -> bool | None:
    result = True
    for premise in premises:
        if premise.quantity == "level" and math.isnan(level_m[premise.tank]):
            return None
        if premise.or_before:
            result = result or _test(premise, level_m, now)
        elif not result:
            return False
        else:
            result = _test(premise, level_m, now)
    return result


def _test(premise: Premise, level_m: Floats, now: Moment) -> bool:
    if premise.quantity == "level":
        value, width = float(level_m[premise.tank]), 0.0
    else:
        # "=" on a time holds in the scan in which the time comes.
        value, width = (now.clock_s if premise.quantity == "clock" else now.elapsed_s), now.scan_s
    if premise.relation == "<":
        return value < premise.value
    if premise.relation == ">":
        return value > premise.value if premise.quantity == "level" else value >= premise.value
    return (0.0 <= value - premise.value <= width) == (premise.relation == "=")
