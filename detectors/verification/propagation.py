"""Interval bounds of every value of a network, from the input forward."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detectors.verification.box import Box
from detectors.verification.deadline import NEVER, Deadline, blocks
from detectors.verification.network import Network
from detectors.verification.operations import Affine
from detectors.verification.operations.base import Bounded
from detectors.verification.rounding import Arithmetic
from detectors.verification.sets import Region

Floats = NDArray[np.float64]


@dataclass
class Trace:
    """values: bounds of every value, the input first; they may be tightened one by one. deadline: whatever
    works on the trace looks at it and raises OutOfTime."""

    network: Network
    region: Region
    arithmetic: Arithmetic
    values: list[Bounded]
    deadline: Deadline = NEVER
    _errors: list[Floats] = field(default_factory=list, init=False)

    def inputs(self, node: int) -> tuple[Box, ...]:
        """Boxes of what node takes."""
        return tuple(self.values[i].box for i in self.network.nodes[node].inputs)

    def tighten(self, value: int, box: Box) -> None:
        """Value number ``value`` also lies in ``box``."""
        known = self.values[value]
        self.values[value] = Bounded(known.box.within(box), known.magnitude)

    def forward(self, node: int) -> None:
        """Interval rule of one node on the boxes of its inputs, kept where it is the tighter."""
        self.deadline.check()
        found = self.network.nodes[node].operation.bound(self.inputs(node), self.arithmetic)
        found = _representable(found, self.arithmetic)
        if node + 1 < len(self.values):
            found = Bounded(found.box.within(self.values[node + 1].box), found.magnitude)
            self.values[node + 1] = found
        else:
            self.values.append(found)

    def inputs_are_off_by(self, errors: Floats) -> None:
        """(batch, inputs) of what an evaluation starts from; before any evaluation error is asked for."""
        self._errors = [errors]

    def evaluation_error_of(self, value: int) -> Floats:
        """(batch, size) how far value number ``value`` may be off the exact one when it is evaluated in the
        arithmetic; 0 for exact numbers."""
        if not self.arithmetic.unit:
            return np.zeros_like(self.values[value].box.low)
        # Kept: boxes only shrink, so an error found with an earlier one still holds.
        errors = self._errors or [np.zeros_like(self.values[0].box.low)]
        for node in range(len(errors) - 1, value):
            self.deadline.check()
            operation, inputs = self.network.nodes[node]
            own = tuple(errors[i] for i in inputs)
            result = self.values[node + 1]
            # The box holds the exact value and the evaluated one.
            width = np.nextafter(result.box.high - result.box.low, np.inf)
            errors.append(np.minimum(operation.error(own, self.inputs(node), result, self.arithmetic), width))
        self._errors = errors
        return errors[value]


def propagate(network: Network, region: Region, arithmetic: Arithmetic, deadline: Deadline = NEVER) -> Trace:
    """Intervals of all values. An affine operation on the input alone is bounded on the set itself, which for
    other sets than boxes is tighter than on its hull. Raises OutOfTime."""
    hull = region.hull
    trace = Trace(
        network, region, arithmetic, [_representable(Bounded(hull, hull.size), arithmetic)], deadline
    )
    for node, (operation, inputs) in enumerate(network.nodes):
        trace.forward(node)
        if isinstance(operation, Affine) and inputs == (0,):
            trace.tighten(node + 1, _on_set(operation, trace, trace.values[node + 1].magnitude))
    return trace


def _representable(found: Bounded, arithmetic: Arithmetic) -> Bounded:
    """NaN, which decides nothing and spreads, where an evaluation might overflow."""
    within = found.magnitude <= arithmetic.largest
    if within.all():
        return found
    return Bounded(Box(*(np.where(within, end, np.nan) for end in found.box)), found.magnitude)


def _on_set(operation: Affine, trace: Trace, magnitude: Floats) -> Box:
    region, arithmetic, matrix = trace.region, trace.arithmetic, operation.matrices[0]
    wide = arithmetic.theta(matrix.shape[1] + 1) * magnitude + arithmetic.floor
    low, high = np.empty_like(magnitude), np.empty_like(magnitude)
    for own in blocks(len(matrix), region.batch * region.cost):
        trace.deadline.check()
        rows = np.broadcast_to(matrix[own], (region.batch, *matrix[own].shape))
        low[:, own] = region.lowest(rows) + operation.bias[own]
        high[:, own] = -region.lowest(-rows) + operation.bias[own]
    return Box(np.nextafter(low - wide, -np.inf), np.nextafter(high + wide, np.inf))
