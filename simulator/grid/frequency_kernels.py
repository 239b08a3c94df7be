"""Compiled kernels of frequency: turbines, governors and the swing equation, in sub-steps. Private, pure but
for the arrays they update, unvalidated.

Arrays come as tables, one quantity a row: a compiled call costs by the number of its arguments.
Oracles in plain Python: ``tests/reference/grid_dynamics.py``.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.grid.frequency_relay_kernels import LoadRelays, UnitRelays, watch_loads, watch_units

Floats = NDArray[np.float64]
Index = NDArray[np.int64]

# Rows of the table of units (9, g); see ``Units`` in ``dynamics``.
REFERENCE, VALVE, REHEAT, POWER, SETPOINT, LOW, HIGH, DROOP, RAMP = range(9)
# Rows of the table of islands (5, n); see ``Islands`` in ``dynamics``.
LOAD_MW, DRAWN_MW, LOSSES_MW, ENERGY_MW_S, HZ = range(5)
# Numbers of the model (8,); see ``DynamicsSettings`` and ``quiet_band``.
NOMINAL_HZ, DAMPING_PU, VALVE_S, REHEAT_S, PRESSURE_SHARE, DEADBAND_HZ, QUIET_LOW_HZ, QUIET_HIGH_HZ = range(8)


@njit(cache=True)  # type: ignore[untyped-decorator]
def gather(units: Floats, running: Index, n_running: int, step_s: float) -> tuple[Floats, Floats]:
    """Copies of the running units side by side, so that sub-steps skip nothing: moving (4, running), rows
    reference, valve, reheat, power; fixed (5, running), rows target, low, high, droop in MW per Hz, reach of
    the ramp in one sub-step."""
    moving, fixed = np.empty((4, n_running)), np.empty((5, n_running))
    for j in range(n_running):
        i = running[j]
        for row in range(4):
            moving[row, j] = units[row, i]
        # The ramp aims within the limits, so that no set-point winds it up.
        fixed[0, j] = min(max(units[SETPOINT, i], units[LOW, i]), units[HIGH, i])
        fixed[1, j], fixed[2, j], fixed[3, j] = units[LOW, i], units[HIGH, i], units[DROOP, i]
        fixed[4, j] = units[RAMP, i] * step_s
    return moving, fixed


@njit(cache=True)  # type: ignore[untyped-decorator]
def scatter(units: Floats, running: Index, moving: Floats) -> None:
    """Write the state of ``gather``'s copies back."""
    for j in range(moving.shape[1]):
        for row in range(4):
            units[row, running[j]] = moving[row, j]


@njit(cache=True)  # type: ignore[untyped-decorator]
def move_island(
    moving: Floats, fixed: Floats, deviation_hz: float, valve_decay: float, decay: float, share: float
) -> float:
    """One sub-step of the units of one island: ramp, droop governor with limits, valve lag, reheat turbine;
    returns their power, MW. moving (4, units), fixed (5, units): see ``gather``.

    valve_decay, decay: exp(-step / T_valve), exp(-step / T_reheat): exact for inputs held over the sub-step;
    share: of the high-pressure turbine. A unit that was just started is below its minimum until its ramp has
    reached that.
    """
    reference, valve, reheat, power = moving[0], moving[1], moving[2], moving[3]
    target, low, high, droop, reach = fixed[0], fixed[1], fixed[2], fixed[3], fixed[4]
    # A loop without a sum runs in vector instructions; the sum has an order of its own.
    for j in range(len(target)):
        ramped = reference[j] + min(max(target[j] - reference[j], -reach[j]), reach[j])
        wanted = min(max(ramped - droop[j] * deviation_hz, min(low[j], ramped)), high[j])
        opened = wanted + (valve[j] - wanted) * valve_decay
        reheated = opened + (reheat[j] - opened) * decay
        reference[j], valve[j], reheat[j] = ramped, opened, reheated
        power[j] = share * opened + (1.0 - share) * reheated
    total_mw = 0.0
    for j in range(len(power)):
        total_mw += power[j]
    return total_mw


@njit(cache=True)  # type: ignore[untyped-decorator]
def beyond_deadband(hz: float, model: Floats) -> float:
    """What governors answer: the deviation from nominal, counted from the edge of the deadband."""
    deviation_hz = hz - model[NOMINAL_HZ]
    return float(deviation_hz - min(max(deviation_hz, -model[DEADBAND_HZ]), model[DEADBAND_HZ]))


@njit(cache=True)  # type: ignore[untyped-decorator]
def next_hz(
    hz: float,
    power_mw: float,
    load_mw: float,
    losses_mw: float,
    energy_mw_s: float,
    model: Floats,
    step_s: float,
) -> float:
    """Frequency of an island's centre of inertia after one sub-step of the swing equation.

    df/dt = f0 / (2 sum(H S)) (sum P_mechanical - L (1 + D (f - f0) / f0) - losses), Kundur 1994, 11.1.
    """
    relative = (hz - model[NOMINAL_HZ]) / model[NOMINAL_HZ]
    surplus_mw = power_mw - load_mw * (1.0 + model[DAMPING_PU] * relative) - losses_mw
    return float(hz + step_s * model[NOMINAL_HZ] * surplus_mw / (2.0 * energy_mw_s))


@njit(cache=True)  # type: ignore[untyped-decorator]
def run_quiet(
    units: Floats,
    running: Index,
    islands: Floats,
    ends: Index,
    model: Floats,
    n_islands: int,
    span_s: float,
    n_steps: int,
) -> tuple[bool, float]:
    """Sub-steps over ``span_s`` in which no relay looks: True and the lowest frequency of any island in any
    sub-step; False, and nothing changed, where a frequency leaves the quiet band.

    running (g,): positions of running units, island by island; ends (islands,): where each ends in that.
    """
    step_s = span_s / n_steps
    valve_decay, decay = np.exp(-step_s / model[VALVE_S]), np.exp(-step_s / model[REHEAT_S])
    share, low_hz, high_hz = model[PRESSURE_SHARE], model[QUIET_LOW_HZ], model[QUIET_HIGH_HZ]
    moving, fixed = gather(units, running, ends[n_islands - 1] if n_islands > 0 else 0, step_s)
    reached_hz = np.empty(n_islands)
    lowest_hz, first = np.inf, 0
    for k in range(n_islands):
        own_moving, own_fixed = moving[:, first : ends[k]], fixed[:, first : ends[k]]
        load_mw, energy_mw_s = islands[LOAD_MW, k], islands[ENERGY_MW_S, k]
        losses_mw = islands[LOSSES_MW, k] + islands[DRAWN_MW, k]
        hz, first = islands[HZ, k], ends[k]
        for _ in range(n_steps):
            deviation_hz = beyond_deadband(hz, model)
            power_mw = move_island(own_moving, own_fixed, deviation_hz, valve_decay, decay, share)
            hz = next_hz(hz, power_mw, load_mw, losses_mw, energy_mw_s, model, step_s)
            if not low_hz < hz < high_hz:
                return False, np.inf
            lowest_hz = min(lowest_hz, hz)
        reached_hz[k] = hz
    islands[HZ, :n_islands] = reached_hz
    scatter(units, running, moving)
    return True, lowest_hz


@njit(cache=True)  # type: ignore[untyped-decorator]
def run_watched(
    units: Floats,
    running: Index,
    islands: Floats,
    ends: Index,
    model: Floats,
    n_islands: int,
    span_s: float,
    n_steps: int,
    unit_island: Index,
    loads: LoadRelays,
    relays: UnitRelays,
    stages_hz: Floats,
    ufls_delay_s: float,
) -> tuple[float, float, bool]:
    """Sub-step until a frequency relay acts or ``span_s`` is over; returns the time that passed, s, the
    lowest frequency of any island in any sub-step, inf without one, and whether a relay acted.

    Which relays acted stands in ``loads.acts`` and ``relays.trips``. unit_island (g,): -1 where off.
    """
    step_s = span_s / n_steps
    valve_decay, decay = np.exp(-step_s / model[VALVE_S]), np.exp(-step_s / model[REHEAT_S])
    share, low_hz, high_hz = model[PRESSURE_SHARE], model[QUIET_LOW_HZ], model[QUIET_HIGH_HZ]
    moving, fixed = gather(units, running, ends[n_islands - 1] if n_islands > 0 else 0, step_s)
    hz = islands[HZ]
    lowest_hz = np.inf
    was_quiet = acts = trips = False
    passed_s = span_s
    for n in range(n_steps):
        quiet, first = True, 0
        for k in range(n_islands):
            deviation_hz = beyond_deadband(hz[k], model)
            own_moving, own_fixed = moving[:, first : ends[k]], fixed[:, first : ends[k]]
            power_mw = move_island(own_moving, own_fixed, deviation_hz, valve_decay, decay, share)
            losses_mw = islands[LOSSES_MW, k] + islands[DRAWN_MW, k]
            load_mw, energy_mw_s = islands[LOAD_MW, k], islands[ENERGY_MW_S, k]
            hz[k] = next_hz(hz[k], power_mw, load_mw, losses_mw, energy_mw_s, model, step_s)
            lowest_hz = min(lowest_hz, hz[k])
            quiet = quiet and low_hz < hz[k] < high_hz
            first = ends[k]
        # Two quiet sub-steps in a row: every timer is at 0 already, so nothing is left to do.
        if quiet and was_quiet:
            continue
        was_quiet = quiet
        acts = watch_loads(loads, hz, stages_hz, ufls_delay_s, step_s)
        trips = watch_units(relays, unit_island, hz, step_s)
        if acts or trips:
            passed_s = (n + 1) * step_s
            break
    scatter(units, running, moving)
    return passed_s, lowest_hz, acts or trips


@njit(cache=True)  # type: ignore[untyped-decorator]
def hz_at(bus_island: Index, hz: Floats, dead_hz: float) -> Floats:
    """(n,) frequency at every bus; bus_island (n,): -1 dead; hz per island."""
    found = np.empty(len(bus_island))
    for i in range(len(found)):
        found[i] = hz[bus_island[i]] if bus_island[i] >= 0 else dead_hz
    return found
