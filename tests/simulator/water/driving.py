"""A day of a network under its PLCs, for tests."""

from collections.abc import Callable

from simulator.water.constituents import QualityPlan
from simulator.water.controls import read_controls
from simulator.water.plc import PumpController
from simulator.water.water import Water, WaterEvent


def drive(
    water: Water,
    controller: PumpController,
    hours: float,
    each_minute: Callable[[float], None] = lambda t_s: None,
) -> list[WaterEvent]:
    """Scan once a minute on true levels; ``each_minute`` may change inputs before a minute begins."""
    events = []
    for minute in range(round(hours * 60)):
        t_s = 60.0 * minute
        controller.step(t_s, water.tank_level_m)
        controller.apply(water)
        each_minute(t_s)
        events += water.advance(t_s + 60.0)
    return events


def controlled(
    network: str,
    deadband_m: float = 0.0,
    quality: QualityPlan | None = None,
    patterns: str = "",
    clock_s: float = 0.0,
) -> tuple[Water, PumpController]:
    """A network and its PLCs, from midnight on or another time of the day."""
    water = Water(network, start_clock_s=clock_s, quality=quality, patterns=patterns)
    return water, PumpController(read_controls(network, deadband_m), clock_s)


def imbalance_m3(water: Water, start_volume_m3: float) -> float:
    """Supplied less delivered, leaked, stored and spilled since t = 0."""
    stored = float(water.tank_volume_m3.sum()) - start_volume_m3
    return water.supplied_m3 - water.delivered_m3 - water.leaked_m3 - stored - water.tank_overflow_m3


def tolerance_m3(water: Water) -> float:
    """EPANET's: its convergence of flows, and 1e-6 cfs (1e-4 m3/h) in each of a few closed links."""
    return 1e-4 * (abs(water.supplied_m3) + water.delivered_m3) + 1e-3 * water.t_s / 3600.0


def all_pumps(water: Water, alive: bool) -> None:
    """Give or take the electricity of every pump."""
    for pump in range(len(water.layout.pumps)):
        water.set_pump_supply(pump, alive)
