"""The coupling in sentences, one for each thing that was declared or assumed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simulator.coupling.cooling import COOLING_NEEDS, TRIP_SHARE
from simulator.coupling.declared import DeclaredStation, DeclaredSupply
from simulator.settings import CommunicationSettings, CoolingSettings


def supply_notes(supplies: Sequence[DeclaredSupply], pumps: Sequence[str], replication: int) -> Iterator[str]:
    """What feeds the pumps, how many districts it feeds, when motors stop and start."""
    for supply in supplies:
        own = supply.settings
        yield (
            f"Feeder {own.feeder} of bus {own.bus} feeds the pumps {', '.join(supply.pumps) or '(none)'} of "
            f"{replication} districts, whose draw is multiplied by that number."
        )
        yield (
            f"Motors on it drop out below {own.dropout_pu:g} pu and start again {own.restart_s:g} s after "
            f"the voltage is back, one each {own.stagger_s:g} s."
        )
        if own.backup_kw > 0.0:
            yield (
                f"Behind it stands a generator of {own.backup_kw:g} kW in each district, ready after "
                f"{own.backup_start_s:g} s, with fuel for {own.fuel_h:g} h of full load."
            )
    fed = {pump for supply in supplies for pump in supply.pumps}
    if left := [pump for pump in pumps if pump not in fed]:
        yield f"The supply of the pumps {', '.join(left)} never fails."


def cooling_notes(coolings: Sequence[CoolingSettings]) -> Iterator[str]:
    """Who draws cooling water where, how much, and shared by how many districts."""
    for own in coolings:
        need = COOLING_NEEDS[own.technology].withdrawal_gal_per_mwh
        yield (
            f"Unit {own.unit} draws cooling water from node {own.node}, {own.technology.replace('_', ' ')}, "
            f"{need:g} gal/MWh divided by {own.replication} districts."
        )
    if coolings:
        yield f"A unit whose water sustains less than {TRIP_SHARE:.0%} of its capacity for long enough trips."


def station_notes(stations: Sequence[DeclaredStation]) -> Iterator[str]:
    """How long stations work on without their charger, and over whom they talk."""
    batteries: dict[float, int] = {}
    for station in stations:
        hours = station.settings.battery_h
        batteries[hours] = batteries.get(hours, 0) + 1
    for hours, count in sorted(batteries.items()):
        stations_word = "station" if count == 1 else "stations"
        yield f"Batteries carry {count} {stations_word} for {hours:g} h without the grid."
    for name, own in ((s.name, s.settings) for s in stations if s.settings.via or s.settings.bus):
        yield _path_note(name, own)


def _path_note(name: str, own: CommunicationSettings) -> str:
    power = f" draws its control power from bus {own.bus}" if own.bus else ""
    path = f" talks to the control centre over {own.via}" if own.via else ""
    return f"Station {name}{' and'.join(part for part in (power, path) if part)}."
