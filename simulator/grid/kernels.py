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
    """Per unit (g,). island: position, -1 where off or dead; setpoint, reference (ramped set-point), valve,
    reheat, power: MW; low, high: MW limits; droop_mw_per_hz; ramp_mw_per_s."""

    island: Index
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
    frequency; losses_mw; energy_mw_s: stored energy sum(H S); hz."""

    load_mw: Floats
    losses_mw: Floats
    energy_mw_s: Floats
    hz: Floats


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


@njit(cache=True)  # type: ignore[untyped-decorator]
def move_units(units: Units, hz: Floats, nominal_hz: float, step_s: float, lags: Floats) -> None:
    """One sub-step of every unit: ramp, droop governor with limits, valve lag, reheat turbine.

    The ramp aims within the limits, so that no set-point winds it up.

    lags: (valve decay exp(-step/T_valve), reheat decay exp(-step/T_reheat), high-pressure share): exact for
    inputs held over the sub-step.
    """
    valve_decay, reheat_decay, share = lags[0], lags[1], lags[2]
    for i in range(len(units.island)):
        if units.island[i] < 0:
            units.power[i] = 0.0
            continue
        reach = units.ramp_mw_per_s[i] * step_s
        gap = min(max(units.setpoint[i], units.low[i]), units.high[i]) - units.reference[i]
        units.reference[i] += min(max(gap, -reach), reach)
        wanted = units.reference[i] - units.droop_mw_per_hz[i] * (hz[units.island[i]] - nominal_hz)
        wanted = min(max(wanted, units.low[i]), units.high[i])
        units.valve[i] = wanted + (units.valve[i] - wanted) * valve_decay
        units.reheat[i] = units.valve[i] + (units.reheat[i] - units.valve[i]) * reheat_decay
        units.power[i] = share * units.valve[i] + (1.0 - share) * units.reheat[i]


@njit(cache=True)  # type: ignore[untyped-decorator]
def swing(
    units: Units, islands: Islands, n_islands: int, nominal_hz: float, damping: float, step_s: float
) -> None:
    """One sub-step of the swing equation of every island's centre of inertia.

    df/dt = f0 / (2 sum(H S)) (sum P_mechanical - L (1 + D (f - f0) / f0) - losses), Kundur 1994, 11.1.
    """
    for k in range(n_islands):
        relative = (islands.hz[k] - nominal_hz) / nominal_hz
        surplus = -islands.load_mw[k] * (1.0 + damping * relative) - islands.losses_mw[k]
        for i in range(len(units.island)):
            if units.island[i] == k:
                surplus += units.power[i]
        islands.hz[k] += step_s * nominal_hz * surplus / (2.0 * islands.energy_mw_s[k])


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
    model: Floats,
    n_islands: int,
    span_s: float,
    n_steps: int,
) -> float:
    """Sub-step until a frequency relay acts or ``span_s`` is over; returns the time that passed, s.

    model: (nominal Hz, load damping, valve lag s, reheat lag s, high-pressure share). Which relays acted
    stands in ``loads.acts`` and ``relays.trips``.
    """
    step_s = span_s / n_steps
    nominal_hz, damping = model[0], model[1]
    lags = np.array([np.exp(-step_s / model[2]), np.exp(-step_s / model[3]), model[4]])
    low_hz, high_hz = quiet_band(loads, relays, stages_hz)
    was_quiet = False
    for n in range(n_steps):
        move_units(units, islands.hz, nominal_hz, step_s, lags)
        swing(units, islands, n_islands, nominal_hz, damping, step_s)
        quiet = True
        for k in range(n_islands):
            quiet = quiet and low_hz < islands.hz[k] < high_hz
        # Two quiet sub-steps in a row: every timer is at 0 already, so nothing is left to do.
        if quiet and was_quiet:
            continue
        was_quiet = quiet
        acts = watch_loads(loads, islands.hz, stages_hz, ufls_delay_s, step_s)
        trips = watch_units(relays, units, islands.hz, step_s)
        if acts or trips:
            return (n + 1) * step_s
    return span_s


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
