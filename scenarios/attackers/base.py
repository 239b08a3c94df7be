"""What an attacker is: it sees a View, proposes taps, and the base class holds it to its budget.

A new attacker overrides ``plan`` alone (and its option struct); reach, clip, time window, drop permission
and query count are checked here, and once more by the links that apply the taps.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import msgspec
import numpy as np

from streams.messages import Alarm, Command, Directive, Tap, TapOperation
from streams.plant_model import PlantModel


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every attacker's own options."""


@dataclass(frozen=True)
class Budget:
    """What the scenario allows. eps: engineering units per tag in reach; queries: plans that may be tried."""

    links: frozenset[str]
    eps: Mapping[str, float]
    start_s: float
    end_s: float
    allow_drop: bool
    queries: int


@dataclass(frozen=True)
class TapOrder:
    """A proposal: see ``streams.messages.Tap`` for operations and values."""

    link: str
    operation: TapOperation
    tags: tuple[str, ...]
    values: tuple[float, ...]
    start_s: float
    end_s: float

    def tap(self, producer: str, seq: int, k: int, t_s: float) -> Tap:
        """The message that ``producer`` sends in exchange k."""
        return Tap(
            producer=producer,
            seq=seq,
            k=k,
            t_s=t_s,
            link=self.link,
            operation=self.operation,
            tags=list(self.tags),
            values=list(self.values),
            start_s=self.start_s,
            end_s=self.end_s,
        )


@dataclass
class View:
    """What knowledge lets the attacker see in one exchange.

    model: the plant model, None for a black box. telemetry: last received value per tag (after its own tap),
    of every link for a white box, of the links in reach for a grey one, none for a black one. intercept: last
    value per (link, tag) on links in reach, before its own tap. alarms and directives of the exchange before
    reach white and grey boxes, commands a white box only.
    """

    k: int
    t_s: float
    model: PlantModel | None
    telemetry: Mapping[str, float] = field(default_factory=dict)
    intercept: Mapping[tuple[str, str], float] = field(default_factory=dict)
    alarms: Sequence[Alarm] = ()
    directives: Sequence[Directive] = ()
    commands: Sequence[Command] = ()


class Attacker(ABC):
    """Base of every attacker."""

    name: ClassVar[str]
    description: ClassVar[str]
    options_type: ClassVar[type[Options]] = Options
    needs_model: ClassVar[bool] = True
    """Whether it can do nothing without the plant model, which a black box does not have."""

    def __init__(self, budget: Budget, options: Options) -> None:
        self.budget = budget
        self.options = options
        self._queries_left = budget.queries

    @abstractmethod
    def plan(self, view: View) -> list[TapOrder]:
        """Taps to add or replace now; an empty list leaves earlier ones in force."""

    def act(self, view: View) -> list[TapOrder]:
        """Plan within the time window, then hold every proposal to the budget."""
        if not self.budget.start_s <= view.t_s < self.budget.end_s:
            return []
        held = (self._hold_to_budget(order) for order in self.plan(view))
        return [order for order in held if order is not None]

    def use_query(self) -> bool:
        """Spend one query; False when none is left."""
        if self._queries_left <= 0:
            return False
        self._queries_left -= 1
        return True

    def _hold_to_budget(self, order: TapOrder) -> TapOrder | None:
        """The part of a proposal that the budget allows, offsets clipped to eps; None if nothing is left."""
        budget = self.budget
        if order.link not in budget.links or (order.operation == "drop" and not budget.allow_drop):
            return None
        keep = [i for i, tag in enumerate(order.tags) if budget.eps.get(tag, 0.0) > 0.0]
        if not keep:
            return None
        values = np.array([order.values[i] for i in keep])
        if order.operation == "offset":
            limit = np.array([budget.eps[order.tags[i]] for i in keep])
            values = np.clip(values, -limit, limit)
        return TapOrder(
            order.link,
            order.operation,
            tuple(order.tags[i] for i in keep),
            tuple(float(v) for v in values),
            max(order.start_s, budget.start_s),
            min(order.end_s, budget.end_s),
        )
