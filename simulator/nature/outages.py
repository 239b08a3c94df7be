"""Random failures of a run and their repair, drawn ahead: nothing that happens in the plant changes them.

Each element fails by a Poisson process whose rate follows the weather of its area. A failure that would hit
an element already out is passed over (``repairs``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.draws import Draws
from simulator.grid.case import GridCase
from simulator.nature import reliability
from simulator.nature.fault import Fault
from simulator.nature.reliability import YEAR_H, Hazard, storm_factors
from simulator.nature.repairs import TRAVEL_S, Failure, Outage, repaired
from simulator.nature.storms import Spell
from simulator.settings import FaultKind, NatureSettings
from simulator.water.layout import Layout

Floats = NDArray[np.float64]

# Dead time of a line that recloses by itself after a transient fault.
RECLOSE_S = 0.5
BLOCK_STEPS = 16


def failures(
    seed: int,
    kind: str,
    names: tuple[str, ...],
    hazard: Hazard,
    areas: Sequence[int],
    storms: Sequence[Spell],
    duration_s: float,
) -> list[Failure]:
    """Failures from 0 to duration_s in order of time. areas: (elements,) area of each, for its storms.

    Time between failures is exponential in the integral of the rate; work is exponential, its mean the
    hazard's repair time less the journey.
    """
    gap = Draws(seed, f"outage|{kind}", names, kind="uniform", block_steps=BLOCK_STEPS)
    work = Draws(seed, f"repair|{kind}", names, kind="uniform", block_steps=BLOCK_STEPS)
    clocks = {area: _clock(area, hazard.storm_share, storms, duration_s) for area in set(areas)}
    end = np.array([clocks[area][1][-1] for area in areas])
    per_s = hazard.per_year / (YEAR_H * 3600.0)
    mean_s = np.maximum(hazard.repair_h * 3600.0 - TRAVEL_S, 0.0)
    # ``weight`` is time as each element's hazard sees it: faster in a storm.
    weight, n = np.zeros(len(names)), 0
    found: list[Failure] = []
    while True:
        with np.errstate(divide="ignore"):
            weight = weight + np.where(per_s > 0.0, -np.log1p(-gap.at(n)) / per_s, np.inf)
        hit = np.flatnonzero(weight < end)
        if not len(hit):
            return sorted(found)
        work_s = -mean_s * np.log1p(-work.at(n))
        for i in hit.tolist():
            times, weights = clocks[areas[i]]
            found.append(Failure(float(np.interp(weight[i], weights, times)), kind, i, float(work_s[i])))
        n += 1


def _clock(
    area: int, storm_share: float, storms: Sequence[Spell], duration_s: float
) -> tuple[Floats, Floats]:
    """(times, weights): the integral over time of the rate factor of an area, as a broken line."""
    normal, adverse = storm_factors(storm_share)
    own = [spell for spell in storms if spell.area == area and spell.start_s < duration_s]
    edges = sorted(
        {0.0, duration_s, *(min(max(t, 0.0), duration_s) for s in own for t in (s.start_s, s.end_s))}
    )
    times = np.array(edges)
    middle = 0.5 * (times[1:] + times[:-1])
    stormy = np.array([any(s.start_s <= t < s.end_s for s in own) for t in middle])
    steps = np.diff(times) * np.where(stormy, adverse, normal)
    return times, np.concatenate(([0.0], np.cumsum(steps)))


def random_faults(
    seed: int,
    settings: NatureSettings,
    case: GridCase,
    layout: Layout,
    storms: Sequence[Spell],
    duration_s: float,
) -> list[Fault]:
    """Every random outage of the run as a fault with its end, in order of time."""
    lines = _lines(seed, settings.line_crews, case, storms, duration_s)
    units = _units(seed, case, duration_s)
    water = _water(seed, settings.water_crews, layout, duration_s)
    return sorted([*lines, *units, *water])


def _lines(seed: int, crews: int, case: GridCase, storms: Sequence[Spell], duration_s: float) -> list[Fault]:
    areas = case.bus_area[case.branch_from].tolist()
    permanent, transient = reliability.line_hazards(case)
    lasting = failures(seed, "line", case.branch_name, permanent, areas, storms, duration_s)
    passing = failures(seed, "line-transient", case.branch_name, transient, areas, storms, duration_s)
    # A transformer waits for its replacement and no crew waits with it.
    queued = [f for f in lasting if not case.branch_is_transformer[f.position]]
    waiting = [f for f in lasting if case.branch_is_transformer[f.position]]
    outages = [*repaired(queued, crews), *repaired(waiting, None)]
    outages += [Outage(f.t_s, f.kind, f.position, f.t_s + RECLOSE_S) for f in passing]

    def cause(outage: Outage) -> str:
        own = (s for s in storms if s.area == areas[outage.position])
        return "storm" if any(s.start_s <= outage.start_s < s.end_s for s in own) else "fault"

    return [Fault(o.start_s, "line", case.branch_name[o.position], o.end_s, 0.0, cause(o)) for o in outages]


def _units(seed: int, case: GridCase, duration_s: float) -> list[Fault]:
    """Power plants repair by themselves."""
    hazard, nowhere = reliability.unit_hazard(case), [0] * len(case.unit_name)
    outages = repaired(failures(seed, "unit", case.unit_name, hazard, nowhere, (), duration_s), None)
    return [Fault(o.start_s, "unit", case.unit_name[o.position], o.end_s, 0.0, "wear") for o in outages]


def _water(seed: int, crews: int, layout: Layout, duration_s: float) -> list[Fault]:
    """Mains and pumps, one queue for the water crews."""
    links, pumps = layout.link_names, layout.pump_names
    breaks = failures(seed, "burst", links, reliability.main_hazard(layout), [0] * len(links), (), duration_s)
    stops = failures(seed, "pump", pumps, reliability.pump_hazard(layout), [0] * len(pumps), (), duration_s)
    faults = []
    for outage in repaired([*breaks, *stops], crews):
        element, size = (
            _leak(layout, outage.position) if outage.kind == "burst" else (pumps[outage.position], 0.0)
        )
        kind: FaultKind = "burst" if outage.kind == "burst" else "pump"
        if element:
            faults.append(Fault(outage.start_s, kind, element, outage.end_s, size, "wear"))
    return faults


def _leak(layout: Layout, link: int) -> tuple[str, float]:
    """Where a broken pipe leaks, its far end, else its near one ("" where neither is a junction), and its
    coefficient."""
    ends = (int(layout.link_to[link]), int(layout.link_from[link]))
    node = next((layout.node_names[end] for end in ends if end in layout.junctions), "")
    return node, reliability.burst_coefficient(float(layout.link_diameter_m[link]))
