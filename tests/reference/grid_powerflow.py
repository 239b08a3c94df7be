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
