"""Zonotopes carried forward through every operation (AI2, Gehr et al. 2018; DeepZ, Singh et al. 2018)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from detectors.verification.box import Box
from detectors.verification.deadline import Deadline
from detectors.verification.methods.base import Found, Method
from detectors.verification.network import Network, Node
from detectors.verification.operations import Affine
from detectors.verification.problem import Problem
from detectors.verification.propagation import Trace, propagate
from detectors.verification.rounding import ARITHMETICS
from detectors.verification.zonotope import Zonotope
from streams.errors import BadInput

MOST_NUMBERS = 2**27
"""In all zonotopes of a network, 1 GiB."""


class Zonotopes(Method):
    """One forward pass that knows what values have in common. The rows of the specification are one more
    affine operation."""

    name: ClassVar[str] = "zonotope"
    description: ClassVar[str] = "zonotopes forward (AI2, Gehr et al. 2018; DeepZ, Singh et al. 2018)"

    def solve(self, problem: Problem, deadline: Deadline) -> Found:
        """Intersected with intervals, value by value."""
        network, (matrix, limits) = problem.network, problem.specification.rows
        rows = Node(Affine([matrix], -limits), (len(network.nodes),))
        extended = Network(network.inputs, (*network.nodes, rows))
        trace = propagate(extended, problem.region, ARITHMETICS[problem.evaluation], deadline)
        tighten_by_zonotopes(trace)
        return Found(float(problem.specification.margin(trace.values[-1].box.low).min()))


def tighten_by_zonotopes(trace: Trace) -> list[Zonotope]:
    """Tighten every value of the trace; the zonotopes of all values for the exact network. Raises OutOfTime,
    and BadInput where they would hold more than ``MOST_NUMBERS``."""
    found = [trace.region.zonotope]
    symbols = found[0].generators.shape[1]
    for node, (operation, inputs) in enumerate(trace.network.nodes):
        trace.forward(node)
        _affordable(node, symbols * trace.network.sizes[node + 1] * trace.region.batch, found)
        given = tuple(found[i].over(symbols) for i in inputs)
        boxes = trace.inputs(node)
        if isinstance(operation, Affine):
            result, radii = operation.zonotope(given, boxes, trace.deadline)
        else:
            result, radii = operation.zonotope(given, boxes)
        result = result.with_fresh(radii)
        symbols = result.generators.shape[1]
        found.append(result)
        box, error = result.box, trace.evaluation_error_of(node + 1)
        trace.tighten(
            node + 1, Box(np.nextafter(box.low - error, -np.inf), np.nextafter(box.high + error, np.inf))
        )
    return found


def _affordable(node: int, more: int, found: list[Zonotope]) -> None:
    numbers = more + sum(zonotope.generators.size for zonotope in found)
    if numbers > MOST_NUMBERS:
        raise BadInput(f"operation {node + 1}, numbers in zonotopes", numbers, f"at most {MOST_NUMBERS}")
