"""The INP's controls and rules as plain conditions, so that our PLCs can run them on received levels."""

from __future__ import annotations

import dataclasses
from typing import Any

from epanet import toolkit as en

from simulator.water.conditions import Action, Premise
from simulator.water.derived import derived_actions, with_deadband
from simulator.water.layout import DAY_S, Layout, read_layout
from simulator.water.network import find_inp
from simulator.water.project import close_project, open_project

DEADBAND_M = 0.3  # one foot


@dataclasses.dataclass(frozen=True)
class Controls:
    """What a network's PLCs do. assumptions: a sentence for each thing that differs from the INP."""

    layout: Layout
    actions: tuple[Action, ...]
    assumptions: tuple[str, ...]


def read_controls(network: str, deadband_m: float = DEADBAND_M) -> Controls:
    """Controls and rules of a catalogue network or INP file. Raises BadInput if it cannot be read.

    What depends on anything but tank levels and time is left out. Without any level control in the INP,
    pumps get one (``derived_actions``). deadband_m: see ``with_deadband``; 0 is EPANET's own behaviour.
    """
    path = find_inp(network)
    project = open_project(path)
    try:
        layout = read_layout(project, path)
        reader = _Reader(project, layout)
        actions: tuple[Action, ...] = (*reader.rules(), *reader.simple())
        reader.note_patterns()
    finally:
        close_project(project)
    sentences = list(reader.assumptions)
    banded = with_deadband(actions, deadband_m)
    if banded != actions:
        sentences.append(f"rules that switch at one level open their pumps {deadband_m:g} m lower")
    if not any(premise.quantity == "level" for action in actions for premise in action.premises):
        extra, why = derived_actions(layout)
        return Controls(layout, (*banded, *extra), (*sentences, *why))
    return Controls(layout, banded, (*sentences, *_uncontrolled(layout, actions)))


def _uncontrolled(layout: Layout, actions: tuple[Action, ...]) -> list[str]:
    idle = sorted(set(layout.pumps.tolist()) - {action.link for action in actions})
    return [
        f"pump {layout.link_names[link]} has no control in the INP and stays "
        + ("on" if layout.link_open[link] else "off")
        for link in idle
    ]


_RELATIONS = {
    en.R_EQ: "=",
    en.R_IS: "=",
    en.R_NE: "!=",
    en.R_NOT: "!=",
    en.R_LE: "<",
    en.R_LT: "<",
    en.R_BELOW: "<",
    en.R_GE: ">",
    en.R_GT: ">",
    en.R_ABOVE: ">",
}
_R_OR = 3  # EPANET's rule token OR; the toolkit has no name for it


class _Reader:
    def __init__(self, project: Any, layout: Layout) -> None:
        self._project, self._layout = project, layout
        self._tank_of = {int(node): tank for tank, node in enumerate(layout.tank_nodes)}
        self.assumptions: list[str] = []

    def simple(self) -> list[Action]:
        actions = []
        for i in range(1, en.getcount(self._project, en.CONTROLCOUNT) + 1):
            kind, link, setting, node, value = en.getcontrol(self._project, i)
            action = self._simple(int(kind), int(link) - 1, float(setting), int(node) - 1, float(value))
            if action is None:
                self.assumptions.append(f"control {i} depends on a junction's pressure and is not run")
            else:
                actions.append(action)
        return actions

    def _simple(self, kind: int, link: int, setting: float, node: int, value: float) -> Action | None:
        is_open = self._opens(link, setting)
        if kind == en.TIMER:
            name = self._layout.link_names[link]
            self.assumptions.append(f"the timed control of link {name} repeats every day")
            clock = (value + self._layout.clock_start_s) % DAY_S
            return Action(link, is_open, (), at_clock_s=clock, simple=True)
        if kind == en.TIMEOFDAY:
            return Action(link, is_open, (), at_clock_s=value % DAY_S, simple=True)
        if node not in self._tank_of:
            return None
        relation = "<" if kind == en.LOWLEVEL else ">"
        premise = Premise("level", relation, value * self._layout.length_to_m, self._tank_of[node])
        return Action(link, is_open, (premise,), simple=True)

    def rules(self) -> list[Action]:
        ranked: list[tuple[float, list[Action]]] = []
        for i in range(1, en.getcount(self._project, en.RULECOUNT) + 1):
            count, thens, elses, priority = (int(value) for value in en.getrule(self._project, i))
            premises = self._premises(i, count)
            if premises is None:
                name = en.getruleID(self._project, i)
                self.assumptions.append(f"rule {name} depends on more than levels and time and is not run")
                continue
            actions = [
                self._action(en.getthenaction(self._project, i, k), premises) for k in range(1, thens + 1)
            ]
            for k in range(1, elses + 1):
                other = self._action(en.getelseaction(self._project, i, k), premises)
                actions.append(other._replace(inverted=True))
            ranked.append((priority, actions))
        # Sorting is stable: among equal priorities the earlier rule goes first, as in EPANET.
        return [action for _, actions in sorted(ranked, key=lambda item: -item[0]) for action in actions]

    def _premises(self, rule: int, count: int) -> tuple[Premise, ...] | None:
        found = [self._premise(en.getpremise(self._project, rule, k)) for k in range(1, count + 1)]
        known = tuple(premise for premise in found if premise is not None)
        return known if len(known) == count else None

    def _action(self, raw: list[float], premises: tuple[Premise, ...]) -> Action:
        link, status, setting = int(raw[0]) - 1, int(raw[1]), float(raw[2])
        if setting != en.MISSING:
            return Action(link, self._opens(link, setting), premises)
        return Action(link, status != en.R_IS_CLOSED, premises)

    def _premise(self, raw: list[float]) -> Premise | None:
        logic, kind, index, variable, relation, _, value = raw
        sign, joined = _RELATIONS[int(relation)], int(logic) == _R_OR
        if int(kind) == en.R_SYSTEM and int(variable) == en.R_CLOCKTIME:
            return Premise("clock", sign, float(value), or_before=joined)
        if int(kind) == en.R_SYSTEM and int(variable) == en.R_TIME:
            return Premise("elapsed", sign, float(value), or_before=joined)
        tank = self._tank_of.get(int(index) - 1)
        if int(kind) == en.R_NODE and int(variable) == en.R_LEVEL and tank is not None:
            return Premise("level", sign, float(value) * self._layout.length_to_m, tank, joined)
        return None

    def note_patterns(self) -> None:
        for pump in self._layout.pumps.tolist():
            if en.getlinkvalue(self._project, pump + 1, en.LINKPATTERN) > 0:
                name = self._layout.link_names[pump]
                self.assumptions.append(
                    f"pump {name}: its speed pattern is not followed, it runs at full speed"
                )

    def _opens(self, link: int, setting: float) -> bool:
        # EPANET writes plain OPEN and CLOSED as 1 and 0, and as +-1e10 where a number could be a setting.
        if 0.0 < setting < 1e9 and setting != 1.0:
            name = self._layout.link_names[link]
            self.assumptions.append(f"link {name}: setting {setting:g} is read as plain open")
        return setting > 0.0
