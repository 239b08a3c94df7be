"""An island whose power flow has no solution: shed where the voltage fails, then black out that part.

The failing part is found at the last solvable state on the way from no load to the demand: scale loads and
units together, bisect the largest solvable factor, and take the buses around the one whose voltage fell most
(a tangent-free form of the modal participation of Gao, Morison and Kundur 1992). The rule stays local: the
rest of the island keeps its load.

The steps stand for seconds, 3 for each under-voltage step, for which no state exists. Governors act in them:
after a step units give what they settle at, so that lost load is not left to the rotors (``settling``).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.grid.case import GridCase
from simulator.grid.feeders import BLOCKS, Feeders, ShedCause
from simulator.grid.powerflow import PowerFlow
from simulator.grid.settling import Governors, settle
from simulator.grid.solver import IslandSolver

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]
Index = NDArray[np.int64]
Flags = NDArray[np.bool_]

BISECTIONS = 8
LIGHT_LOAD = 0.05
POCKET_SHARE_OF_DROP = 0.5
OUT_OF_STEP_DEG = 90.0
MAX_ROUNDS = 12


class Relief(NamedTuple):
    """One step taken. kind "shed": ``blocks`` feeders opened at each of ``loads``; "collapse": the same, all
    of a pocket around ``bus``; "out_of_step": ``units`` tripped; "blackout": the island is given up."""

    kind: str
    bus: int
    loads: Index
    blocks: Index
    units: Index
    cause: ShedCause


class Demand(NamedTuple):
    """Present demand at nominal frequency, load_mw, load_mvar (d,), the units' state, and connected_mw: load
    of the island before anything was shed."""

    load_mw: Floats
    load_mvar: Floats
    governors: Governors
    connected_mw: float


def settled(solver: IslandSolver, feeders: Feeders, demand: Demand) -> tuple[Floats, float]:
    """Mechanical power (g,) and rise of frequency, Hz, for what has been shed in the island so far.

    An island that lacked power before gives up only what it now has too much (losses left out).
    """
    left_mw = connected_mw(solver, feeders, demand.load_mw)
    surplus_mw = float(demand.governors.power_mw[solver.unit].sum()) - left_mw
    lost_mw = max(min(demand.connected_mw - left_mw, surplus_mw), 0.0)
    return settle(demand.governors, solver.unit, lost_mw, left_mw)


def connected_mw(solver: IslandSolver, feeders: Feeders, load_mw: Floats) -> float:
    """Connected load of the island, MW, at the demands load_mw (d,)."""
    return float((feeders.served_share() * load_mw + feeders.draw_mw())[solver.load].sum())


def relieve(
    case: GridCase, flow: PowerFlow, island: int, feeders: Feeders, demand: Demand, uvls_steps: int
) -> list[Relief]:
    """Change feeders and units of one island until its power flow has a solution; returns the steps taken.

    uvls_steps: how many under-voltage steps of one feeder block each bus may take in a run.
    """
    solver = flow.islands[island]
    steps: list[Relief] = []
    for _ in range(MAX_ROUNDS):
        nose = _last_solvable(flow, solver, feeders, demand)
        if nose is None:
            break
        light, stressed = nose
        lost = _out_of_step(case, solver, stressed, demand)
        if lost.size:
            for i in lost:
                flow.drop_unit(int(i))
            steps.append(
                Relief("out_of_step", int(case.unit_bus[lost[0]]), _NO, _NO, lost, "voltage_collapse")
            )
            if not _has_source(flow, solver):
                break
            if _solves(solver, feeders, demand):
                return steps
            continue
        seed, loads = _pocket(case, flow, solver, feeders, light, stressed)
        if not loads.size:
            break
        for _ in range(uvls_steps):
            allowed = loads[feeders.opened_by("uvls")[loads] < uvls_steps]
            blocks = feeders.shed(allowed, 1, "uvls")
            if not blocks.any():
                break
            steps.append(Relief("shed", seed, allowed, blocks, _NO, "uvls"))
            if _solves(solver, feeders, demand):
                return steps
        blocks = feeders.shed(loads, BLOCKS, "voltage_collapse")
        steps.append(Relief("collapse", seed, loads, blocks, _NO, "voltage_collapse"))
        if _solves(solver, feeders, demand):
            return steps
    steps.append(blackout(flow, island, feeders))
    return steps


_NO = np.zeros(0, dtype=np.int64)


def _has_source(flow: PowerFlow, solver: IslandSolver) -> bool:
    return bool((solver.unit & flow.unit_on & flow.participates).any())


def blackout(flow: PowerFlow, island: int, feeders: Feeders) -> Relief:
    """Give an island up: all its feeders open, all its units go off."""
    solver = flow.islands[island]
    loads = np.flatnonzero(solver.load)
    blocks = feeders.shed(loads, BLOCKS, "voltage_collapse")
    units = np.flatnonzero(solver.unit)
    flow.kill_island(island)
    bus = int(np.flatnonzero(solver.bus)[0])
    return Relief("blackout", bus, loads, blocks, units, "voltage_collapse")


def _solves(solver: IslandSolver, feeders: Feeders, demand: Demand, scale: float = 1.0) -> bool:
    served = feeders.served_share() * scale
    drawn = scale * feeders.draw_mw()
    active, reactive = (
        (served * demand.load_mw + drawn).astype(np.float32),
        (served * demand.load_mvar).astype(np.float32),
    )
    unit_mw, _ = settled(solver, feeders, demand)
    return solver.solve(active, reactive, scale * unit_mw) != "none"


def _last_solvable(
    flow: PowerFlow, solver: IslandSolver, feeders: Feeders, demand: Demand
) -> tuple[Complexes, Complexes] | None:
    """Voltages (n,) at light load and at the largest solvable scale; None if even light load has none."""
    if not _solves(solver, feeders, demand, LIGHT_LOAD):
        return None
    light = stressed = flow.voltage.copy()
    low, high = LIGHT_LOAD, 1.0
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        if _solves(solver, feeders, demand, middle):
            low, stressed = middle, flow.voltage.copy()
        else:
            high = middle
    return light, stressed


def _out_of_step(case: GridCase, solver: IslandSolver, stressed: Complexes, demand: Demand) -> Index:
    """Units at one bus whose angle leads the load's centre by more than OUT_OF_STEP_DEG; the furthest bus."""
    loads = case.load_bus[solver.load]
    weight = np.maximum(demand.load_mw[solver.load], 0.0)
    centre = (weight * stressed[loads]).sum()
    units = np.flatnonzero(solver.unit & (case.unit_p_max_mw > 0.0))
    if centre == 0.0 or not units.size:
        return _NO
    lead = np.degrees(np.angle(stressed[case.unit_bus[units]] / centre))
    furthest = int(np.argmax(lead))
    if lead[furthest] < OUT_OF_STEP_DEG:
        return _NO
    return np.asarray(units[case.unit_bus[units] == case.unit_bus[units[furthest]]])


def _pocket(
    case: GridCase,
    flow: PowerFlow,
    solver: IslandSolver,
    feeders: Feeders,
    light: Complexes,
    stressed: Complexes,
) -> tuple[int, Index]:
    """Bus whose voltage fell most, and the loads still connected in the low-voltage pocket around it."""
    drop = np.where(solver.bus, np.abs(light) - np.abs(stressed), -np.inf)
    seed = int(np.argmax(drop))
    inside = np.zeros(len(drop), dtype=np.bool_)
    inside[seed] = True
    low = drop >= POCKET_SHARE_OF_DROP * drop[seed]
    open_load = solver.load & (feeders.closed_blocks() > 0) & (np.asarray(case.load_mw) > 0.0)
    inside = _grow(case, flow.closed, inside, low)
    while True:
        loads = np.flatnonzero(open_load & inside[case.load_bus])
        if loads.size:
            return seed, loads
        # A pocket that has no load left to shed reaches one bus further.
        wider = _ring(case, flow.closed, inside) & solver.bus
        if (wider == inside).all():
            return seed, _NO
        inside = wider


def _ring(case: GridCase, closed: Flags, inside: Flags) -> Flags:
    """``inside`` and every bus one closed branch away."""
    wider = inside.copy()
    wider[case.branch_to[closed & inside[case.branch_from]]] = True
    wider[case.branch_from[closed & inside[case.branch_to]]] = True
    return wider


def _grow(case: GridCase, closed: Flags, inside: Flags, allowed: Flags) -> Flags:
    """All buses reached from ``inside`` over closed branches through ``allowed`` buses."""
    while True:
        wider = (_ring(case, closed, inside) & allowed) | inside
        if (wider == inside).all():
            return inside
        inside = wider
