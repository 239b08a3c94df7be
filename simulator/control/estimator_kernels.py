"""Compiled parts of the state estimator: active power of the AC network, its derivatives, gain and residuals.

State: bus angles (n,) rad, then magnitudes (n,) pu. Measurements: flow into every branch at its from end
(l,), injection (n,), magnitude (n,), all pu; weight 0 leaves one out. Equations: Abur, Exposito 2004, section
2.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Index = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Network(NamedTuple):
    """start, end (l,); gff, gft, bft, gtt, gtf, btf (l,): parts of the branch admittances; shunt (n,): pu.

    Injection rows of the Jacobian as a compressed matrix: row_start (n + 1,), row_state (z,). place (l, 8):
    where a branch adds its derivatives by (angle from, angle to, magnitude from, magnitude to), first in the
    row of its from bus, then in that of its to bus; own (n,): place of a bus's own magnitude in its row.
    Slots in the gain matrix: flow_slot (l, 10), upper triangle of four states; pair_start (n + 1,),
    pair_slot: upper triangle of every injection row; diagonal (2 n,).
    """

    start: Index
    end: Index
    gff: Floats
    gft: Floats
    bft: Floats
    gtt: Floats
    gtf: Floats
    btf: Floats
    shunt: Floats
    row_start: Index
    row_state: Index
    place: Index
    own: Index
    flow_slot: Index
    pair_start: Index
    pair_slot: Index
    diagonal: Index


class Rows(NamedTuple):
    """The Jacobian: of flows (l, 4), of injections (z,); expected: h(x), flows, injections, magnitudes."""

    flow: Floats
    injection: Floats
    expected: Floats


@njit(cache=True)  # type: ignore[untyped-decorator]
def linearise(net: Network, closed: Flags, state: Floats, rows: Rows) -> None:
    """Fill ``rows`` at ``state``."""
    n, branches = len(net.shunt), len(net.start)
    rows.injection[:] = 0.0
    for i in range(n):
        v = state[n + i]
        rows.expected[branches + i] = net.shunt[i] * v * v
        rows.injection[net.own[i]] = 2.0 * net.shunt[i] * v
        rows.expected[branches + n + i] = v
    for i in range(branches):
        if not closed[i]:
            rows.flow[i] = 0.0
            rows.expected[i] = 0.0
            continue
        f, t = net.start[i], net.end[i]
        vf, vt = state[n + f], state[n + t]
        c, s = np.cos(state[f] - state[t]), np.sin(state[f] - state[t])
        mixed_from, mixed_to = net.gft[i] * c + net.bft[i] * s, net.gtf[i] * c - net.btf[i] * s
        slope_from = vf * vt * (net.bft[i] * c - net.gft[i] * s)
        slope_to = vf * vt * (-net.gtf[i] * s - net.btf[i] * c)
        into_from = vf * vf * net.gff[i] + vf * vt * mixed_from
        rows.expected[i] = into_from
        rows.flow[i, 0], rows.flow[i, 1] = slope_from, -slope_from
        rows.flow[i, 2], rows.flow[i, 3] = 2.0 * vf * net.gff[i] + vt * mixed_from, vf * mixed_from
        rows.expected[branches + f] += into_from
        rows.expected[branches + t] += vt * vt * net.gtt[i] + vf * vt * mixed_to
        for q in range(4):
            rows.injection[net.place[i, q]] += rows.flow[i, q]
        rows.injection[net.place[i, 4]] += slope_to
        rows.injection[net.place[i, 5]] -= slope_to
        rows.injection[net.place[i, 6]] += vt * mixed_to
        rows.injection[net.place[i, 7]] += 2.0 * vt * net.gtt[i] + vf * mixed_to


@njit(cache=True)  # type: ignore[untyped-decorator]
def normal_equations(
    net: Network, rows: Rows, measured: Floats, weight: Floats, pin: Floats, gain: Floats, right: Floats
) -> None:
    """Fill ``gain`` (by slots) and ``right`` (2 n,) of gain dx = right; pin (2 n,): weight that holds a state
    where it is."""
    n, branches = len(net.shunt), len(net.start)
    gain[:] = 0.0
    right[:] = 0.0
    for k in range(2 * n):
        gain[net.diagonal[k]] += pin[k]
    states = np.empty(4, dtype=np.int64)
    for i in range(branches):
        w = weight[i]
        if w == 0.0:
            continue
        states[0], states[1] = net.start[i], net.end[i]
        states[2], states[3] = n + net.start[i], n + net.end[i]
        pull = w * (measured[i] - rows.expected[i])
        slot = 0
        for a in range(4):
            right[states[a]] += pull * rows.flow[i, a]
            for b in range(a, 4):
                gain[net.flow_slot[i, slot]] += w * rows.flow[i, a] * rows.flow[i, b]
                slot += 1
    for i in range(n):
        w = weight[branches + i]
        if w > 0.0:
            pull = w * (measured[branches + i] - rows.expected[branches + i])
            slot = net.pair_start[i]
            for a in range(net.row_start[i], net.row_start[i + 1]):
                right[net.row_state[a]] += pull * rows.injection[a]
                scaled = w * rows.injection[a]
                for b in range(a, net.row_start[i + 1]):
                    gain[net.pair_slot[slot]] += scaled * rows.injection[b]
                    slot += 1
        w = weight[branches + n + i]
        if w > 0.0:
            right[n + i] += w * (measured[branches + n + i] - rows.expected[branches + n + i])
            gain[net.diagonal[n + i]] += w


@njit(cache=True)  # type: ignore[untyped-decorator]
def estimate_variance(net: Network, rows: Rows, inverse: Floats) -> Floats:
    """Variance (l + 2 n,) of h(x) at the estimate, h G^-1 h^T; inverse: of the gain, by slots."""
    n, branches = len(net.shunt), len(net.start)
    variance = np.zeros(branches + 2 * n)
    for i in range(branches):
        slot = 0
        for a in range(4):
            for b in range(a, 4):
                twice = 1.0 if a == b else 2.0
                variance[i] += twice * rows.flow[i, a] * rows.flow[i, b] * inverse[net.flow_slot[i, slot]]
                slot += 1
    for i in range(n):
        slot = net.pair_start[i]
        for a in range(net.row_start[i], net.row_start[i + 1]):
            for b in range(a, net.row_start[i + 1]):
                twice = 1.0 if a == b else 2.0
                product = rows.injection[a] * rows.injection[b]
                variance[branches + i] += twice * product * inverse[net.pair_slot[slot]]
                slot += 1
        variance[branches + n + i] = inverse[net.diagonal[n + i]]
    return variance


@njit(cache=True)  # type: ignore[untyped-decorator]
def damp_swings(step: Floats, last: Floats, relax: Floats) -> None:
    """Adapt ``relax``, the share (2 n,) of each Gauss-Newton step that is taken.

    About a minimum that its gain matrix underestimates the curvature of, steps change sign and hardly shrink.
    A step that is q times the one before, of which the share w was taken, would have hit with w / (1 - q)
    (Aitken's extrapolation, state by state); shares stay from 0.05 to 1.
    """
    for i in range(len(step)):
        if last[i] != 0.0 and step[i] != 0.0:
            ratio = min(step[i] / last[i], 0.5)
            relax[i] = min(max(relax[i] / (1.0 - ratio), 0.05), 1.0)
