"""What is broken, when: one scheduler for declared faults and for those of nature.

A fault begins and ends at its own time. Faults of one kind on one element may overlap; the element is sound
again when the last of them is over.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from typing import Any, NamedTuple

import simpy
from simpy.events import Event

from simulator.clock import Order, due_at
from simulator.grid.case import GridCase
from simulator.grid.grid import Grid
from simulator.instruments import Instruments
from simulator.nature.fault import Fault
from simulator.water.water import Water
from streams.errors import BadInput
from streams.messages import EventKind

UNITS = {
    "burst": "m3/h per sqrt(m)",
    "contamination": "g/min",
    "instrument_bias": "tag's unit",
    "instrument_drift": "tag's unit/h",
    "instrument_scale": "factor",
}
POSITIVE_SIZE = ("burst", "contamination")
# Beyond any pipe, dose or instrument; EPANET takes a leak far larger than this for none.
LARGEST_SIZE = 1e6
GRID_KINDS = ("line", "unit")
# An outage up to this long ends by automatic reclosing, whatever is behind the line (dead times of
# reclosers reach a minute); after a longer one the crew hands the line back, and on to a dead part only
# operators close.
RECLOSER_S = 60.0
WATER_KINDS = ("pump", "valve_stuck", "burst", "contamination")


class FaultEvent(NamedTuple):
    """A fault begins or ends; the fields of a plant event. cause: its kind; value and unit: its size."""

    t_s: float
    kind: EventKind
    element: str
    cause: str
    value: float
    unit: str


class Targets(NamedTuple):
    """What faults act on."""

    grid: Grid
    water: Water
    instruments: Instruments


class Faults:
    """Every fault of a run.

    out_of_order, units_out_of_order: positions of branches and units that nobody can close or start now.
    tag_names: of the plant model, in its order. Raises BadInput for an element that does not exist, or a time
    or size that makes no sense; ``fault[i]`` in it counts the declared faults, which come first.
    """

    def __init__(
        self, faults: Sequence[Fault], case: GridCase, water: Water, tag_names: tuple[str, ...]
    ) -> None:
        self._case = case
        self._tags = {name: i for i, name in enumerate(tag_names)}
        for number, fault in enumerate(faults):
            _check(fault, f"fault[{number}]", _known(case, water, tag_names))
            if fault.kind == "contamination" and water.contaminant_consumed_g is None:
                allowed = 'another kind, or water.quality = "contaminant"'
                raise BadInput(f"fault[{number}].kind", fault.kind, allowed)
        starts = [(fault.start_s, number, True) for number, fault in enumerate(faults)]
        ends = [(fault.end_s, number, False) for number, fault in enumerate(faults) if fault.end_s < math.inf]
        self._faults = tuple(faults)
        self._actions = sorted([*starts, *ends])
        self._active: dict[tuple[str, str], list[Fault]] = defaultdict(list)
        self._opened: set[int] = set()
        self.out_of_order: set[int] = set()
        self.units_out_of_order: set[int] = set()

    def process(
        self, env: simpy.Environment, targets: Targets, note: Callable[[Sequence[Any]], None]
    ) -> Generator[Event, None, None]:
        """SimPy process: carries every beginning and end out at its time. note: takes what happened."""
        for t_s, number, begins in self._actions:
            yield due_at(env, t_s, Order.FAULTS)
            fault = self._faults[number]
            moves = _moves(fault, targets)
            # What moves in time is brought to this instant first.
            note(moves(t_s))
            active = self._active[fault.kind, fault.element]
            active.append(fault) if begins else active.remove(fault)
            refusal = self._apply(fault, active, targets)
            kind: EventKind = "fault_in" if begins else "fault_out"
            note([FaultEvent(t_s, kind, fault.element, fault.kind, fault.size, UNITS.get(fault.kind, ""))])
            # Told now: water would tell what follows from it a hydraulic step later.
            note(moves(t_s))
            if refusal:
                note([FaultEvent(t_s, "switch_refused", fault.element, refusal, 1.0, "branch_closed")])

    def _apply(self, fault: Fault, active: list[Fault], targets: Targets) -> str:
        """Put an element in the state that the faults now ``active`` on it make; returns "" or why a line
        that is sound again stays open."""
        element, sizes = fault.element, [each.size for each in active]
        water = targets.water
        if fault.kind == "line":
            recloses = fault.end_s - fault.start_s <= RECLOSER_S
            return self._line(self._case.branch_index(element), active, targets.grid, recloses)
        elif fault.kind == "unit":
            self._unit(self._case.unit_index(element), active, targets.grid)
        elif fault.kind == "pump":
            water.set_pump_failed(element, bool(active))
        elif fault.kind == "valve_stuck":
            water.set_stuck(element, bool(active))
        elif fault.kind == "burst":
            water.set_leak(element, math.fsum(sizes))
        elif fault.kind == "contamination":
            water.set_injection(element, math.fsum(sizes))
        else:
            tag = self._tags[element]
            mode: Any = fault.kind.removeprefix("instrument_")
            targets.instruments.set_fault(tag, mode, [(each.start_s, each.size) for each in active])
        return ""

    def _line(self, branch: int, active: list[Fault], grid: Grid, recloses: bool) -> str:
        """A line is opened by its fault; what somebody else had opened stays open after the repair."""
        if active:
            self.out_of_order.add(branch)
            if grid.branch_closed[branch]:
                grid.open_branch(branch, active[-1].cause)
                self._opened.add(branch)
            return ""
        self.out_of_order.discard(branch)
        if branch not in self._opened:
            return ""
        self._opened.discard(branch)
        ends = [self._case.branch_from[branch], self._case.branch_to[branch]]
        if not recloses and not grid.bus_energised[ends].all():
            return "dead end, left to operators"
        return grid.close_branch(branch, "repaired")

    def _unit(self, unit: int, active: list[Fault], grid: Grid) -> None:
        """A unit trips; after its repair the operator may start it."""
        if active:
            self.units_out_of_order.add(unit)
            grid.trip_unit(unit, "fault")
        else:
            self.units_out_of_order.discard(unit)


def _moves(fault: Fault, targets: Targets) -> Callable[[float], Sequence[Any]]:
    """Brings what a fault acts on to a time, and gives the events since the last call."""
    if fault.kind in GRID_KINDS:
        return targets.grid.advance
    return targets.water.advance if fault.kind in WATER_KINDS else lambda t_s: ()


def _known(case: GridCase, water: Water, tag_names: tuple[str, ...]) -> dict[str, tuple[str, Sequence[str]]]:
    """Kind of fault -> (what its element is, names that exist)."""
    layout = water.layout
    pumps = set(layout.pumps.tolist())
    links = [
        name for i, name in enumerate(layout.link_names) if i not in pumps and i not in layout.check_valves
    ]
    junctions = [layout.node_names[i] for i in layout.junctions]
    tag = ("a tag of this plant (see tags.csv)", tag_names)
    return {
        "line": ("a branch", case.branch_name),
        "unit": ("a unit", case.unit_name),
        "pump": ("a pump", layout.pump_names),
        "valve_stuck": ("a valve or pipe without check valve", links),
        "burst": ("a junction", junctions),
        "contamination": ("a junction", junctions),
    } | {f"instrument_{mode}": tag for mode in ("stuck", "bias", "drift", "scale", "dropout")}


def _check(fault: Fault, where: str, known: dict[str, tuple[str, Sequence[str]]]) -> None:
    what, names = known[fault.kind]
    if fault.element not in names:
        example = f" such as {names[0]}" if names else "; there is none here"
        raise BadInput(f"{where}.element", fault.element, f"{what}{example}")
    check_numbers(fault, where)


def check_numbers(fault: Fault, where: str) -> None:
    """Raises BadInput for times or a size that make no sense, whatever the plant."""
    if not 0.0 <= fault.start_s < math.inf:
        raise BadInput(f"{where}.start_s", fault.start_s, "a finite number from 0 up")
    if not fault.end_s > fault.start_s:
        raise BadInput(f"{where}.end_s", fault.end_s, f"more than its start_s of {fault.start_s:g}")
    _check_size(fault, where)


def _check_size(fault: Fault, where: str) -> None:
    kind, size = fault.kind, fault.size
    if kind not in UNITS:
        good, allowed = size == 0.0, f"none; a fault of kind {kind} has no size"
    elif kind in POSITIVE_SIZE:
        good, allowed = 0.0 < size <= LARGEST_SIZE, f"more than 0, at most {LARGEST_SIZE:g} {UNITS[kind]}"
    elif kind == "instrument_scale":
        good, allowed = 0.0 <= size <= LARGEST_SIZE, f"a factor from 0 to {LARGEST_SIZE:g}"
    else:
        good, allowed = (
            0.0 < abs(size) <= LARGEST_SIZE,
            f"a number other than 0, at most {LARGEST_SIZE:g} {UNITS[kind]}",
        )
    if not good:
        raise BadInput(f"{where}.size", size, allowed)
