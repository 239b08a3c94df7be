"""Linear bounds from any value back to the input (Zhang et al. 2018, CROWN), sound in floating point.

What rounding may take is collected in ``slack`` on the way and charged once; see docs/certificates.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from detectors.verification.deadline import blocks
from detectors.verification.propagation import Trace
from detectors.verification.rounding import SPARE, TINY, UNIT, below

Floats = NDArray[np.float64]


def lowest(
    trace: Trace,
    value: int,
    coefficients: Floats,
    slopes: Mapping[int, Floats] | None = None,
    seen: dict[int, Floats] | None = None,
    added: Mapping[int, Floats] | None = None,
) -> Floats:
    """(batch, rows): lower bounds of coefficients (batch, rows, size) @ value number ``value``, for the exact
    network over the trace's region.

    slopes: node -> lower slopes (batch, size) of its activation. The boxes of all earlier values must hold.
    seen: takes the coefficients (batch, rows, size) that arrive at each value, by its number. added:
    value -> coefficients (batch, rows, size) of it that are bounded along with the others. Raises OutOfTime.
    """
    network, chosen, joined = trace.network, slopes or {}, added or {}
    waiting: dict[int, Floats] = {value: coefficients}
    batch, rows, _ = coefficients.shape
    constant, slack, spent = (np.zeros((batch, rows)) for _ in range(3))
    for node in range(value - 1, -1, -1):
        if node + 1 in joined:
            slack += _join(waiting, node + 1, joined[node + 1], trace)
        carried = waiting.pop(node + 1, None)
        if carried is None:
            continue
        trace.deadline.check()
        if seen is not None:
            seen[node + 1] = carried
        operation, inputs = network.nodes[node]
        pulled = operation.pull(carried, trace.inputs(node), trace.values[node + 1], chosen.get(node))
        constant += pulled.constant
        spent += np.abs(pulled.constant)
        slack += pulled.slack
        for i, own in zip(inputs, pulled.coefficients, strict=True):
            slack += _join(waiting, i, own, trace)
    if 0 in joined:
        slack += _join(waiting, 0, joined[0], trace)
    total = constant
    if 0 in waiting:
        if seen is not None:
            seen[0] = waiting[0]
        ends = trace.region.lowest(waiting[0])
        total, spent = total + ends, spent + np.abs(ends)
    wide = 16.0 * (value + 8.0) * UNIT
    return below(total, (slack + wide * spent) * SPARE * (1.0 + wide) + 1e-290)


def _join(waiting: dict[int, Floats], value: int, own: Floats, trace: Trace) -> Floats:
    """Add coefficients to those that wait at a value; (batch, rows) of what that may lose."""
    waiting[value] = waiting[value] + own if value in waiting else own
    # A sum of two rounds each coefficient once more, and underflow takes from each.
    lost = 2.0 * UNIT * np.abs(waiting[value]) + TINY
    return np.asarray((lost @ trace.values[value].box.size[:, :, None])[:, :, 0])


def in_blocks(trace: Trace, rows: int) -> Iterator[slice]:
    """Of ``rows`` rows of ``lowest``: as many at once as take a step of the deadline."""
    return blocks(rows, trace.region.batch * max(float(trace.network.cost), trace.region.cost))
