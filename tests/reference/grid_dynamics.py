"""Slow oracles of frequency: the sub-stepped kernels in plain Python, and the model as equations.

The dictionaries hold lists: per unit island, setpoint, reference, valve, reheat, power, low, high, droop,
ramp; per island load, losses, energy, hz.
"""

from __future__ import annotations

from math import exp

import numpy as np
from scipy.integrate import solve_ivp


def move_units(
    units: dict, hz: list[float], nominal: float, step: float, valve_s, reheat_s, share, deadband
) -> None:
    for i, k in enumerate(units["island"]):
        if k < 0:
            units["power"][i] = 0.0
            continue
        low, high = units["low"][i], units["high"][i]
        target = max(low, min(high, units["setpoint"][i]))
        reach = units["ramp"][i] * step
        gap = target - units["reference"][i]
        units["reference"][i] += gap if abs(gap) <= reach else (reach if gap > 0.0 else -reach)
        deviation = hz[k] - nominal
        if abs(deviation) <= deadband:
            deviation = 0.0
        else:
            deviation -= deadband if deviation > 0.0 else -deadband
        wanted = units["reference"][i] - units["droop"][i] * deviation
        wanted = max(min(low, units["reference"][i]), min(high, wanted))
        a, b = exp(-step / valve_s), exp(-step / reheat_s)
        units["valve"][i] = a * units["valve"][i] + (1.0 - a) * wanted
        units["reheat"][i] = b * units["reheat"][i] + (1.0 - b) * units["valve"][i]
        units["power"][i] = share * units["valve"][i] + (1.0 - share) * units["reheat"][i]


def swing(units: dict, islands: dict, n: int, nominal: float, damping: float, step: float) -> None:
    for k in range(n):
        made = sum(p for p, own in zip(units["power"], units["island"], strict=True) if own == k)
        drawn = islands["load"][k] * (1.0 + damping * (islands["hz"][k] / nominal - 1.0))
        surplus = made - drawn - islands["losses"][k]
        islands["hz"][k] += step * nominal * surplus / (2.0 * islands["energy"][k])


def run_frequency(units, islands, loads, relays, stages, ufls_delay_s, model, n_islands, span, n_steps):
    """Returns (time passed, lowest frequency, loads that act, units that trip).

    loads: island, gain, stage, timer lists; relays: gain, timer (one list per unit), limits (one list of
    (hz, delay s, is low) per unit). No short cut: every relay looks at every sub-step.
    """
    nominal, damping, valve_s, reheat_s, share, deadband = model
    step, lowest = span / n_steps, float("inf")
    for n in range(n_steps):
        move_units(units, islands["hz"], nominal, step, valve_s, reheat_s, share, deadband)
        swing(units, islands, n_islands, nominal, damping, step)
        lowest = min(lowest, *islands["hz"][:n_islands])
        acts = [
            _load_acts(loads, i, islands["hz"], stages, ufls_delay_s, step) for i in range(len(loads["gain"]))
        ]
        trips = [_unit_trips(relays, units, i, islands["hz"], step) for i in range(len(relays["gain"]))]
        if any(acts) or any(trips):
            return (n + 1) * step, lowest, acts, trips
    return span, lowest, [False] * len(loads["gain"]), [False] * len(relays["gain"])


def _load_acts(loads, i, hz, stages, delay_s, step) -> bool:
    k, stage = loads["island"][i], loads["stage"][i]
    if k < 0 or stage >= len(stages):
        return False
    loads["timer"][i] = loads["timer"][i] + step if hz[k] * loads["gain"][i] < stages[stage] else 0.0
    if loads["timer"][i] == 0.0 or loads["timer"][i] < delay_s - 1e-9:
        return False
    loads["timer"][i] = 0.0
    loads["stage"][i] += 1
    return True


def _unit_trips(relays, units, i, hz, step) -> bool:
    k = units["island"][i]
    if k < 0:
        return False
    tripped = False
    for j, (limit, delay_s, is_low) in enumerate(relays["limits"][i]):
        seen = hz[k] * relays["gain"][i]
        beyond = seen <= limit if is_low else seen >= limit
        relays["timer"][i][j] = relays["timer"][i][j] + step if beyond else 0.0
        tripped = tripped or (beyond and relays["timer"][i][j] >= delay_s - 1e-9)
    return tripped


def frequency_hz(
    t_s, power_mw, low_mw, high_mw, droop_mw_per_hz, energy_mw_s, load_mw, losses_mw, model
) -> np.ndarray:
    """Frequency of one island at times t_s, from steady state at ``power_mw`` (g,), integrated adaptively."""
    nominal, damping, valve_s, reheat_s, share = model
    g = len(power_mw)

    def slope(_, state):
        hz, valve, reheat = state[0], state[1 : g + 1], state[g + 1 :]
        wanted = np.clip(power_mw - droop_mw_per_hz * (hz - nominal), low_mw, high_mw)
        power = share * valve + (1.0 - share) * reheat
        surplus = power.sum() - load_mw * (1.0 + damping * (hz - nominal) / nominal) - losses_mw
        rate = nominal * surplus / (2.0 * energy_mw_s)
        return np.concatenate(([rate], (wanted - valve) / valve_s, (valve - reheat) / reheat_s))

    first = np.concatenate(([nominal], power_mw, power_mw))
    solution = solve_ivp(slope, (0.0, t_s[-1]), first, t_eval=t_s, rtol=1e-9, atol=1e-9, max_step=0.05)
    return solution.y[0]


def reheat_step_pu(t_s, step_pu, droop_pu, inertia_s, reheat_s, share, damping_pu, gain_pu=1.0) -> np.ndarray:
    """Anderson and Mirheydar 1990: closed form after a step of power, per unit; reheat lag only."""
    r, d, tr = droop_pu, damping_pu, reheat_s
    stiff = d * r + gain_pu
    wn = np.sqrt(stiff / (2.0 * inertia_s * r * tr))
    zeta = (2.0 * inertia_s * r + (d * r + gain_pu * share) * tr) / (2.0 * stiff) * wn
    wr = wn * np.sqrt(1.0 - zeta**2)
    a = np.sqrt((1.0 - 2.0 * tr * zeta * wn + tr**2 * wn**2) / (1.0 - zeta**2))
    phase = np.arctan2(wr * tr, 1.0 - zeta * wn * tr) - np.arctan2(np.sqrt(1.0 - zeta**2), -zeta)
    return r * step_pu / stiff * (1.0 + a * np.exp(-zeta * wn * t_s) * np.sin(wr * t_s + phase))


def reheat_extreme_s(droop_pu, inertia_s, reheat_s, share, damping_pu, gain_pu=1.0) -> float:
    """When the frequency is furthest off: the first zero of the derivative of ``reheat_step_pu``."""
    r, d, tr = droop_pu, damping_pu, reheat_s
    stiff = d * r + gain_pu
    wn = np.sqrt(stiff / (2.0 * inertia_s * r * tr))
    zeta = (2.0 * inertia_s * r + (d * r + gain_pu * share) * tr) / (2.0 * stiff) * wn
    wr = wn * np.sqrt(1.0 - zeta**2)
    return float(np.arctan2(wr * tr, zeta * wn * tr - 1.0) / wr)


def steady_pu(step_pu, droop_pu, damping_pu) -> float:
    """Where droop and damping hold a step of power."""
    return step_pu / (1.0 / droop_pu + damping_pu)
