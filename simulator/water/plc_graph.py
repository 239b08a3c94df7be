"""The PLC graph: which station measures what, reads what from whom over which link, and drives what.

One structure serves both the graph read from a TOML file (``plc_file``) and the default one: remote units
"RTU-<tank>" (level), protected flow meters "FM-<tank>" (net inflow) and one controller, "PLC", that drives
everything and reads every level over a link of its own, "RTU-<tank>>PLC".
"""

from __future__ import annotations

from typing import NamedTuple

from simulator.water.conditions import Action, Order, Premise, Signal
from simulator.water.controls import Controls
from simulator.water.inp_controls import level_signals
from simulator.water.plc import STALE_S, OnStale

CONTROLLER = "PLC"
WATER_REPORT_S = 60.0
"""Water stations report to the control centre this often; the default cycle of a PLC."""


class Instrument(NamedTuple):
    """What a station measures. name: its tag without the station."""

    name: str
    signal: Signal


class Read(NamedTuple):
    """A tag that a PLC gets over ``link``: of another station, or of an own sensor on a link of its own."""

    link: str
    tag: str


class Threshold(NamedTuple):
    """Level control of ``link`` on ``tag``: on below ``on`` and off above ``off``; rising: the reverse."""

    link: str
    tag: str
    on: float
    off: float
    rising: bool


class Schedule(NamedTuple):
    """Clock times, seconds of the day, at which ``link`` goes on and off."""

    link: str
    on_at_s: tuple[float, ...]
    off_at_s: tuple[float, ...]


class Plc(NamedTuple):
    """One station. protected: its link to the control centre. cycle_s: time between two decisions.

    drives: links it switches; those that neither thresholds nor schedules name keep the INP's control.
    fallback: schedules in force while an input is stale and on_stale is "schedule".
    """

    name: str
    instruments: tuple[Instrument, ...] = ()
    reads: tuple[Read, ...] = ()
    drives: tuple[str, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    fallback: tuple[Schedule, ...] = ()
    cycle_s: float = WATER_REPORT_S
    stale_s: float = STALE_S
    on_stale: OnStale = "hold"
    protected: bool = False

    @property
    def tags(self) -> dict[str, Signal]:
        """What it measures by full tag name."""
        return {f"{self.name}/{instrument.name}": instrument.signal for instrument in self.instruments}


class PlcGraph(NamedTuple):
    """All stations of the water network. source: where they are declared, for messages."""

    source: str
    plcs: tuple[Plc, ...]

    @property
    def tags(self) -> dict[str, Signal]:
        """What is measured, by full tag name, in the order of stations."""
        return {tag: signal for plc in self.plcs for tag, signal in plc.tags.items()}

    @property
    def own_controls(self) -> frozenset[str]:
        """Links whose control the graph gives itself, instead of the INP's."""
        by_level = {rule.link for plc in self.plcs for rule in plc.thresholds}
        return frozenset(by_level | {entry.link for plc in self.plcs for entry in plc.schedules})


def default_graph(controls: Controls) -> PlcGraph:
    """One controller for the whole network, see above; it measures itself whatever else controls ask for."""
    layout = controls.layout
    stations = []
    for tank in layout.tank_names:
        stations.append(Plc(f"RTU-{tank}", (Instrument("level_m", Signal("level_m", tank)),)))
        inflow = Instrument("inflow_m3h", Signal("inflow_m3h", tank))
        stations.append(Plc(f"FM-{tank}", (inflow,), protected=True))
    own = [Signal(quantity, pump) for pump in layout.pump_names for quantity in ("flow_m3h", "running")]
    levels = level_signals(layout)
    own += [signal for signal in controls.signals if signal not in (*levels, *own)]
    controller = Plc(
        CONTROLLER,
        tuple(instrument_of(signal) for signal in own),
        tuple(Read(f"RTU-{tank}>{CONTROLLER}", f"RTU-{tank}/level_m") for tank in layout.tank_names),
        tuple(layout.link_names[link] for link in controls.links),
    )
    return PlcGraph("water.network", (*stations, controller))


def instrument_of(signal: Signal) -> Instrument:
    """Its instrument, named ``ELEMENT_quantity_unit``."""
    return Instrument(f"{signal.element}_{signal.quantity}", signal)


def with_own_controls(controls: Controls, graph: PlcGraph) -> Controls:
    """``controls`` and the graph's thresholds and schedules; both must fit the network (``plc_checks``)."""
    signals = {signal: i for i, signal in enumerate(controls.signals)}
    number = {name: i for i, name in enumerate(controls.layout.link_names)}
    tags = graph.tags
    actions = list(controls.actions)
    for plc in graph.plcs:
        for rule in plc.thresholds:
            signal = signals.setdefault(tags[rule.tag], len(signals))
            actions += _threshold_actions(rule, number[rule.link], signal)
        for schedule in plc.schedules:
            actions += schedule_actions(schedule, number[schedule.link])
    return Controls(controls.layout, tuple(signals), tuple(actions), controls.assumptions)


def _threshold_actions(rule: Threshold, link: int, signal: int) -> list[Action]:
    on, off = (">", "<") if rule.rising else ("<", ">")
    return [
        Action(link, Order(True), (Premise("signal", on, rule.on, signal),), simple=True),
        Action(link, Order(False), (Premise("signal", off, rule.off, signal),), simple=True),
    ]


def schedule_actions(schedule: Schedule, link: int) -> list[Action]:
    """Daily switchings of a link (index)."""
    times = [(at_s, True) for at_s in schedule.on_at_s] + [(at_s, False) for at_s in schedule.off_at_s]
    return [Action(link, Order(on), (), at_clock_s=at_s, simple=True) for at_s, on in sorted(times)]
