"""Whether a PLC graph fits its network: every mistake is a BadInput that names file, PLC, field and value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from simulator.water.conditions import Signal
from simulator.water.controls import Controls
from simulator.water.layout import Layout
from simulator.water.plc_graph import WATER_REPORT_S, Plc, PlcGraph
from simulator.water.true_signals import elements_with
from streams.errors import BadInput

EXAMPLES = 4


def check_declared(graph: PlcGraph, layout: Layout, hydraulic_step_s: float, taken: Collection[str]) -> None:
    """Everything that needs the network but not its controls. taken: names of other stations."""
    names = [plc.name for plc in graph.plcs]
    _once(f"{graph.source}: plc.name", names, "each name once")
    for name in names:
        if name in taken:
            raise BadInput(f"{graph.source}: plc.name", name, "a name that no other station has")
    _once(f"{graph.source}: drives", (link for plc in graph.plcs for link in plc.drives), "one PLC per link")
    for plc in graph.plcs:
        where = f"{graph.source}: PLC {plc.name}"
        _check_instruments(plc, layout, where)
        _check_drives(plc, layout, where)
        _check_cycle(plc, hydraulic_step_s, where)
    for plc in graph.plcs:
        _check_reads(plc, graph, f"{graph.source}: PLC {plc.name}")
        _check_controls(plc, graph, f"{graph.source}: PLC {plc.name}")


def check_controlled(graph: PlcGraph, controls: Controls) -> None:
    """That somebody drives whatever has a control, and receives what the control asks for."""
    layout = controls.layout
    driver = {link: plc for plc in graph.plcs for link in plc.drives}
    tags = graph.tags
    for link in dict.fromkeys(action.link for action in controls.actions):
        name = layout.link_names[link]
        if name not in driver:
            raise BadInput(f"{graph.source}: drives", name, "a link with a control is driven by one PLC")
        plc = driver[name]
        seen = {*plc.tags.values(), *(tags[read.tag] for read in plc.reads)}
        for number in controls.signals_of(link):
            signal = controls.signals[number]
            if signal not in seen:
                _refuse_unseen(graph, plc, name, signal)
        _check_fallback(graph, plc, name, bool(controls.signals_of(link)))


def _refuse_unseen(graph: PlcGraph, plc: Plc, link: str, signal: Signal) -> None:
    measured = [tag for tag, other in graph.tags.items() if other == signal]
    what = f"{signal.quantity} of {signal.element}, which the control of {link} asks for"
    allowed = f"a read of {' or '.join(measured)}" if measured else "a PLC that measures it"
    raise BadInput(f"{graph.source}: PLC {plc.name}.reads", what, allowed)


def _check_instruments(plc: Plc, layout: Layout, where: str) -> None:
    for instrument in plc.instruments:
        quantity, element = instrument.signal
        known = elements_with(layout, quantity)
        if element not in known:
            kind = {"level_m": "tank", "inflow_m3h": "tank", "running": "pump"}.get(quantity)
            kind = kind or ("node" if quantity in ("pressure_m", "head_m") else "link")
            raise BadInput(f"{where}.{quantity}", element, f"a {kind} of the network{_such(known)}")
    _once(f"{where}: instruments", (f"{i.name}" for i in plc.instruments), "each instrument once")


def _check_drives(plc: Plc, layout: Layout, where: str) -> None:
    for name in plc.drives:
        if name not in layout.link_names:
            raise BadInput(f"{where}.drives", name, f"a link of the network{_such(layout.pump_names)}")
        if layout.link_names.index(name) in layout.check_valves:
            raise BadInput(f"{where}.drives", name, "a link with an actuator; a check valve has none")


def _check_cycle(plc: Plc, hydraulic_step_s: float, where: str) -> None:
    ratio, steps = WATER_REPORT_S / plc.cycle_s, plc.cycle_s / hydraulic_step_s
    whole = abs(ratio - round(ratio)) <= 1e-9 and abs(steps - round(steps)) <= 1e-9
    if not whole or min(ratio, steps) < 0.5:
        allowed = (
            f"a divisor of {WATER_REPORT_S:g}, the report interval, and a multiple of the hydraulic step of "
        )
        raise BadInput(f"{where}.cycle_s", plc.cycle_s, f"{allowed}{hydraulic_step_s:g}")


def _check_reads(plc: Plc, graph: PlcGraph, where: str) -> None:
    owners = {tag: other.name for other in graph.plcs for tag in other.tags}
    stations = {other.name for other in graph.plcs}
    own_elements = {instrument.signal.element for instrument in plc.instruments}
    for link, tag in plc.reads:
        source, _, target = link.partition(">")
        if target != plc.name or source == target or source not in stations | own_elements:
            allowed = f"SRC>{plc.name}, SRC another station of the graph or what an own sensor measures"
            raise BadInput(f"{where}.reads.link", link, allowed)
        if tag not in owners:
            raise BadInput(f"{where}.reads.tags", tag, f"a tag of the graph{_such(tuple(owners))}")
        own_sensor = owners[tag] == plc.name and plc.tags[tag].element == source
        if owners[tag] != source and not own_sensor:
            raise BadInput(f"{where}.reads.tags", tag, f"a tag that {source} measures, as the link is {link}")
    _once(f"{where}.reads.tags", (read.tag for read in plc.reads), "each tag once")


def _check_controls(plc: Plc, graph: PlcGraph, where: str) -> None:
    received = {*plc.tags, *(read.tag for read in plc.reads)}
    for kind, entries in (
        ("threshold", plc.thresholds),
        ("schedule", plc.schedules),
        ("fallback", plc.fallback),
    ):
        for entry in entries:
            if entry.link not in plc.drives:
                raise BadInput(f"{where}.{kind}.link", entry.link, f"a link it drives{_such(plc.drives)}")
    for rule in plc.thresholds:
        if rule.tag not in received:
            allowed = f"a tag that it measures or reads{_such(tuple(received))}"
            raise BadInput(f"{where}.threshold.tag", rule.tag, allowed)
    _once(f"{where}.threshold", (f"{r.link} on {r.tag}" for r in plc.thresholds), "one threshold per tag")
    _once(f"{where}.schedule.link", (entry.link for entry in plc.schedules), "one schedule per link")
    _once(f"{where}.fallback.link", (entry.link for entry in plc.fallback), "one fallback per link")
    both = {rule.link for rule in plc.thresholds} & {entry.link for entry in plc.schedules}
    if both:
        raise BadInput(f"{where}.schedule.link", min(both), "a link without a threshold")


def _check_fallback(graph: PlcGraph, plc: Plc, link: str, needs_input: bool) -> None:
    if plc.on_stale == "schedule" and needs_input and link not in {entry.link for entry in plc.fallback}:
        allowed = f"on_stale = schedule with a fallback for {link}, or another on_stale"
        raise BadInput(f"{graph.source}: PLC {plc.name}.on_stale", plc.on_stale, allowed)


def _once(where: str, names: Iterable[str], allowed: str) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise BadInput(where, twice[0], allowed)


def _such(names: Collection[str]) -> str:
    return f" such as {', '.join(list(names)[:EXAMPLES])}" if names else ""
