"""Level control for networks whose INP has none, and the deadband of rules that lack one."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence

from simulator.water.conditions import Action, Order, Premise
from simulator.water.layout import Layout

# An INP without controls says nothing of levels: pumps keep the upper third of their tank's range moving.
ON_SHARE = 0.6
OFF_SHARE = 0.9


def with_deadband(
    actions: Sequence[Action], levels: Collection[int], deadband_m: float
) -> tuple[Action, ...]:
    """Rules that open a link below a level open it ``deadband_m`` lower. levels: the signals that are levels.

    A rule with one threshold for on and off would switch its pump at every scan; [CONTROLS] have two.
    """
    return tuple(
        action
        if action.simple or not action.order.is_open or action.inverted
        else action._replace(premises=tuple(_lowered(p, levels, deadband_m) for p in action.premises))
        for action in actions
    )


def _lowered(premise: Premise, levels: Collection[int], deadband_m: float) -> Premise:
    if premise.signal in levels and premise.relation == "<":
        return premise._replace(value=premise.value - deadband_m)
    return premise


def derived_actions(layout: Layout, pumps: Collection[int]) -> tuple[tuple[Action, ...], tuple[str, ...]]:
    """Each of ``pumps`` (links) follows its nearest tank (fewest links).

    It goes on below 60 % and off above 90 % of the tank's range. Returns the actions and an assumption
    sentence per pump; both empty without tanks.
    """
    actions: list[Action] = []
    sentences: list[str] = []
    for link in pumps:
        tank = nearest_tank(layout, link)
        if tank < 0:
            continue
        low, high = layout.tanks[tank].level_min_m, layout.tanks[tank].level_max_m
        on, off = low + ON_SHARE * (high - low), low + OFF_SHARE * (high - low)
        actions.append(Action(link, Order(True), (Premise("signal", "<", on, tank),), simple=True))
        actions.append(Action(link, Order(False), (Premise("signal", ">", off, tank),), simple=True))
        sentences.append(
            f"pump {layout.link_names[link]} has no control in the INP: "
            f"it follows tank {layout.tank_names[tank]}, on below {on:.2f} m, off above {off:.2f} m"
        )
    return tuple(actions), tuple(sentences)


def nearest_tank(layout: Layout, link: int) -> int:
    """Index of the tank fewest links from a pump's discharge without crossing the pump; -1 if none."""
    neighbours: dict[int, list[int]] = {}
    for i, (start, end) in enumerate(zip(layout.link_from.tolist(), layout.link_to.tolist(), strict=True)):
        if i != link:
            neighbours.setdefault(start, []).append(end)
            neighbours.setdefault(end, []).append(start)
    tanks = {int(node): tank for tank, node in enumerate(layout.tank_nodes)}
    sources = set(layout.reservoirs.tolist())
    queue = deque([int(layout.link_to[link])])
    seen = set(queue)
    while queue:
        node = queue.popleft()
        if node in tanks:
            return tanks[node]
        for other in neighbours.get(node, []):
            if other not in seen and other not in sources:
                seen.add(other)
                queue.append(other)
    return -1
