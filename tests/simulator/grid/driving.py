"""Grids to test with, random driving, and what must hold after every power flow."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import numpy as np

from simulator.grid.case import GridCase, initial_dispatch, load_case
from simulator.grid.events import GridEvent
from simulator.grid.grid import Grid
from simulator.grid.powerflow import DEAD, PowerFlow
from simulator.grid.protection import DynamicsSettings, ProtectionSettings
from simulator.grid.solver import Start

# lightsim2grid rounds every load and unit to float32: half a unit in the last place of 1,000 MW is 3e-5 MW.
# Measured under random driving: at most 1.6e-4 MW (case 39).
BALANCE_MW = 1e-3
NO_RELAYS = ProtectionSettings(
    overload_pickup=1e6,
    fast_pickup=1e6,
    ufls_hz=(),
    uvls_pu=0.0,
    unit_low_hz=(),
    unit_high_hz=(),
    unit_low_pu=(),
    unit_high_pu=(),
)


def only(**settings: Any) -> ProtectionSettings:
    """No relays but those that ``settings`` name."""
    return msgspec.structs.replace(NO_RELAYS, **settings)


def start(
    case: GridCase | str,
    protection: ProtectionSettings | None = None,
    dynamics: DynamicsSettings | None = None,
    as_published: bool = False,
) -> Grid:
    """A grid in steady state at t = 0; ``as_published`` takes the dispatch printed in the case."""
    case = load_case(case) if isinstance(case, str) else case
    shared = initial_dispatch(case, case.load_mw)
    grid = Grid(case, case.unit_scheduled_mw if as_published else shared, protection, dynamics)
    assert grid.advance(0.0) == []
    return grid


def published_flow(case: GridCase) -> PowerFlow:
    """MATPOWER's problem: the case's own schedule, one slack at the reference bus; not solved yet."""
    slack = np.zeros(len(case.unit_name))
    slack[np.flatnonzero(case.unit_bus == case.reference_bus)[0]] = 1.0
    return PowerFlow(case, slack)


def solve_published(flow: PowerFlow, case: GridCase) -> str:
    """Solve it; returns the start that led to a solution, "none" without one."""
    (first,) = solve_flow(flow, case, case.unit_scheduled_mw)
    return first


def solve_flow(flow: PowerFlow, case: GridCase, unit_mw: np.ndarray) -> list[Start]:
    """Solve for the case's nominal demand."""
    return flow.solve(case.load_mw.astype(np.float32), case.load_mvar.astype(np.float32), unit_mw)


def apparent_loading(flow: PowerFlow, case: GridCase) -> np.ndarray:
    """(l,) larger end apparent power over rating, which is how published studies state it."""
    mva = np.maximum(np.abs(flow.flows.from_mva), np.abs(flow.flows.to_mva))
    return mva / case.branch_rating_mva


def check_state(grid: Grid) -> None:
    """Energy balance of every island, bookkeeping of every load, nothing that is not a number."""
    case, flow = grid._case, grid._flow
    served, balance = grid.load_served_mw, grid.balance()
    assert len(balance.mismatch_mw) == len(flow.islands) + 1
    assert np.abs(balance.mismatch_mw).max() < BALANCE_MW, balance
    np.testing.assert_allclose(
        balance.demand_mw + balance.response_mw, balance.served_mw + balance.shed_mw, atol=1e-9
    )
    assert balance.served_mw[-1] == balance.generation_mw[-1] == balance.losses_mw[-1] == 0.0
    dead = flow.bus_island == DEAD
    assert not served[dead[case.load_bus]].any()
    assert not grid.unit_on[dead[case.unit_bus]].any()
    assert not grid.unit_power_mw[~grid.unit_on].any()
    assert (grid.bus_voltage_pu[dead] == 0.0).all()
    assert np.isfinite(grid.bus_voltage_pu).all()
    assert (grid.bus_voltage_pu[~dead] > 0.0).all()
    assert np.isfinite(grid.branch_loading_pu).all()
    assert np.array_equal(np.isnan(grid.bus_frequency_hz), dead)
    demand = grid.load_demand_mw.sum()
    shed = sum(grid.shed_mw_by_cause.values())
    connected = (grid.load_demand_mw * grid.feeders.served_share()).sum()
    assert abs(demand - connected - shed) < 1e-6
    assert abs(grid.load_shed_mw.sum() - shed) < 1e-6
    assert grid.shed_mw == grid.load_shed_mw.sum()
    factor = grid._dynamics.damping_factor(flow.bus_island)
    connected = (grid.load_demand_mw - grid.load_shed_mw) * factor
    np.testing.assert_allclose(served, connected + grid.feeders.draw_mw(), atol=1e-9)


def watched(grid: Grid, check: Callable[[Grid], None] = check_state) -> Grid:
    """Let ``check`` run after every power flow of ``grid``."""
    solve = grid._solve

    def solve_and_check() -> None:
        solve()
        check(grid)

    grid._solve = solve_and_check  # type: ignore[method-assign]
    return grid


def restore_randomly(grid: Grid, case: GridCase, rng: np.random.Generator) -> None:
    """One order of an operator who knows nothing."""
    load, blocks = int(rng.integers(len(case.load_mw))), int(rng.integers(1, 8))
    order = rng.integers(4)
    if order == 0:
        grid.restore_load(load, blocks)
    elif order == 1:
        grid.shed_load(load, blocks)
    elif order == 2:
        off = np.flatnonzero(~grid.unit_on)
        if off.size:
            grid.start_unit(int(rng.choice(off)))
    else:
        on = np.flatnonzero(grid.unit_on)
        if on.size and rng.random() < 0.2:
            grid._trip_unit(int(rng.choice(on)), "test")
            grid._solve()


def drive_randomly(case: GridCase, seed: int, steps: int) -> Iterator[tuple[Grid, list[GridEvent]]]:
    """Random switching, set-points, demand and restoration, 4 s a step; a fresh grid after 200 steps, or some
    time after a blackout."""
    rng = np.random.default_rng(seed)
    grid = None
    for step in range(steps):
        if grid is None or step % 200 == 0 or (not grid.unit_on.any() and rng.random() < 0.2):
            grid = watched(start(case))
        for _ in range(rng.integers(0, 3)):
            branch = int(rng.integers(len(case.branch_name)))
            if rng.random() < 0.4:
                grid.open_branch(branch, "test")
            else:
                closed = rng.permutation(np.flatnonzero(~grid.branch_closed))
                if closed.size:
                    grid.close_branch(int(closed[0]))
        if rng.random() < 0.3:
            restore_randomly(grid, case, rng)
        if rng.random() < 0.2:
            factor = rng.uniform(0.4, 1.5) * rng.uniform(0.8, 1.2, len(case.load_mw))
            grid.set_demand(case.load_mw * factor, case.load_mvar * factor)
        if rng.random() < 0.2:
            power = rng.uniform(-0.2, 1.2, len(case.unit_name)) * case.unit_p_max_mw
            grid.set_setpoints(np.where(rng.random(len(power)) < 0.5, power, np.nan))
        if rng.random() < 0.05:
            unit = int(rng.integers(len(case.unit_name)))
            grid.set_unit_limit(unit, float(rng.uniform(0.0, 1.2) * case.unit_p_max_mw[unit]))
        yield grid, grid.advance(grid.t_s + 4.0)
