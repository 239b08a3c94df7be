"""Zonotopes carried forward through every operation (AI2, Gehr et al. 2018; DeepZ, Singh et al. 2018)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from detectors.verification.box import Box
from detectors.verification.methods.base import Found, Method
from detectors.verification.network import Network, Node
from detectors.verification.operations import Affine
from detectors.verification.problem import Problem
from detectors.verification.propagation import Trace, propagate
from detectors.verification.rounding import ARITHMETICS
from detectors.verification.zonotope import Zonotope


class Zonotopes(Method):
    """One forward pass that knows what values have in common. The rows of the specification are one more
    affine operation."""

    name: ClassVar[str] = "zonotope"
    description: ClassVar[str] = "zonotopes forward (AI2, Gehr et al. 2018; DeepZ, Singh et al. 2018)"

    def solve(self, problem: Problem, timeout_s: float) -> Found:
        """Intersected with intervals, value by value."""
        network, (matrix, limits) = problem.network, problem.specification.rows
        rows = Node(Affine([matrix], -limits), (len(network.nodes),))
        extended = Network(network.inputs, (*network.nodes, rows))
        trace = propagate(extended, problem.region, ARITHMETICS[problem.evaluation])
        tighten_by_zonotopes(trace)
        return Found(float(problem.specification.margin(trace.values[-1].box.low).min()))


def tighten_by_zonotopes(trace: Trace) -> list[Zonotope]:
    """Tighten every value of the trace; the zonotopes of all values for the exact network."""
    found = [trace.region.zonotope]
    symbols = found[0].generators.shape[1]
    for node, (operation, inputs) in enumerate(trace.network.nodes):
        trace.forward(node)
        given = tuple(found[i].over(symbols) for i in inputs)
        result, radii = operation.zonotope(given, trace.inputs(node))
        result = result.with_fresh(radii)
        symbols = result.generators.shape[1]
        found.append(result)
        box, error = result.box, trace.evaluation_error_of(node + 1)
        trace.tighten(
            node + 1, Box(np.nextafter(box.low - error, -np.inf), np.nextafter(box.high + error, np.inf))
        )
    return found
