"""Grids small enough to work by hand or to enumerate, as ``GridState``."""

from dataclasses import replace

import numpy as np

from detectors.statements.grid_state import GridState


def shift_factors(n, start, end, susceptance):
    """PTDF (l, n) with the slack at bus 0, by the inverse of the reduced nodal matrix."""
    incidence = np.zeros((len(start), n))
    incidence[np.arange(len(start)), start] = 1.0
    incidence[np.arange(len(start)), end] = -1.0
    weighted = susceptance[:, None] * incidence
    factors = np.zeros((len(start), n))
    factors[:, 1:] = weighted[:, 1:] @ np.linalg.inv((incidence.T @ weighted)[1:, 1:])
    return factors


def make(n, start, end, susceptance, load, unit_bus, unit_high, limit, emergency=None, protected=()):
    """A state in which the first unit gives all; emergency: None for n-0."""
    start, end = np.array(start), np.array(end)
    load, unit_high = np.array(load, dtype=float), np.array(unit_high, dtype=float)
    power = np.zeros(len(unit_bus))
    power[0] = load.sum()
    lines = len(start)
    return GridState(
        names=tuple(f"{a + 1}-{b + 1}" for a, b in zip(start, end, strict=True)),
        factors=shift_factors(n, start, end, np.array(susceptance, dtype=float)),
        start=start,
        end=end,
        load_mw=load,
        offset_mw=np.zeros(lines),
        shiftable=load > 0.0,
        unit_bus=np.array(unit_bus),
        power_mw=power,
        unit_low_mw=np.zeros(len(unit_bus)),
        unit_high_mw=unit_high,
        limit_mw=np.broadcast_to(np.asarray(limit, dtype=float), lines).copy(),
        emergency_mw=np.broadcast_to(np.inf if emergency is None else np.asarray(emergency), lines).copy(),
        protected=np.array(protected, dtype=np.int64),
        closed=np.ones(lines, dtype=bool),
        live=np.ones(lines, dtype=bool),
    )


def triangle(limit=80.0, emergency=None, protected=(), at_three=0.0):
    """Three buses, three equal lines 1-2, 1-3, 2-3; units at 1 and 3, the second giving at_three MW now;
    90 MW of load at 2 and at 3."""
    state = make(
        3, [0, 0, 1], [1, 2, 2], [1.0, 1.0, 1.0], [0.0, 90.0, 90.0], [0, 2], [500.0, 500.0], limit, emergency,
        protected,
    )  # fmt: skip
    return replace(state, power_mw=np.array([180.0 - at_three, at_three]))


def random_grid(seed, buses=6, extra=4, emergency=1.3, protected=0):
    """A connected grid in which an economic dispatch within limits exists: limits fit flows of one."""
    rng = np.random.default_rng(seed)
    tree = [(int(rng.integers(b)), b) for b in range(1, buses)]
    more = [tuple(sorted(rng.choice(buses, 2, replace=False).tolist())) for _ in range(extra)]
    start, end = zip(*(tree + more), strict=True)
    load = rng.uniform(10.0, 100.0, buses) * (rng.random(buses) < 0.8)
    load[-1] = 50.0
    unit_bus = sorted(rng.choice(buses, 3, replace=False).tolist())
    state = make(
        buses, start, end, rng.uniform(0.5, 2.0, len(start)), load, unit_bus, [load.sum()] * 3, 1.0, None,
        sorted(rng.choice(len(start), protected, replace=False).tolist()),
    )  # fmt: skip
    shared = np.full(3, load.sum() / 3.0)
    flow = np.abs(state.flows(shared, load))
    after = np.abs(flow[:, None] + np.abs(state.outage_shares()) * flow[None, :]).max(axis=1)
    limit = np.maximum(1.1 * flow, 10.0)
    return GridState(
        **{
            **state.__dict__,
            "power_mw": shared,
            "limit_mw": limit,
            "emergency_mw": np.maximum(emergency * limit, after + 1.0) if emergency else state.emergency_mw,
        }
    )
