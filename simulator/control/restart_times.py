"""How long a tripped unit needs before it can be synchronised again (hot start), by fuel and size."""

from __future__ import annotations

from streams.plant_model import Unit

# IRENA 2019, Flexibility in conventional power plants: hot starts of open-cycle gas 5 to 11 min, combined
# cycle 1 to 1.5 h, hard coal 2.5 to 3 h. Oil and other steam sets as coal. A nuclear unit waits for xenon to
# decay. Hydro, wind and solar units need minutes for checks after a trip.
HOT_START_S = {
    "hydro": 600.0,
    "wind": 600.0,
    "solar": 600.0,
    "coal": 9_000.0,
    "oil": 9_000.0,
    "nuclear": 86_400.0,
}
OPEN_CYCLE_S = 660.0
COMBINED_CYCLE_S = 4_500.0
OPEN_CYCLE_MW = 100.0
"""Gas units, and units of unknown fuel, up to this size are open-cycle turbines; larger gas units are
combined cycles, larger units of unknown fuel steam sets."""


def hot_start_s(unit: Unit) -> float:
    """Seconds from the trip to the first possible synchronisation."""
    if unit.fuel in HOT_START_S:
        return HOT_START_S[unit.fuel]
    if unit.p_max_mw <= OPEN_CYCLE_MW:
        return OPEN_CYCLE_S
    return COMBINED_CYCLE_S if unit.fuel == "ng" else HOT_START_S["coal"]
