"""Links, who may tamper with them, and what a receiver gets.

A tap is checked here again, whatever its sender checked: it must name an unprotected link, tags that a
budget covers for the whole of its time, and it may drop only where that budget says so. What a tap makes of
a value is clipped to measured +- eps of that budget. Without budgets nothing can be tampered with.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from streams.errors import BadInput
from streams.messages import Tap
from streams.plant_model import PlantModel
from streams.taps import HISTORY_S, Channel, SlotTap, Vector
from streams.transitions import Mask, Transition, Watch


class LinkBudget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may be done to one link from start_s (inclusive) to end_s.

    eps: tag -> largest change in the tag's unit; a tag that is not named is out of reach.
    """

    link: str
    eps: Mapping[str, float]
    allow_drop: bool
    start_s: float
    end_s: float


class Refusal(NamedTuple):
    """A tap that was not applied, and why."""

    tap: Tap
    reason: str


class _Place(NamedTuple):
    """Where a link's tags lie: channel, who watches it, and tag -> slot."""

    channel: Channel
    watch: Watch
    slots: dict[str, int]


class LinkTable:
    """Every link of a plant model, with the taps on them.

    One channel carries all tags of the model over their own ``STATION>SCADA`` links; each link named in the
    model's ``link_tags`` has a channel of its own, its tags in that order. Times must not decrease from call
    to call on one channel. Raises BadInput where a budget names an unknown link or tag or a bad number.
    """

    def __init__(self, model: PlantModel, budgets: Sequence[LinkBudget]) -> None:
        self._budgets: dict[str, list[LinkBudget]] = defaultdict(list)
        for budget in budgets:
            self._budgets[budget.link].append(budget)
        self._protected_links = {link.id for link in model.links if link.protected}
        self._protected_tags = {tag.name for tag in model.tags if tag.protected}
        self._places: dict[str, _Place] = {}
        self._accepted = 0
        self._values: dict[str, Vector] = {}
        self._transitions: list[Transition] = []

        main: dict[str, dict[str, int]] = defaultdict(dict)
        for slot, tag in enumerate(model.tags):
            main[tag.link][tag.name] = slot
        reach = [slot for link, slots in main.items() for slot in self._reach(link, slots)]
        self._main_count = len(model.tags)
        self._main = Channel(self._main_count, reach)
        self._watch = Watch(self._main, [tag.link for tag in model.tags])
        self._places |= {link: _Place(self._main, self._watch, slots) for link, slots in main.items()}

        others: dict[str, dict[str, int]] = defaultdict(dict)
        for link_tag in model.link_tags:
            others[link_tag.link][link_tag.tag] = len(others[link_tag.link])
        for link, slots in others.items():
            if link in main:
                raise BadInput("link_tags", link, "links that carry no tag of the plant model already")
            channel = Channel(len(slots), self._reach(link, slots))
            self._places[link] = _Place(channel, Watch(channel, [link] * len(slots)), slots)
            self._values[link] = np.full(len(slots), np.nan)
        self._check_budgets(budgets)
        self._down: frozenset[str] = frozenset()
        self._down_slots = np.zeros(0, dtype=np.bool_)

    def set_down(self, links: frozenset[str]) -> None:
        """Links over which nothing arrives from now on, whatever is sent; all others work."""
        self._down = links
        self._down_slots = np.zeros(self._main_count, dtype=np.bool_)
        for link in links & self._places.keys():
            place = self._places[link]
            if place.channel is self._main:
                self._down_slots[list(place.slots.values())] = True

    @property
    def down(self) -> frozenset[str]:
        """Links over which nothing arrives now."""
        return self._down

    def tappable(self, link: str) -> bool:
        """Whether some budget reaches a tag of the link."""
        return link in self._places and self._places[link].channel.reachable

    def accept(self, tap: Tap) -> Refusal | None:
        """Take a tap, or say why not. It acts from its start, or from the next value where that is past."""
        found = self._covering(tap)
        if isinstance(found, str):
            return Refusal(tap, found)
        place = self._places[tap.link]
        slots = [place.slots[name] for name in tap.tags]
        place.channel.add(
            SlotTap(
                number=self._accepted,
                operation=tap.operation,
                slots=np.array(slots, dtype=np.intp),
                values=np.array(tap.values, dtype=np.float64),
                eps=np.array([found.eps[name] for name in tap.tags], dtype=np.float64),
                start_s=tap.start_s,
                end_s=tap.end_s,
            )
        )
        self._accepted += 1
        return None

    def apply(self, t_s: float, measured: Vector, arriving: Mask | None = None) -> Vector:
        """Received values of all the model's tags, in their order, over ``STATION>SCADA``.

        Returns ``measured`` itself, not a copy, when nothing is tampered with. arriving: tags that are
        reported now, None for all; what becomes of the others is not seen, so it makes no transition.
        """
        if self._down:
            measured = np.where(self._down_slots, np.nan, measured)
        received = self._main.apply(t_s, measured)
        if not self._watch.idle:
            self._transitions += self._watch.look(t_s, measured, received, arriving)
        return received

    def apply_link(self, link: str, t_s: float, measured: Vector, arriving: Mask | None = None) -> Vector:
        """Received values over one other link, in the order of its ``link_tags``; ``arriving`` as above."""
        place = self._places[link]
        if link in self._down:
            measured = np.full_like(measured, np.nan)
        received = place.channel.apply(t_s, measured)
        if not place.watch.idle:
            self._transitions += place.watch.look(t_s, measured, received, arriving)
        return received

    def apply_command(self, link: str, element: str, value: float, t_s: float) -> float:
        """Received value of one element of a command over ``link``; NaN when it was lost on the way.

        ``element`` is a tag of the link in ``link_tags``; one that is not declared there passes as it is.
        """
        if link in self._down:
            return math.nan
        place = self._places.get(link)
        if place is None or element not in place.slots:
            return value
        if not place.channel.reachable:
            return value
        values = self._values[link]
        slot = place.slots[element]
        values[slot] = value
        return float(self.apply_link(link, t_s, values, np.arange(len(values)) == slot)[slot])

    def take_transitions(self) -> list[Transition]:
        """Links on which tampering began or ended since the last call, in the order of being noticed."""
        taken, self._transitions = self._transitions, []
        return taken

    def _reach(self, link: str, slots: Mapping[str, int]) -> list[int]:
        if link in self._protected_links:
            return []
        named = {tag for budget in self._budgets.get(link, ()) for tag in budget.eps}
        return [slot for tag, slot in slots.items() if tag in named]

    def _check_budgets(self, budgets: Sequence[LinkBudget]) -> None:
        for budget in budgets:
            if budget.link not in self._places:
                raise BadInput("budget link", budget.link, "a link of the plant that carries tags")
            for tag, eps in budget.eps.items():
                if tag not in self._places[budget.link].slots:
                    raise BadInput(f"budget of {budget.link}, tag", tag, "a tag that the link carries")
                if not (math.isfinite(eps) and eps >= 0.0):
                    raise BadInput(f"budget of {budget.link}, eps of {tag}", eps, "a finite number from 0 up")
            if not budget.start_s < budget.end_s:
                raise BadInput(f"budget of {budget.link}, end_s", budget.end_s, f"> {budget.start_s}")

    def _covering(self, tap: Tap) -> LinkBudget | str:
        """The first budget that allows the tap, or the reason why none does."""
        if tap.link not in self._places:
            return f"no link {tap.link}"
        if tap.link in self._protected_links:
            return f"link {tap.link} is protected"
        slots = self._places[tap.link].slots
        if not tap.tags or len(tap.tags) != len(tap.values) or len(set(tap.tags)) != len(tap.tags):
            return (
                f"{len(tap.tags)} tags and {len(tap.values)} values: allowed are distinct tags, a value each"
            )
        for name in tap.tags:
            if name not in slots:
                return f"link {tap.link} carries no tag {name}"
            if name in self._protected_tags and self._places[tap.link].channel is self._main:
                return f"tag {name} is protected"
        if not all(map(math.isfinite, [*tap.values, tap.start_s, tap.end_s])) or tap.start_s >= tap.end_s:
            return "values and times must be finite and the start before the end"
        if tap.operation == "replay" and not all(0.0 < value <= HISTORY_S for value in tap.values):
            return f"replay reaches back more than 0 and at most {HISTORY_S:g} s"
        if tap.operation == "delay" and not all(0.0 <= value <= HISTORY_S for value in tap.values):
            return f"delay is from 0 to {HISTORY_S:g} s"
        reason = f"link {tap.link} is out of reach"
        for budget in self._budgets.get(tap.link, ()):
            if outside := [name for name in tap.tags if name not in budget.eps]:
                reason = f"tag {outside[0]} on link {tap.link} is out of reach"
            elif tap.start_s < budget.start_s or tap.end_s > budget.end_s:
                reason = f"allowed from {budget.start_s:g} s to {budget.end_s:g} s only"
            elif tap.operation == "drop" and not budget.allow_drop:
                reason = "drop is not allowed"
            else:
                return budget
        return reason
