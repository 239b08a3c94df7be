"""What a network's PLCs do: the INP's controls as plain conditions on what a PLC receives."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from simulator.water.conditions import Action, Signal
from simulator.water.derived import derived_actions, with_deadband
from simulator.water.inp_controls import InpControls, level_signals
from simulator.water.layout import Layout, read_layout
from simulator.water.network import find_inp
from simulator.water.project import close_project, open_project

DEADBAND_M = 0.3  # one foot


@dataclasses.dataclass(frozen=True)
class Controls:
    """What a network's PLCs do. signals: what the actions ask for, the tanks' levels first, in tank order.

    assumptions: a sentence for each thing that differs from the INP.
    """

    layout: Layout
    signals: tuple[Signal, ...]
    actions: tuple[Action, ...]
    assumptions: tuple[str, ...]

    @property
    def links(self) -> tuple[int, ...]:
        """Every pump, then the other links that an action names; indices."""
        pumps = self.layout.pumps.tolist()
        return (*pumps, *sorted({action.link for action in self.actions} - set(pumps)))

    def signals_of(self, link: int) -> tuple[int, ...]:
        """What the actions of one link ask for, as numbers of ``signals`` in the order of their mention."""
        asked = (p.signal for a in self.actions if a.link == link for p in a.premises)
        return tuple(dict.fromkeys(signal for signal in asked if signal >= 0))


def read_controls(
    network: str, deadband_m: float = DEADBAND_M, replaced: Collection[str] | None = None
) -> Controls:
    """Controls and rules of a catalogue network or INP file. Raises BadInput if it cannot be read.

    replaced: links whose control a file of PLCs gives, so that the INP's is left out; None without such a
    file. Then, where the INP controls nothing by level, pumps without a control get one
    (``derived_actions``).
    deadband_m: see ``with_deadband``; 0 is EPANET's own behaviour.
    """
    path = find_inp(network)
    project = open_project(path)
    try:
        layout = read_layout(project, path)
        inp = InpControls(project, layout)
        read = (*inp.rules(), *inp.speed_patterns(), *inp.simple())
    finally:
        close_project(project)
    left_out = {layout.link_names.index(name) for name in replaced or ()}
    actions = tuple(action for action in read if action.link not in left_out)
    sentences = inp.assumptions
    levels = range(len(level_signals(layout)))
    banded = with_deadband(actions, levels, deadband_m)
    if banded != actions:
        sentences.append(f"rules that switch at one level open their pumps {deadband_m:g} m lower")
    idle = sorted(set(layout.pumps.tolist()) - left_out - {action.link for action in actions})
    if replaced is None and not any(p.signal in levels for action in read for p in action.premises):
        extra, why = derived_actions(layout, idle)
        return Controls(layout, inp.signals, (*banded, *extra), (*sentences, *why))
    return Controls(layout, inp.signals, banded, (*sentences, *_uncontrolled(layout, idle)))


def _uncontrolled(layout: Layout, pumps: Collection[int]) -> list[str]:
    return [
        f"pump {layout.link_names[link]} has no control in the INP and stays "
        + ("on" if layout.link_open[link] else "off")
        for link in pumps
    ]
