"""How often things fail and how long repair takes, from published statistics."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.grid.case import GridCase
from simulator.nature.storms import NORMAL_H, STORM_H
from simulator.water.layout import Layout

Floats = NDArray[np.float64]

MILE_M = 1609.344
YEAR_H = 8760.0

# Reactance per mile of the overhead lines of the Reliability Test System; gives lines without a length one.
OHM_PER_MILE = 0.75


class LineRates(NamedTuple):
    """Overhead lines of one voltage: outages a year are ``terminal`` plus ``per_mile`` times length."""

    terminal: float
    per_mile: float
    transient_per_mile: float
    repair_h: float


# IEEE RTS-79, table of branch outage data: straight lines that reproduce its rates to the printed digits.
BELOW_230_KV = LineRates(0.22, 0.0052, 0.0527, 10.0)
FROM_230_KV = LineRates(0.29, 0.0034, 0.0246, 11.0)
TRANSFORMER_PER_YEAR, TRANSFORMER_REPAIR_H = 0.02, 768.0

# IEEE RTS-79, table of unit reliability: capacity MW -> (mean hours to failure, mean hours to repair).
UNITS = {
    12: (2940.0, 60.0),
    20: (450.0, 50.0),
    50: (1980.0, 20.0),
    76: (1960.0, 40.0),
    100: (1200.0, 50.0),
    155: (960.0, 40.0),
    197: (950.0, 50.0),
    350: (1150.0, 100.0),
    400: (1100.0, 150.0),
}

# Share of line outages that fall into adverse weather; with NORMAL_H and STORM_H it gives both rates
# (Billinton and Allan 1996, chapter 8). Declared.
STORM_SHARE = 0.5

# Water main breaks (Folkman 2018, Utah State University: 14 per 100 miles and year); repair time declared.
BREAKS_PER_MILE_YEAR, BREAK_REPAIR_H = 0.14, 6.0
# A break opens this share of the pipe's cross-section; discharge coefficient of a sharp orifice. Declared.
BREAK_AREA_SHARE, DISCHARGE_COEFFICIENT = 0.1, 0.6
# Pump with driver, failure to run (WASH-1400, 1975, appendix III: 3e-5 per hour); repair time declared.
PUMP_FAILURES_PER_H, PUMP_REPAIR_H = 3e-5, 24.0


class Hazard(NamedTuple):
    """Failures of the elements of one kind, arrays (elements,). repair_h: mean; 0 where it clears by itself.

    storm_share: share of failures that come in storms, 0 where weather plays no part.
    """

    per_year: Floats
    repair_h: Floats
    storm_share: float


def storm_factors(storm_share: float) -> tuple[float, float]:
    """(normal, adverse) failure rate over the mean rate, so that the mean over all weather is kept."""
    if storm_share == 0.0:
        return 1.0, 1.0
    cycle = NORMAL_H + STORM_H
    return (1.0 - storm_share) * cycle / NORMAL_H, storm_share * cycle / STORM_H


def line_miles(case: GridCase) -> Floats:
    """(branches,) length from reactance; 0 for transformers and where the case has no nominal voltages."""
    kv = case.bus_kv[case.branch_from]
    ohm = np.abs(case.branch_x) * kv**2 / case.base_mva
    return np.where(case.branch_is_transformer | (kv <= 1.0), 0.0, ohm / OHM_PER_MILE)


def line_hazards(case: GridCase) -> tuple[Hazard, Hazard]:
    """(permanent, transient) outages of every branch; transformers have no transient ones."""
    miles = line_miles(case)
    high = case.bus_kv[case.branch_from] >= 230.0
    low_kv, high_kv = np.array(BELOW_230_KV), np.array(FROM_230_KV)
    terminal, per_mile, transient, repair_h = np.where(high, high_kv[:, np.newaxis], low_kv[:, np.newaxis])
    transformer = case.branch_is_transformer
    permanent = np.where(transformer, TRANSFORMER_PER_YEAR, terminal + per_mile * miles)
    return (
        Hazard(permanent, np.where(transformer, TRANSFORMER_REPAIR_H, repair_h), STORM_SHARE),
        Hazard(transient * miles, np.zeros(len(miles)), STORM_SHARE),
    )


def unit_hazard(case: GridCase) -> Hazard:
    """Forced outages by the nearest unit size of the test system; condensers never fail."""
    sizes = np.array(list(UNITS))
    nearest = np.abs(case.unit_p_max_mw[:, np.newaxis] - sizes).argmin(axis=1)
    to_failure_h, repair_h = np.array(list(UNITS.values()))[nearest].T
    return Hazard(np.where(case.unit_p_max_mw > 0.0, YEAR_H / to_failure_h, 0.0), repair_h, 0.0)


def main_hazard(layout: Layout) -> Hazard:
    """Breaks of every link that is a pipe, by its length."""
    per_year = BREAKS_PER_MILE_YEAR * layout.link_length_m / MILE_M
    return Hazard(per_year, np.full(len(per_year), BREAK_REPAIR_H), 0.0)


def pump_hazard(layout: Layout) -> Hazard:
    """Failures of every pump."""
    count = len(layout.pumps)
    return Hazard(np.full(count, PUMP_FAILURES_PER_H * YEAR_H), np.full(count, PUMP_REPAIR_H), 0.0)


def burst_coefficient(diameter_m: float) -> float:
    """Leak coefficient of a broken main, m3/h per sqrt(m) of pressure: Cd A sqrt(2 g) (Torricelli)."""
    area_m2 = BREAK_AREA_SHARE * np.pi / 4.0 * diameter_m**2
    return float(3600.0 * DISCHARGE_COEFFICIENT * area_m2 * np.sqrt(2.0 * 9.80665))
