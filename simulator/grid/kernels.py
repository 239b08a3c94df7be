"""Compiled kernels of frequency and relays. Private, pure but for the arrays they update, unvalidated.

Oracles in plain Python: ``tests/reference/grid_dynamics.py``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Index = NDArray[np.int64]
Flags = NDArray[np.bool_]

# Times are sums of sub-steps: a delay counts as over this much before it is.
SLACK_S = 1e-9


class Units(NamedTuple):
    """Per unit (g,). island: position, -1 where off or dead; running: positions of those that are not, in
    front, island by island; setpoint, reference (ramped set-point), valve, reheat, power: MW; low, high: MW
    limits; droop_mw_per_hz; ramp_mw_per_s."""

    island: Index
    running: Index
    setpoint: Floats
    reference: Floats
    valve: Floats
    reheat: Floats
    power: Floats
    low: Floats
    high: Floats
    droop_mw_per_hz: Floats
    ramp_mw_per_s: Floats


class Islands(NamedTuple):
    """Per island, arrays at least as long as there are islands. load_mw: connected demand at nominal
    frequency; losses_mw; energy_mw_s: stored energy sum(H S); hz; end: where its units end in
    ``Units.running``."""

    load_mw: Floats
    losses_mw: Floats
    energy_mw_s: Floats
    hz: Floats
    end: Index


class LoadRelays(NamedTuple):
    """Under-frequency relay per load (d,): island (-1 dead), gain on its measured frequency, next stage,
    timer_s, acts (set by the kernel)."""

    island: Index
    gain: Floats
    stage: Index
    timer_s: Floats
    acts: Flags


class UnitRelays(NamedTuple):
    """Frequency relays per unit: gain (g,), timer_s (g, limits), trips (g,) set by the kernel. limit_hz
    (g, limits), delay_s (limits,): the first ``n_low`` are under-frequency, the others over-frequency."""

    gain: Floats
    timer_s: Floats
    trips: Flags
    limit_hz: Floats
    delay_s: Floats
    n_low: int


class Model(NamedTuple):
    """Numbers of the frequency model, see ``DynamicsSettings``."""

    nominal_hz: float
    damping_pu: float
    valve_s: float
    reheat_s: float
    high_pressure_share: float
    deadband_hz: float


@njit(cache=True)  # type: ignore[untyped-decorator]
def gather(units: Units, n_running: int, step_s: float, moving: Floats, fixed: Floats) -> None:
    """Copy the running units, so that sub-steps find each in one place and skip nothing.

    moving (running, 4): reference, valve, reheat, power; fixed (running, 5): target, low, high, droop in MW
    per Hz, reach of the ramp in one sub-step.
    """
    for j in range(n_running):
        i = units.running[j]
        moving[j, 0], moving[j, 1] = units.reference[i], units.valve[i]
        moving[j, 2], moving[j, 3] = units.reheat[i], units.power[i]
        # The ramp aims within the limits, so that no set-point winds it up.
        fixed[j, 0] = min(max(units.setpoint[i], units.low[i]), units.high[i])
        fixed[j, 1], fixed[j, 2] = units.low[i], units.high[i]
        fixed[j, 3], fixed[j, 4] = units.droop_mw_per_hz[i], units.ramp_mw_per_s[i] * step_s


@njit(cache=True)  # type: ignore[untyped-decorator]
def scatter(units: Units, n_running: int, moving: Floats) -> None:
    """Write the state of ``gather``'s copies back."""
    for j in range(n_running):
        i = units.running[j]
        units.reference[i], units.valve[i] = moving[j, 0], moving[j, 1]
        units.reheat[i], units.power[i] = moving[j, 2], moving[j, 3]


@njit(cache=True)  # type: ignore[untyped-decorator]
def move_island(
    moving: Floats,
    fixed: Floats,
    first: int,
    end: int,
    deviation_hz: float,
    valve_decay: float,
    decay: float,
    share: float,
) -> float:
    """One sub-step of the units ``first`` to ``end`` of one island: ramp, droop governor with limits, valve
    lag, reheat turbine; returns their power, MW.

    valve_decay, decay: exp(-step / T_valve), exp(-step / T_reheat): exact for inputs held over the sub-step;
    share: of the high-pressure turbine. A unit that was just started is below its minimum until its ramp has
    reached that.
    """
    total_mw = 0.0
    for j in range(first, end):
        reference, reach = moving[j, 0], fixed[j, 4]
        reference += min(max(fixed[j, 0] - reference, -reach), reach)
        low, high = min(fixed[j, 1], reference), fixed[j, 2]
        wanted = min(max(reference - fixed[j, 3] * deviation_hz, low), high)
        valve = wanted + (moving[j, 1] - wanted) * valve_decay
        reheat = valve + (moving[j, 2] - valve) * decay
        power = share * valve + (1.0 - share) * reheat
        moving[j, 0], moving[j, 1], moving[j, 2], moving[j, 3] = reference, valve, reheat, power
        total_mw += power
    return total_mw


@njit(cache=True)  # type: ignore[untyped-decorator]
def next_hz(
    hz: float,
    power_mw: float,
    load_mw: float,
    losses_mw: float,
    energy_mw_s: float,
    model: Model,
    step_s: float,
) -> float:
    """Frequency of an island's centre of inertia after one sub-step of the swing equation.

    df/dt = f0 / (2 sum(H S)) (sum P_mechanical - L (1 + D (f - f0) / f0) - losses), Kundur 1994, 11.1.
    """
    relative = (hz - model.nominal_hz) / model.nominal_hz
    surplus_mw = power_mw - load_mw * (1.0 + model.damping_pu * relative) - losses_mw
    return hz + step_s * model.nominal_hz * surplus_mw / (2.0 * energy_mw_s)


@njit(cache=True)  # type: ignore[untyped-decorator]
def watch_loads(relays: LoadRelays, hz: Floats, stages_hz: Floats, delay_s: float, step_s: float) -> bool:
    """One sub-step of under-frequency relays; True if any acts. Each stage has its own full delay."""
    any_acts = False
    for i in range(len(relays.island)):
        stage = relays.stage[i]
        if relays.island[i] < 0 or stage >= len(stages_hz):
            continue
        if hz[relays.island[i]] * relays.gain[i] >= stages_hz[stage]:
            relays.timer_s[i] = 0.0
            continue
        relays.timer_s[i] += step_s
        if relays.timer_s[i] >= delay_s - SLACK_S:
            relays.timer_s[i] = 0.0
            relays.stage[i] += 1
            relays.acts[i] = any_acts = True
    return any_acts


@njit(cache=True)  # type: ignore[untyped-decorator]
def watch_units(relays: UnitRelays, units: Units, hz: Floats, step_s: float) -> bool:
    """One sub-step of the units' frequency relays; True if any trips."""
    any_trips = False
    for i in range(len(units.island)):
        if units.island[i] < 0:
            continue
        seen = hz[units.island[i]] * relays.gain[i]
        for j in range(len(relays.delay_s)):
            limit_hz = relays.limit_hz[i, j]
            beyond = seen <= limit_hz if j < relays.n_low else seen >= limit_hz
            if not beyond:
                relays.timer_s[i, j] = 0.0
                continue
            relays.timer_s[i, j] += step_s
            if relays.timer_s[i, j] >= relays.delay_s[j] - SLACK_S:
                relays.trips[i] = any_trips = True
    return any_trips


@njit(cache=True)  # type: ignore[untyped-decorator]
def run_frequency(
    units: Units,
    islands: Islands,
    loads: LoadRelays,
    relays: UnitRelays,
    stages_hz: Floats,
    ufls_delay_s: float,
    model: Model,
    quiet_hz: tuple[float, float],
    n_running: int,
    n_islands: int,
    span_s: float,
    n_steps: int,
    only_quiet: bool,
) -> tuple[float, float, bool]:
    """Sub-step until a frequency relay acts or ``span_s`` is over; returns the time that passed, s, the
    lowest frequency of any island in any sub-step, inf without one, and whether a relay acted.

    quiet_hz: see ``quiet_band``. Which relays acted stands in ``loads.acts`` and ``relays.trips``.
    only_quiet: as soon as a frequency leaves the band all is as before the call, and -1 s have passed.
    """
    step_s = span_s / n_steps
    valve_decay, decay = np.exp(-step_s / model.valve_s), np.exp(-step_s / model.reheat_s)
    lowest_hz = np.inf
    low_hz, high_hz = quiet_hz
    moving, fixed = np.empty((n_running, 4)), np.empty((n_running, 5))
    gather(units, n_running, step_s, moving, fixed)
    # Taken out of the tuple once: a look-up in the loop counts references.
    load_mw, losses_mw, energy_mw_s, hz = islands.load_mw, islands.losses_mw, islands.energy_mw_s, islands.hz
    ends = islands.end
    start_hz = hz[:n_islands].copy()
    was_quiet = acts = trips = False
    passed_s = span_s
    for n in range(n_steps):
        quiet, end = True, 0
        for k in range(n_islands):
            first, end = end, ends[k]
            deviation = hz[k] - model.nominal_hz
            # Governors answer what is beyond the deadband, counted from its edge.
            deviation -= min(max(deviation, -model.deadband_hz), model.deadband_hz)
            power = move_island(
                moving, fixed, first, end, deviation, valve_decay, decay, model.high_pressure_share
            )
            hz[k] = next_hz(hz[k], power, load_mw[k], losses_mw[k], energy_mw_s[k], model, step_s)
            lowest_hz = min(lowest_hz, hz[k])
            quiet = quiet and low_hz < hz[k] < high_hz
        # Two quiet sub-steps in a row: every timer is at 0 already, so nothing is left to do.
        if quiet and was_quiet:
            continue
        if only_quiet and not quiet:
            hz[:n_islands] = start_hz
            return -1.0, np.inf, False
        was_quiet = quiet
        acts = watch_loads(loads, hz, stages_hz, ufls_delay_s, step_s)
        trips = watch_units(relays, units, hz, step_s)
        if acts or trips:
            passed_s = (n + 1) * step_s
            break
    scatter(units, n_running, moving)
    return passed_s, lowest_hz, acts or trips


@njit(cache=True)  # type: ignore[untyped-decorator]
def quiet_band(loads: LoadRelays, relays: UnitRelays, stages_hz: Floats) -> tuple[float, float]:
    """Island frequencies, Hz, strictly between which no frequency relay picks up, whatever its gain."""
    low_hz, high_hz = 0.0, np.inf
    if (loads.gain <= 0.0).any() or (relays.gain <= 0.0).any():
        return np.inf, np.inf
    if len(stages_hz) > 0:
        for i in range(len(loads.gain)):
            low_hz = max(low_hz, stages_hz[0] / loads.gain[i])
    for j in range(len(relays.delay_s)):
        for i in range(len(relays.gain)):
            if j < relays.n_low:
                low_hz = max(low_hz, relays.limit_hz[i, j] / relays.gain[i])
            else:
                high_hz = min(high_hz, relays.limit_hz[i, j] / relays.gain[i])
    return low_hz, high_hz


@njit(cache=True)  # type: ignore[untyped-decorator]
def all_finite(values: Floats) -> bool:
    """Whether every value is a finite number."""
    # A running sum is finite only if every term is, up to overflow, which is no power either.
    return bool(np.isfinite(values.sum()))
