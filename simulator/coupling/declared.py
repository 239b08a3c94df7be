"""What a scenario declares of the coupling, checked against both networks; defaults where it is silent."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

import msgspec

from simulator.coupling.control_power import SUBSTATION_BATTERY_H, WATER_BATTERY_H
from simulator.coupling.cooling import COOLING_NEEDS
from simulator.grid.case import GridCase
from simulator.grid.feeders import BLOCKS
from simulator.settings import CommunicationSettings, CoolingSettings, PlantSettings, SupplySettings
from simulator.water.water import Water
from streams.errors import BadInput
from streams.plant_model import PlantModel

COLD_FUELS = ("wind", "solar", "hydro")


class DeclaredSupply(NamedTuple):
    """A supply and the names it resolves to. load: position of the load whose feeder it is."""

    settings: SupplySettings
    bus: int
    load: int
    pumps: tuple[str, ...]
    stations: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name in events."""
        return f"bus {self.settings.bus} feeder {self.settings.feeder}"


class DeclaredStation(NamedTuple):
    """Control power of one station. supply: its number, -1 for none; bus: position, -1 for none; one that
    has neither never lacks its charger."""

    name: str
    settings: CommunicationSettings
    supply: int
    bus: int


def declared_supplies(settings: PlantSettings, case: GridCase, pumps: Sequence[str]) -> list[DeclaredSupply]:
    """Every supply of the scenario, and ``[water] bus`` for the pumps that none of them names.

    Raises BadInput for an unknown bus, feeder or pump, one named twice, or a number out of range.
    """
    entries = settings.supplies
    named = [pump for entry in entries if entry.pumps != "all" for pump in entry.pumps]
    for pump in named:
        if pump not in pumps:
            raise BadInput("supply.pumps", pump, f"a pump of the water network: {', '.join(pumps)}")
        if named.count(pump) > 1:
            raise BadInput("supply.pumps", pump, "each pump on one supply")
    rest = tuple(pump for pump in pumps if pump not in named)
    takers = sum(entry.pumps == "all" for entry in entries)
    if takers > 1:
        raise BadInput("supply.pumps", "all", "one supply at most that takes all others")
    found = [_supply("supply", entry, case, rest) for entry in settings.supplies]
    if not takers and rest and settings.water.bus:
        own = SupplySettings(bus=settings.water.bus, feeder=settings.water.feeder)
        found.append(_supply("water", own, case, rest))
    return found


def _supply(where: str, entry: SupplySettings, case: GridCase, rest: tuple[str, ...]) -> DeclaredSupply:
    if entry.bus not in case.bus_name:
        raise BadInput(f"{where}.bus", entry.bus, f"a bus of {case.name} such as {case.bus_name[0]}")
    bus = case.bus_index(entry.bus)
    loads = [i for i, own in enumerate(case.load_bus) if own == bus]
    if not loads:
        raise BadInput(f"{where}.bus", entry.bus, "a bus with load, whose feeders can carry pumps")
    if not 0 <= entry.feeder < BLOCKS:
        raise BadInput(f"{where}.feeder", entry.feeder, f"0 to {BLOCKS - 1}")
    if not 0.0 <= entry.dropout_pu <= 0.85:
        raise BadInput(f"{where}.dropout_pu", entry.dropout_pu, "0 to 0.85, where motors may start again")
    for field in ("restart_s", "stagger_s", "backup_kw", "backup_start_s", "fuel_h"):
        value = getattr(entry, field)
        if not 0.0 <= value < math.inf:
            raise BadInput(f"{where}.{field}", value, "a finite number, 0 or more")
    pumps = rest if entry.pumps == "all" else entry.pumps
    return DeclaredSupply(entry, bus, loads[0], pumps, entry.stations)


def declared_coolings(settings: PlantSettings, case: GridCase, water: Water) -> list[CoolingSettings]:
    """Every cooled unit of the scenario, replication filled in.

    Raises BadInput for an unknown unit, one without capacity, one named twice, a node that is no junction or
    a replication below 1.
    """
    entries = [("cooling", entry) for entry in settings.coolings]
    own = settings.water
    if own.cooled_unit:
        entries.append(("water", CoolingSettings(unit=own.cooled_unit, node=own.cooling_node)))
    names = [entry.unit for _, entry in entries]
    junctions = [water.layout.node_names[node] for node in water.layout.junctions]
    found = []
    for where, entry in entries:
        unit, node = ("unit", "node") if where == "cooling" else ("cooled_unit", "cooling_node")
        if entry.unit not in case.unit_name:
            raise BadInput(
                f"{where}.{unit}", entry.unit, f"a unit of {case.name}: {', '.join(case.unit_name)}"
            )
        if case.unit_p_max_mw[case.unit_index(entry.unit)] <= 0.0:
            raise BadInput(f"{where}.{unit}", entry.unit, "a unit with capacity, no condenser")
        fuel = case.unit_fuel[case.unit_index(entry.unit)]
        if fuel in COLD_FUELS:
            raise BadInput(f"{where}.{unit}", entry.unit, f"a thermal unit; {fuel} needs no cooling water")
        if names.count(entry.unit) > 1:
            raise BadInput(f"{where}.{unit}", entry.unit, "each unit once")
        if entry.node not in junctions:
            raise BadInput(f"{where}.{node}", entry.node, f"a junction such as {junctions[0]}")
        if entry.technology not in COOLING_NEEDS:
            raise BadInput("cooling.technology", entry.technology, ", ".join(COOLING_NEEDS))
        if entry.replication < 0:
            raise BadInput("cooling.replication", entry.replication, "at least 1, or 0 for that of [water]")
        replication = entry.replication or own.replication
        found.append(msgspec.structs.replace(entry, replication=replication))
    return found


def declared_stations(
    settings: PlantSettings, case: GridCase, model: PlantModel, supplies: Sequence[DeclaredSupply]
) -> list[DeclaredStation]:
    """Control power of every station that reports, in the order of the plant model.

    A substation hangs on its own bus, a station of the water side on the supply that names it, else on that
    which takes all other pumps, else on the first. The concentrator stands at the control centre, whose
    supply never fails. Raises BadInput for an unknown station or bus, or a number out of range.
    """
    stations = tuple(dict.fromkeys(tag.station for tag in model.tags))
    substations = {bus.station: case.bus_index(bus.name) for bus in model.buses}
    flow_tags = {branch.flow_tag for branch in model.branches}
    electric = {*substations, *(tag.station for tag in model.tags if tag.name in flow_tags)}
    wet = set(stations) - electric
    supply_of = _supply_of_stations(supplies, wet)
    _check_control_power(settings.communication, case, stations)
    found = []
    for name in stations:
        default_h = WATER_BATTERY_H if name in wet else SUBSTATION_BATTERY_H
        entry = CommunicationSettings(station=name, battery_h=default_h)
        for declared in settings.communication:
            if fnmatchcase(name, declared.station) and declared.via != name:
                entry = declared
        if entry.bus:
            found.append(DeclaredStation(name, entry, -1, case.bus_index(entry.bus)))
        else:
            found.append(DeclaredStation(name, entry, supply_of.get(name, -1), substations.get(name, -1)))
    _check_paths({station.name: station.settings.via for station in found})
    return found


def _check_paths(via: Mapping[str, str]) -> None:
    for name in via:
        station, passed = name, {name}
        while station := via[station]:
            if station in passed:
                raise BadInput(
                    "communication.via", station, f"a path from {name} that ends at the control centre"
                )
            passed.add(station)


def _supply_of_stations(supplies: Sequence[DeclaredSupply], wet: set[str]) -> dict[str, int]:
    named: dict[str, int] = {}
    for number, supply in enumerate(supplies):
        for station in supply.stations:
            if station not in wet:
                raise BadInput("supply.stations", station, f"a water station: {', '.join(sorted(wet))}")
            if station in named:
                raise BadInput("supply.stations", station, "each station on one supply")
            named[station] = number
    if not supplies:
        return {}
    rest = next((n for n, supply in enumerate(supplies) if supply.settings.pumps == "all"), 0)
    return dict.fromkeys(wet, rest) | named


def _check_control_power(
    entries: Sequence[CommunicationSettings], case: GridCase, stations: Sequence[str]
) -> None:
    for entry in entries:
        if not any(fnmatchcase(name, entry.station) for name in stations):
            raise BadInput("communication.station", entry.station, f"a station such as {stations[0]}")
        if not 0.0 <= entry.battery_h < math.inf:
            raise BadInput("communication.battery_h", entry.battery_h, "a finite number, 0 or more")
        if not 0.0 < entry.recharge_h < math.inf:
            raise BadInput("communication.recharge_h", entry.recharge_h, "a finite number above 0")
        if entry.bus and entry.bus not in case.bus_name:
            raise BadInput("communication.bus", entry.bus, f"a bus of {case.name}")
        if entry.via and (entry.via not in stations or entry.via == entry.station):
            raise BadInput("communication.via", entry.via, f"another station such as {stations[0]}")
