"""The water half of the plant model: stations, tags and links as the PLC graph declares them."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from simulator.operator_errors import off
from simulator.settings import WaterSettings
from simulator.station_names import CENTRE, from_centre, to_centre
from simulator.water.conditions import Signal
from simulator.water.controls import Controls, read_controls
from simulator.water.layout import Floats, Layout
from simulator.water.plc_checks import check_controlled, check_declared
from simulator.water.plc_file import digest, read_plcs
from simulator.water.plc_graph import WATER_REPORT_S, Plc, PlcGraph, default_graph, with_own_controls
from simulator.water.pump_rules import pump_rules
from streams.errors import BadInput
from streams.plant_model import Link, LinkTag, PlantModel, Pump, Tag, Tank

PUMP_RANGE_M3H = 1000.0
FLOW_RANGE_FACTOR = 2.0
PRESSURE_RANGE_M = 200.0  # a transmitter of 20 bar

_UNITS = {
    "level_m": "m",
    "inflow_m3h": "m3/h",
    "flow_m3h": "m3/h",
    "pressure_m": "m",
    "head_m": "m",
    "running": "running",
    "open": "open",
}


class WaterControl(NamedTuple):
    """Who measures, reads and drives what, and by which rules. assumptions: sentences for the run."""

    graph: PlcGraph
    controls: Controls
    assumptions: tuple[str, ...]


def water_control(settings: WaterSettings, layout: Layout, taken: frozenset[str]) -> WaterControl:
    """The declared PLC graph, or the default one. taken: names of the grid's stations. Raises BadInput."""
    steps = WATER_REPORT_S / settings.hydraulic_step_s
    if abs(steps - round(steps)) > 1e-9:
        allowed = f"a divisor of {WATER_REPORT_S:g}, the interval of water reports"
        raise BadInput("water.hydraulic_step_s", settings.hydraulic_step_s, allowed)
    if not settings.plcs:
        controls = read_controls(settings.network)
        graph = default_graph(controls)
        check_declared(graph, layout, settings.hydraulic_step_s, taken)
        check_controlled(graph, controls)
        return WaterControl(graph, controls, controls.assumptions)
    graph = read_plcs(settings.plcs)
    check_declared(graph, layout, settings.hydraulic_step_s, taken)
    controls = with_own_controls(read_controls(settings.network, replaced=graph.own_controls), graph)
    check_controlled(graph, controls)
    note = f"PLCs as {settings.plcs} declares them (sha256 {digest(settings.plcs)[:16]})"
    return WaterControl(graph, controls, (*controls.assumptions, note))


def add_water(model: PlantModel, layout: Layout, control: WaterControl) -> PlantModel:
    """``model`` with the water network's stations."""
    tags, links, link_tags = list(model.tags), list(model.links), list(model.link_tags)
    areas_m2 = layout.tank_area_m2 * off(model.water, "tank-area", layout.tank_names)
    for plc in control.graph.plcs:
        links += [Link(id, id.partition(">")[0], plc.name, False) for id in _links_of(plc)]
        link_tags += [LinkTag(read.link, read.tag) for read in plc.reads]
        if plc.instruments:
            links.append(Link(to_centre(plc.name), plc.name, CENTRE, plc.protected))
        tags += _tags(plc, layout, areas_m2)
        if plc.drives:
            links.append(Link(from_centre(plc.name), CENTRE, plc.name, False))
            link_tags += [LinkTag(from_centre(plc.name), link) for link in plc.drives]
    return msgspec.structs.replace(
        model,
        tags=tuple(tags),
        links=tuple(links),
        link_tags=tuple(link_tags),
        tanks=_tanks(layout, control.graph, areas_m2),
        pumps=_pumps(control),
    )


def _links_of(plc: Plc) -> tuple[str, ...]:
    return tuple(dict.fromkeys(read.link for read in plc.reads))


def _tags(plc: Plc, layout: Layout, areas_m2: Floats) -> list[Tag]:
    tags = []
    for name, signal in plc.tags.items():
        low, high = _range(signal, layout, areas_m2)
        unit, link = _UNITS[signal.quantity], to_centre(plc.name)
        tags.append(Tag(name, plc.name, link, unit, low, high, plc.protected, WATER_REPORT_S))
    return tags


def _range(signal: Signal, layout: Layout, areas_m2: Floats) -> tuple[float, float]:
    quantity, element = signal
    if quantity in ("level_m", "inflow_m3h"):
        tank = layout.tank_names.index(element)
        low, high = float(layout.tank_level_min_m[tank]), float(layout.tank_level_max_m[tank])
        # The inflow meter is ranged so that it could fill the tank in one hour.
        reach = float(areas_m2[tank]) * (high - low)
        return (low, high) if quantity == "level_m" else (-reach, reach)
    if quantity == "flow_m3h":
        reach = FLOW_RANGE_FACTOR * PUMP_RANGE_M3H
        return (0.0 if element in layout.pump_names else -reach), reach
    if quantity in ("running", "open"):
        return 0.0, 1.0
    bottom_m = 0.0
    if quantity == "head_m":
        bottom_m = float(layout.elevation_m[layout.node_names.index(element)])
    return bottom_m, bottom_m + PRESSURE_RANGE_M


def _tanks(layout: Layout, graph: PlcGraph, areas_m2: Floats) -> tuple[Tank, ...]:
    """Tanks whose level is measured; ``inflow_tag`` is empty where the inflow is not."""
    tag_of = _first_tags(graph)
    tanks = []
    for i, name in enumerate(layout.tank_names):
        level_tag = tag_of.get(Signal("level_m", name))
        if level_tag is None:
            continue
        tanks.append(
            Tank(
                name=name,
                station=level_tag.partition("/")[0],
                area_m2=float(areas_m2[i]),
                level_min_m=float(layout.tank_level_min_m[i]),
                level_max_m=float(layout.tank_level_max_m[i]),
                level_tag=level_tag,
                inflow_tag=tag_of.get(Signal("inflow_m3h", name), ""),
            )
        )
    return tuple(tanks)


def _pumps(control: WaterControl) -> tuple[Pump, ...]:
    """Pumps that a PLC drives."""
    tag_of = _first_tags(control.graph)
    driver = {link: plc.name for plc in control.graph.plcs for link in plc.drives}
    return tuple(
        Pump(
            name=rule.pump,
            station=driver[rule.pump],
            tank=rule.tank,
            on_level_m=rule.on_level_m,
            off_level_m=rule.off_level_m,
            flow_tag=tag_of.get(Signal("flow_m3h", rule.pump), ""),
            status_tag=tag_of.get(Signal("running", rule.pump), ""),
            command_link=from_centre(driver[rule.pump]),
        )
        for rule in pump_rules(control.controls)
        if rule.pump in driver
    )


def _first_tags(graph: PlcGraph) -> dict[Signal, str]:
    found: dict[Signal, str] = {}
    for tag, signal in graph.tags.items():
        found.setdefault(signal, tag)
    return found
