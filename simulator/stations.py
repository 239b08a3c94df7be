"""Who reports what: stations, tags and links of a grid and a water network, and the operator's plant model.

Substations "S<bus>" report loads, units, voltage and the flows of the lines that start there. The most loaded
lines are metered by a phasor data concentrator "PDC" on a protected link instead. The stations of the water
network are those of its PLC graph, see ``water_stations``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from simulator.control.dc_model import build_dc_model, bus_index
from simulator.control.dispatch import Dispatch, DispatchCase, spread_losses
from simulator.control.orders import restoration_orders
from simulator.grid.case import GridCase
from simulator.grid.feeders import BLOCKS
from simulator.instruments import (
    CONTACT,
    FREQUENCY,
    LEVEL,
    POWER,
    PRESSURE,
    VOLTAGE,
    WATER_FLOW,
    Accuracy,
)
from simulator.operator_errors import off
from simulator.settings import PlantSettings
from simulator.station_names import CENTRE, from_centre, substation, to_centre
from simulator.water.layout import Layout
from simulator.water_stations import WaterControl, add_water
from streams.errors import BadInput
from streams.plant_model import Branch, Bus, Link, LinkTag, PlantModel, Tag, Unit

Floats = NDArray[np.float64]

CONCENTRATOR = "PDC"
EMERGENCY_FACTOR = 1.15
LOAD_RANGE_FACTOR = 1.5
FLOW_RANGE_FACTOR = 1.5
LOSS_SHARE = 0.03


_AddTag = Callable[..., str]


def build_plant_model(
    settings: PlantSettings,
    case: GridCase,
    layout: Layout,
    control: WaterControl,
    demand_share: Floats,
    available_mw: Mapping[int, float],
) -> PlantModel:
    """The operator's model of grid and water, parameters off by OPERATOR_ERROR_SHARE from the truth.

    demand_share: (buses,) of nominal load, for which the first dispatch (``Unit.scheduled_mw``) is solved;
    available_mw: what wind and solar units can give then, by their position in the case.
    Raises BadInput where settings name a link that does not exist.
    """
    bare = _grid_model(settings, case, np.zeros(len(case.branch_name), dtype=np.bool_), available_mw)
    whole = np.ones(len(case.branch_name), dtype=np.bool_)
    rating = np.array([b.rating_mva for b in bare.branches])
    loading = np.abs(_dispatch(bare, np.ones(len(case.bus_name)), whole)[1]) / rating
    most_loaded = np.argsort(-loading, kind="stable")[: settings.grid.protected_flows]
    concentrated = np.zeros(len(case.branch_name), dtype=np.bool_)
    concentrated[most_loaded] = True
    model = _grid_model(settings, case, concentrated, available_mw)
    closed = whole.copy()
    closed[[case.branch_index(name) for name in settings.grid.out_of_service]] = False
    limits = {case.unit_name[unit]: power_mw for unit, power_mw in available_mw.items()}
    power, _ = _dispatch(model, demand_share * settings.grid.load_scale, closed, limits)
    units = tuple(
        msgspec.structs.replace(unit, scheduled_mw=float(p))
        for unit, p in zip(model.units, power, strict=True)
    )
    model = msgspec.structs.replace(model, units=units)
    return _protect(add_water(model, layout, control), settings.protected_links)


def _grid_model(
    settings: PlantSettings, case: GridCase, concentrated: NDArray[np.bool_], renewable: Collection[int]
) -> PlantModel:
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
    feeder_tags = {
        bus: add(substation(bus), "feeders_closed", "feeders", 0.0, float(BLOCKS)) for bus in loads
    }
    units = _units(case, renewable, add)
    branches = _branches(case, concentrated, add)
    buses = tuple(
        Bus(
            name=bus,
            station=substation(bus),
            base_kv=float(kv),
            load_mw=float(loads.get(bus, 0.0)),
            load_tag=load_tags.get(bus, ""),
            voltage_tag=add(substation(bus), "voltage_pu", "pu", 0.0, 1.5),
            area=int(case.bus_area[i]),
            shunt_mw=float(case.bus_gs_mw[i]),
            feeders_tag=feeder_tags.get(bus, ""),
        )
        for i, (bus, kv) in enumerate(zip(case.bus_name, case.bus_kv, strict=True))
    )
    stations = list(dict.fromkeys(tag.station for tag in tags))
    order = {station: i for i, station in enumerate(stations)}
    tags.sort(key=lambda tag: order[tag.station])
    links = [Link(to_centre(s), s, CENTRE, s == CONCENTRATOR) for s in stations]
    orders = [LinkTag(u.command_link, u.name) for u in units]
    if settings.control.restoration:
        orders += restoration_orders(buses, branches, units)
    controlled = dict.fromkeys(order.link.split(">")[1] for order in orders)
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
        link_tags=tuple(orders),
        buses=buses,
        branches=branches,
        units=units,
        tanks=(),
        pumps=(),
        emergency_factor=EMERGENCY_FACTOR,
        security=settings.grid.security,
    )


def _units(case: GridCase, renewable: Collection[int], add: _AddTag) -> tuple[Unit, ...]:
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
                fuel=case.unit_fuel[i],
                available_tag=add(station, f"{name}_available_mw", "MW", 0.0, p_max)
                if i in renewable
                else "",
            )
        )
    return tuple(units)


def _branches(case: GridCase, concentrated: NDArray[np.bool_], add: _AddTag) -> tuple[Branch, ...]:
    wrong_x = off(case.name, "reactance", case.branch_name)
    wrong_r = off(case.name, "resistance", case.branch_name)
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


def _dispatch(
    model: PlantModel, share: Floats, closed: NDArray[np.bool_], limits: Mapping[str, float] | None = None
) -> tuple[Floats, Floats]:
    """Secure dispatch at ``share`` (buses,) of nominal load: (unit power, branch flow), MW.

    limits: unit -> most it can give now, for those that cannot give all.
    """
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
        np.array([(limits or {}).get(u.name, u.p_max_mw) for u in model.units]),
    )
    injection = -spread_losses(load, float(result.power_mw.sum()))
    np.add.at(injection, unit_bus, result.power_mw)
    return result.power_mw, dc.flows(injection)


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
        "feeders": CONTACT,
        "open": CONTACT,
    }
    pressures = ("_pressure_m", "_head_m")
    return tuple(PRESSURE if tag.name.endswith(pressures) else kinds[tag.unit] for tag in tags)
