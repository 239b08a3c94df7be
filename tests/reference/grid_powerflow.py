"""Slow oracle of the power flow: bus mismatches and reactive limits of a finished state, from first
principles. It solves nothing: a state that passes is a solution, whatever found it."""

from __future__ import annotations

import cmath
import math


def injections_mva(case, voltage, closed) -> list[complex]:
    """Complex power into the network at every bus, MVA: branches (MATPOWER manual, 3.2) and shunts."""
    power = [0j] * len(case.bus_name)
    for i in range(len(case.branch_name)):
        if not closed[i]:
            continue
        f, t = int(case.branch_from[i]), int(case.branch_to[i])
        series = 1.0 / complex(case.branch_r[i], case.branch_x[i])
        half = complex(0.0, case.branch_b[i] / 2.0)
        tap = case.branch_tap[i] * cmath.exp(1j * math.radians(case.branch_shift_deg[i]))
        # Behind the ideal transformer the from side is at voltage / tap, and its current is over conj(tap).
        inner = voltage[f] / tap
        power[f] += inner * ((inner - voltage[t]) * series + inner * half).conjugate() * case.base_mva
        power[t] += (
            voltage[t] * ((voltage[t] - inner) * series + voltage[t] * half).conjugate() * case.base_mva
        )
    for n in range(len(case.bus_name)):
        shunt = complex(case.bus_gs_mw[n], -case.bus_bs_mvar[n])
        power[n] += abs(voltage[n]) ** 2 * shunt
    return power


def mismatches_mva(case, voltage, closed, load_mw, load_mvar, unit_mw, unit_mvar) -> list[complex]:
    """Generation - load - flow into the network at every bus, MVA; 0 for a solution."""
    left = [-s for s in injections_mva(case, voltage, closed)]
    for i, bus in enumerate(case.load_bus):
        left[bus] -= complex(load_mw[i], load_mvar[i])
    for i, bus in enumerate(case.unit_bus):
        left[bus] += complex(unit_mw[i], unit_mvar[i])
    return left


def limit_faults(case, voltage, unit_on, unit_mvar, tolerance_mvar, tolerance_pu) -> list[str]:
    """Units that break the rule: hold the set-point within the limits, or give the upper limit below it, or
    the lower limit above it."""
    faults = []
    for i, bus in enumerate(case.unit_bus):
        if not unit_on[i]:
            continue
        low, high = min(case.unit_q_min_mvar[i], 0.0), case.unit_q_max_mvar[i]
        above = abs(voltage[bus]) - case.unit_voltage_pu[i]
        q = unit_mvar[i]
        holds = abs(above) <= tolerance_pu and low - tolerance_mvar <= q <= high + tolerance_mvar
        gives_all = abs(q - high) <= tolerance_mvar and above <= tolerance_pu
        takes_all = abs(q - low) <= tolerance_mvar and above >= -tolerance_pu
        if not (holds or gives_all or takes_all):
            faults.append(f"{case.unit_name[i]}: {q:.2f} Mvar in [{low}, {high}], {above:+.4f} pu")
    return faults


def branch_figures(case, voltage, closed) -> list[tuple[complex, complex, float]]:
    """Per branch: power into it at each end, MVA, and the larger end current over the rated one."""
    figures = []
    for i in range(len(case.branch_name)):
        u, w = complex(voltage[case.branch_from[i]]), complex(voltage[case.branch_to[i]])
        if not closed[i] or u == 0.0 or w == 0.0:
            figures.append((0j, 0j, 0.0))
            continue
        series = 1.0 / complex(case.branch_r[i], case.branch_x[i])
        half = complex(0.0, case.branch_b[i] / 2.0)
        tap = case.branch_tap[i] * cmath.exp(1j * math.radians(case.branch_shift_deg[i]))
        inner = u / tap
        into_from = ((inner - w) * series + inner * half) / tap.conjugate()
        into_to = (w - inner) * series + w * half
        larger = max(abs(into_from), abs(into_to)) * case.base_mva / case.branch_rating_mva[i]
        ends = (u * into_from.conjugate() * case.base_mva, w * into_to.conjugate() * case.base_mva)
        figures.append((*ends, larger))
    return figures


def next_modes(case, units, mode, voltage, unit_mvar, returns, max_returns) -> dict[int, int]:
    """Which units change their reactive mode after a solution, by the rule in words: who is beyond a limit
    goes to it; if nobody is, who is on the far side of the set-point comes back."""
    low = [min(q, 0.0) for q in case.unit_q_min_mvar]
    high = list(case.unit_q_max_mvar)
    beyond = {}
    in_control = [i for i in units if mode[i] == 0]
    left = len(in_control)
    for i in in_control:
        over, under = unit_mvar[i] - high[i], low[i] - unit_mvar[i]
        if over > 1e-3 and over > under:
            beyond[i], left = 1, left - 1
        elif under > 1e-3 and left > 1:
            beyond[i], left = -1, left - 1
    if beyond:
        return beyond
    off = {i: mode[i] * (abs(voltage[case.unit_bus[i]]) - case.unit_voltage_pu[i]) for i in units if mode[i]}
    back = {i: 0 for i, above in off.items() if above > 1e-4 and returns[i] < max_returns}
    if back and any(returns[i] for i in units):
        furthest = max(back, key=lambda i: off[i])
        return {furthest: 0}
    return back
