"""Reads an INP's [CONTROLS], [RULES] and speed patterns; EPANET itself never runs them in the twin.

Supported premises: levels of tanks, pressure and head of junctions, flow and status of links, times.
What asks for anything else (demand, setting, fill or drain time, active valves) is named and not run.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from epanet import toolkit as en

from simulator.water.conditions import Action, Order, Premise, Quantity, Signal, SpeedPattern
from simulator.water.layout import DAY_S, FOOT_M, Layout

PSI_PER_FOOT = 0.4333  # EPANET's own, as the two below
KPA_PER_PSI = 6.895
BAR_PER_PSI = 0.068948

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
_TIMES = {en.R_CLOCKTIME: "clock", en.R_TIME: "elapsed"}
_R_OR = 3  # EPANET's rule token OR; the toolkit has no name for it


class _Unit(NamedTuple):
    """A quantity that a premise may ask for: value in the INP's unit times ``factor`` plus ``offset``."""

    quantity: Quantity
    factor: float
    offset: float = 0.0


def level_signals(layout: Layout) -> tuple[Signal, ...]:
    """The tanks' levels, in tank order: where ``Controls.signals`` begins."""
    return tuple(Signal("level_m", name) for name in layout.tank_names)


class InpControls:
    """Actions of an open project; rules first, as they are weaker than patterns and those than [CONTROLS].

    signals: what they ask for, tanks' levels first; assumptions: what differs from the INP.
    """

    def __init__(self, project: Any, layout: Layout) -> None:
        self._project, self._layout = project, layout
        self._tank_of = {int(node): tank for tank, node in enumerate(layout.tank_nodes)}
        self._signals = {signal: i for i, signal in enumerate(level_signals(layout))}
        self.assumptions: list[str] = []

    @property
    def signals(self) -> tuple[Signal, ...]:
        """What the actions read so far ask for."""
        return tuple(self._signals)

    def simple(self) -> list[Action]:
        """[CONTROLS], in the file's order."""
        controls = range(1, en.getcount(self._project, en.CONTROLCOUNT) + 1)
        return [
            self._simple(*en.getcontrol(self._project, i))
            for i in controls
            if self._enabled(en.getcontrolenabled, i)
        ]

    def _simple(self, kind: float, number: float, setting: float, node: float, value: float) -> Action:
        link = int(number) - 1
        order = self._order(link, setting)
        if kind == en.TIMER:
            name = self._layout.link_names[link]
            self.assumptions.append(f"the timed control of link {name} repeats every day")
            clock = (value + self._layout.clock_start_s) % DAY_S
            return Action(link, order, (), at_clock_s=clock, simple=True)
        if kind == en.TIMEOFDAY:
            return Action(link, order, (), at_clock_s=value % DAY_S, simple=True)
        at = int(node) - 1
        kept = en.R_LEVEL if at in self._tank_of else en.R_PRESSURE
        relation = "<" if kind == en.LOWLEVEL else ">"
        premise = self._node_premise(at, kept, relation, value, False)
        assert premise is not None  # both kinds are supported at every node that a control may name
        return Action(link, order, (premise,), simple=True)

    def rules(self) -> list[Action]:
        """[RULES] that ask for what is supported, the highest priority first."""
        ranked: list[tuple[float, list[Action]]] = []
        for i in range(1, en.getcount(self._project, en.RULECOUNT) + 1):
            if not self._enabled(en.getruleenabled, i):
                continue
            count, thens, elses, priority = (int(value) for value in en.getrule(self._project, i))
            raw = [en.getpremise(self._project, i, k) for k in range(1, count + 1)]
            found = [self._premise(*premise) for premise in raw]
            premises = tuple(premise for premise in found if premise is not None)
            if len(premises) < count:
                name = en.getruleID(self._project, i)
                self.assumptions.append(f"rule {name} asks for what no PLC here measures and is not run")
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

    def _enabled(self, ask: Callable[[Any, int, Any], None], number: int) -> bool:
        answer = en.intArray(1)
        ask(self._project, number, answer)
        return bool(answer[0])

    def speed_patterns(self) -> list[Action]:
        """Pumps that follow a pattern of relative speeds."""
        actions = []
        step_s = float(en.gettimeparam(self._project, en.PATTERNSTEP))
        offset_s = float(en.gettimeparam(self._project, en.PATTERNSTART))
        for pump in self._layout.pumps.tolist():
            number = int(en.getlinkvalue(self._project, pump + 1, en.LINKPATTERN))
            if number > 0:
                length = en.getpatternlen(self._project, number)
                speeds = [float(en.getpatternvalue(self._project, number, k)) for k in range(1, length + 1)]
                pattern = SpeedPattern(tuple(speeds), step_s, offset_s)
                actions.append(Action(pump, Order(True), (), simple=True, pattern=pattern))
        return actions

    def _action(self, raw: list[float], premises: tuple[Premise, ...]) -> Action:
        link, status, setting = int(raw[0]) - 1, int(raw[1]), float(raw[2])
        if setting == en.MISSING:
            setting = 0.0 if status == en.R_IS_CLOSED else 1e10
        return Action(link, self._order(link, setting), premises)

    def _order(self, link: int, setting: float) -> Order:
        """EPANET writes plain OPEN and CLOSED as 1 and 0, and as +-1e10 where a number could be a setting."""
        kind = en.getlinktype(self._project, link + 1)
        if kind in (en.CVPIPE, en.PIPE):
            return Order(setting > 0.0)
        if kind == en.PUMP:
            # A pump that is opened runs at full speed, whatever its speed was.
            speed = 1.0 if setting > 1e9 else setting
            return Order(True, speed) if speed > 0.0 else Order(False)
        if abs(setting) > 1e9:
            return Order(True, math.nan) if setting > 0.0 else Order(False)
        return Order(True, setting)

    def _premise(self, *raw: float) -> Premise | None:
        logic, kind, index, variable, sign, status = (int(value) for value in raw[:6])
        value, relation, joined = float(raw[6]), _RELATIONS[sign], logic == _R_OR
        if kind == en.R_SYSTEM and variable in _TIMES:
            timed: Any = _TIMES[variable]
            return Premise(timed, relation, value, or_before=joined)
        if kind == en.R_NODE:
            return self._node_premise(index - 1, variable, relation, value, joined)
        if kind == en.R_LINK:
            return self._link_premise(index - 1, variable, relation, status, value, joined)
        return None

    def _node_premise(
        self, node: int, variable: int, relation: str, value: float, joined: bool
    ) -> Premise | None:
        unit = self._node_unit(node, variable)
        if unit is None:
            return None
        return self._asked(unit, self._layout.node_names[node], relation, value, joined)

    def _node_unit(self, node: int, variable: int) -> _Unit | None:
        length, bottom_m = self._layout.length_to_m, float(self._layout.elevation_m[node])
        tank, head = node in self._tank_of, variable in (en.R_HEAD, en.R_GRADE)
        if variable == en.R_PRESSURE:
            return _Unit("level_m" if tank else "pressure_m", self._pressure_to_m())
        if tank and (variable == en.R_LEVEL or head):
            return _Unit("level_m", length, -bottom_m if head else 0.0)
        return _Unit("head_m", length) if head else None

    def _link_premise(
        self, link: int, variable: int, relation: str, status: int, value: float, joined: bool
    ) -> Premise | None:
        name = self._layout.link_names[link]
        if variable == en.R_FLOW:
            unit = _Unit("flow_m3h", self._layout.flow_to_m3h)
            return self._asked(unit, name, relation, value, joined)
        if variable != en.R_STATUS or status not in (en.R_IS_OPEN, en.R_IS_CLOSED):
            return None
        unit = _Unit("running" if link in self._layout.pumps else "open", 1.0)
        return self._asked(unit, name, relation, float(status == en.R_IS_OPEN), joined)

    def _asked(self, unit: _Unit, element: str, relation: str, value: float, joined: bool) -> Premise:
        signal = self._signals.setdefault(Signal(unit.quantity, element), len(self._signals))
        return Premise("signal", relation, value * unit.factor + unit.offset, signal, joined)

    def _pressure_to_m(self) -> float:
        """Metres of water per unit of pressure of the INP."""
        psi_m = FOOT_M / PSI_PER_FOOT
        unit = int(en.getoption(self._project, en.PRESS_UNITS))
        per_psi = {en.PSI: 1.0, en.KPA: KPA_PER_PSI, en.BAR: BAR_PER_PSI}
        if unit in per_psi:
            return psi_m / per_psi[unit]
        return 1.0 if unit == en.METERS else FOOT_M
