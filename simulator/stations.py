"""Who reports what: stations, tags and links of a grid and a water network, and the operator's plant model.

Substations "S<bus>" report loads, units, voltage and the flows of the lines that start there. The most loaded
lines are metered by a phasor data concentrator "PDC" on a protected link instead. Tanks report their level
from "RTU-<tank>" and their net inflow from a protected flow meter "FM-<tank>"; all pumps report from one
controller, "PLC", which reads the tank's level over a link of its own, "RTU-<tank>>PLC".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from simulator.control.dc_model import build_dc_model, bus_index
from simulator.control.dispatch import Dispatch, DispatchCase, spread_losses
from simulator.draws import Draws
from simulator.grid.case import GridCase
from simulator.instruments import CONTACT, FREQUENCY, LEVEL, POWER, VOLTAGE, WATER_FLOW, Accuracy
from simulator.settings import PlantSettings
from simulator.water.controls import Controls
from simulator.water.pump_rules import pump_rules
from simulator.water.water import Water
from streams.errors import BadInput
from streams.plant_model import Branch, Bus, Link, LinkTag, PlantModel, Pump, Tag, Tank, Unit

Floats = NDArray[np.float64]

CONCENTRATOR = "PDC"
CENTRE = "SCADA"
PUMP_CONTROLLER = "PLC"
PUMP_RANGE_M3H = 1000.0
OPERATOR_ERROR_SHARE = 0.015
EMERGENCY_FACTOR = 1.15
LOAD_RANGE_FACTOR = 1.5
FLOW_RANGE_FACTOR = 1.5
WATER_REPORT_S = 60.0
LOSS_SHARE = 0.03


_AddTag = Callable[..., str]


def substation(bus: str) -> str:
    """Station name of a bus."""
    return f"S{bus}"


def to_centre(station: str) -> str:
    """Link id of a station's report."""
    return f"{station}>{CENTRE}"


def from_centre(station: str) -> str:
    """Link id of the commands to a station."""
    return f"{CENTRE}>{station}"


def build_plant_model(
    settings: PlantSettings, case: GridCase, water: Water, controls: Controls, demand_share: float
) -> PlantModel:
    """The operator's model of grid and water, parameters off by OPERATOR_ERROR_SHARE from the truth.

    demand_share: share of peak at which the first dispatch (``Unit.scheduled_mw``) is solved.
    Raises BadInput where settings name a link that does not exist.
    """
    bare = _grid_model(settings, case, np.zeros(len(case.branch_name), dtype=np.bool_))
    whole = np.ones(len(case.branch_name), dtype=np.bool_)
    loading = np.abs(_dispatch(bare, 1.0, whole)[1]) / np.array([b.rating_mva for b in bare.branches])
    most_loaded = np.argsort(-loading, kind="stable")[: settings.grid.protected_flows]
    concentrated = np.zeros(len(case.branch_name), dtype=np.bool_)
    concentrated[most_loaded] = True
    model = _grid_model(settings, case, concentrated)
    closed = whole.copy()
    closed[[case.branch_index(name) for name in settings.grid.out_of_service]] = False
    power, _ = _dispatch(model, demand_share * settings.grid.load_scale, closed)
    units = tuple(
        msgspec.structs.replace(unit, scheduled_mw=float(p))
        for unit, p in zip(model.units, power, strict=True)
    )
    model = msgspec.structs.replace(model, units=units)
    return _protect(_add_water(model, water, controls), settings.protected_links)


def _off(case_name: str, role: str, names: tuple[str, ...]) -> Floats:
    """Factors 1 +- OPERATOR_ERROR_SHARE, fixed per network: the operator's errors do not follow the seed."""
    return 1.0 + OPERATOR_ERROR_SHARE * np.clip(
        Draws(0, f"operator|{case_name}|{role}", names).at(0), -3.0, 3.0
    )


def _grid_model(settings: PlantSettings, case: GridCase, concentrated: NDArray[np.bool_]) -> PlantModel:
    scan = settings.scan_s
    tags: list[Tag] = []

    def add(station: str, quantity: str, unit: str, low: float, high: float, protected: bool = False) -> str:
        name = f"{station}/{quantity}"
        tags.append(Tag(name, station, to_centre(station), unit, float(low), float(high), protected, scan))
        return name

    loads = {case.bus_name[b]: mw for b, mw in zip(case.load_bus, case.load_mw, strict=True)}
    load_tags = {
        bus: add(substation(bus), "load_mw", "MW", 0.0, LOAD_RANGE_FACTOR * mw)
        for bus, mw in loads.items()
        if mw > 0.0
    }
    units = _units(case, add)
    branches = _branches(case, concentrated, add)
    buses = tuple(
        Bus(
            name=bus,
            station=substation(bus),
            base_kv=float(kv),
            load_mw=float(loads.get(bus, 0.0)),
            load_tag=load_tags.get(bus, ""),
            voltage_tag=add(substation(bus), "voltage_pu", "pu", 0.0, 1.5),
        )
        for bus, kv in zip(case.bus_name, case.bus_kv, strict=True)
    )
    stations = list(dict.fromkeys(tag.station for tag in tags))
    order = {station: i for i, station in enumerate(stations)}
    tags.sort(key=lambda tag: order[tag.station])
    links = [Link(to_centre(s), s, CENTRE, s == CONCENTRATOR) for s in stations]
    controlled = dict.fromkeys(substation(u.bus) for u in units)
    links += [Link(from_centre(s), CENTRE, s, False) for s in controlled]
    return PlantModel(
        schema=1,
        grid=settings.grid.network,
        water=settings.water.network,
        scan_s=scan,
        exchange_s=settings.exchange_s,
        base_mva=float(case.base_mva),
        nominal_frequency_hz=case.nominal_hz,
        reference_bus=max(units, key=lambda u: u.p_max_mw).bus,
        tags=tuple(tags),
        links=tuple(links),
        link_tags=tuple(LinkTag(u.command_link, u.name) for u in units),
        buses=buses,
        branches=branches,
        units=units,
        tanks=(),
        pumps=(),
        emergency_factor=EMERGENCY_FACTOR,
        security=settings.grid.security,
    )


def _units(case: GridCase, add: _AddTag) -> tuple[Unit, ...]:
    """Units with capacity; condensers get no tag."""
    units = []
    for i in np.flatnonzero(case.unit_p_max_mw > 0.0):
        bus = case.bus_name[case.unit_bus[i]]
        name, station, p_max = case.unit_name[i], substation(bus), float(case.unit_p_max_mw[i])
        lowest = min(-0.05 * p_max, 1.05 * float(case.unit_p_min_mw[i]))
        units.append(
            Unit(
                name=name,
                bus=bus,
                p_min_mw=float(case.unit_p_min_mw[i]),
                p_max_mw=p_max,
                ramp_mw_per_min=float(case.unit_ramp_mw_per_min[i]),
                cost_per_mwh=float(case.unit_cost_per_mwh[i]),
                scheduled_mw=0.0,
                power_tag=add(station, f"{name}_mw", "MW", lowest, 1.05 * p_max),
                frequency_tag=add(
                    station, f"{name}_frequency_hz", "Hz", case.nominal_hz - 10.0, case.nominal_hz + 10.0
                ),
                command_link=from_centre(station),
            )
        )
    return tuple(units)


def _branches(case: GridCase, concentrated: NDArray[np.bool_], add: _AddTag) -> tuple[Branch, ...]:
    wrong_x = _off(case.name, "reactance", case.branch_name)
    wrong_r = _off(case.name, "resistance", case.branch_name)
    branches = []
    for i, name in enumerate(case.branch_name):
        start, end = case.bus_name[case.branch_from[i]], case.bus_name[case.branch_to[i]]
        station, rating = substation(start), float(case.branch_rating_mva[i])
        meter = CONCENTRATOR if concentrated[i] else station
        reach = FLOW_RANGE_FACTOR * rating
        branches.append(
            Branch(
                name=name,
                from_bus=start,
                to_bus=end,
                r_pu=float(case.branch_r[i] * wrong_r[i]),
                x_pu=float(case.branch_x[i] * wrong_x[i]),
                tap=float(case.branch_tap[i]),
                shift_deg=float(case.branch_shift_deg[i]),
                rating_mva=rating,
                flow_tag=add(meter, f"line{name}_mw", "MW", -reach, reach, bool(concentrated[i])),
                status_tag=add(station, f"line{name}_closed", "closed", 0.0, 1.0),
            )
        )
    return tuple(branches)


def _dispatch(model: PlantModel, share: float, closed: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Secure dispatch at ``share`` of nominal load: (unit power, branch flow), MW."""
    index = bus_index(model)
    dc = build_dc_model(model, closed)
    unit_bus = np.array([index[u.bus] for u in model.units], dtype=np.intp)
    rating = np.array([b.rating_mva for b in model.branches])
    emergency = rating * model.emergency_factor if model.security == "n-1" else np.full_like(rating, np.inf)
    cost = np.array([u.cost_per_mwh for u in model.units])
    load = np.array([b.load_mw for b in model.buses]) * share
    result = Dispatch(DispatchCase(dc, unit_bus, cost, rating, emergency)).solve(
        load,
        np.zeros(len(rating)),
        float(load.sum()) * (1.0 + LOSS_SHARE),
        np.array([u.p_min_mw for u in model.units]),
        np.array([u.p_max_mw for u in model.units]),
    )
    injection = -spread_losses(load, float(result.power_mw.sum()))
    np.add.at(injection, unit_bus, result.power_mw)
    return result.power_mw, dc.ptdf @ injection


def _add_water(model: PlantModel, water: Water, controls: Controls) -> PlantModel:
    tags, links, link_tags = list(model.tags), list(model.links), list(model.link_tags)

    def add(station: str, quantity: str, unit: str, low: float, high: float, protected: bool = False) -> str:
        name = f"{station}/{quantity}"
        if not any(link.src == station and link.dst == CENTRE for link in links):
            links.append(Link(to_centre(station), station, CENTRE, protected))
        tags.append(
            Tag(name, station, to_centre(station), unit, float(low), float(high), protected, WATER_REPORT_S)
        )
        return name

    tanks = _tanks(model.water, water, add)
    for tank in tanks:
        level_link = f"{tank.station}>{PUMP_CONTROLLER}"
        links.append(Link(level_link, tank.station, PUMP_CONTROLLER, False))
        link_tags.append(LinkTag(level_link, tank.level_tag))
    pumps = []
    for name, rule in zip(water.layout.pump_names, pump_rules(controls), strict=True):
        link_tags.append(LinkTag(from_centre(PUMP_CONTROLLER), name))
        flow = 2.0 * PUMP_RANGE_M3H
        pumps.append(
            Pump(
                name=name,
                station=PUMP_CONTROLLER,
                tank=rule.tank,
                on_level_m=rule.on_level_m,
                off_level_m=rule.off_level_m,
                flow_tag=add(PUMP_CONTROLLER, f"{name}_flow_m3h", "m3/h", 0.0, flow),
                status_tag=add(PUMP_CONTROLLER, f"{name}_running", "running", 0.0, 1.0),
                command_link=from_centre(PUMP_CONTROLLER),
            )
        )
    if pumps:
        links.append(Link(from_centre(PUMP_CONTROLLER), CENTRE, PUMP_CONTROLLER, False))
    return msgspec.structs.replace(
        model,
        tags=tuple(tags),
        links=tuple(links),
        link_tags=tuple(link_tags),
        tanks=tanks,
        pumps=tuple(pumps),
    )


def _tanks(network: str, water: Water, add: _AddTag) -> tuple[Tank, ...]:
    layout = water.layout
    wrong_area = _off(network, "tank-area", layout.tank_names)
    tanks = []
    for i, name in enumerate(layout.tank_names):
        low, high = float(layout.tank_level_min_m[i]), float(layout.tank_level_max_m[i])
        area = float(layout.tank_area_m2[i] * wrong_area[i])
        # The inflow meter is ranged so that it could fill the tank in one hour.
        reach = area * (high - low)
        tanks.append(
            Tank(
                name=name,
                station=f"RTU-{name}",
                area_m2=area,
                level_min_m=low,
                level_max_m=high,
                level_tag=add(f"RTU-{name}", "level_m", "m", low, high),
                inflow_tag=add(f"FM-{name}", "inflow_m3h", "m3/h", -reach, reach, True),
            )
        )
    return tuple(tanks)


def _protect(model: PlantModel, declared: Mapping[str, bool]) -> PlantModel:
    """Apply the scenario's ``[[link]]`` entries over the network's defaults."""
    known = {link.id for link in model.links}
    for link_id in declared:
        if link_id not in known:
            raise BadInput("link.id", link_id, f"a link of this plant such as {sorted(known)[0]}")
    links = tuple(
        msgspec.structs.replace(link, protected=declared.get(link.id, link.protected)) for link in model.links
    )
    tags = tuple(
        msgspec.structs.replace(tag, protected=declared.get(tag.link, tag.protected)) for tag in model.tags
    )
    return msgspec.structs.replace(model, links=links, tags=tags)


def accuracies(tags: tuple[Tag, ...]) -> tuple[Accuracy, ...]:
    """Instrument behind every tag, by its unit."""
    kinds = {
        "MW": POWER,
        "pu": VOLTAGE,
        "Hz": FREQUENCY,
        "m": LEVEL,
        "m3/h": WATER_FLOW,
        "closed": CONTACT,
        "running": CONTACT,
    }
    return tuple(kinds[tag.unit] for tag in tags)
