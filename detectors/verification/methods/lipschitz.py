"""Lipschitz margins: the specification's margin at the centre of the set, less how fast it can fall.

Three constants, from the coarsest to the finest: the product of the layers' operator norms (Szegedy et al.
2014), the same over neurons that can move within the set, and the norm of an interval bound of the gradient
(Hein and Andriushchenko 2017; Weng et al. 2018). The norm is that of the set: l2, l1, or linf of its hull.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.verification.deadline import Deadline
from detectors.verification.jacobian import gradient, slopes, supported
from detectors.verification.methods.base import Found, Method
from detectors.verification.methods.interval import rows_on_box
from detectors.verification.network import Network
from detectors.verification.operations import Affine
from detectors.verification.operations.activations import Activation
from detectors.verification.operator_norms import DUAL, operator_norm, vector_norm
from detectors.verification.problem import Problem
from detectors.verification.propagation import Trace, propagate
from detectors.verification.rounding import ARITHMETICS, SPARE, UNIT, theta
from detectors.verification.sets import Boxes, NormBall

Floats = NDArray[np.float64]


class Lipschitz(Method):
    """Margin at the centre minus constant times radius, for the least of the three constants."""

    name: ClassVar[str] = "lipschitz"
    description: ClassVar[str] = "margin over (local) Lipschitz constant (Hein and Andriushchenko 2017)"

    def solve(self, problem: Problem, deadline: Deadline) -> Found:
        """One interval pass for what can move, one at the centre, one gradient pass. Raises BadInput for
        operations that are neither affine nor activations."""
        network, region = problem.network, problem.region
        for number, node in enumerate(network.nodes):
            supported(number, node.operation)
        ball = region.norm_ball
        if ball.order == "inf":
            # The middle of the hull need not lie in the set: intervals must hold over the hull.
            if not (np.isfinite(region.hull.low).all() and np.isfinite(region.hull.high).all()):
                return Found(-np.inf)
            region = Boxes(*region.hull)
        trace = propagate(network, region, ARITHMETICS[problem.evaluation], deadline)
        falls = _falls(trace, problem.specification.rows[0], ball)
        fall = np.minimum(np.minimum(falls.product, falls.local), falls.gradient)
        bound = problem.specification.margin(_rows(trace, problem, ball, fall))
        largest = {name: part.max(axis=0).tolist() for name, part in falls._asdict().items()}
        return Found(float(bound.min()), detail={"norm": ball.order, "fall of each row": largest})


class _Falls(NamedTuple):
    """How far each row of the specification can fall within the ball, by each constant; (batch, rows)."""

    product: Floats
    local: Floats
    gradient: Floats


def _rows(trace: Trace, problem: Problem, ball: NormBall, fall: Floats) -> Floats:
    """(batch, rows) lower bounds of matrix @ y - limits, for exact numbers and evaluations alike."""
    matrix = problem.specification.rows[0]
    centre = propagate(trace.network, Boxes(ball.centre, ball.centre), ARITHMETICS["exact"])
    at_centre = rows_on_box(centre, problem)
    error = trace.evaluation_error_of(len(trace.values) - 1) @ np.abs(matrix).T
    wide = trace.arithmetic.theta(matrix.shape[1] + 1)
    spent = np.abs(at_centre) + error + trace.values[-1].box.size @ np.abs(matrix).T
    spent = spent + np.abs(problem.specification.rows[1])
    return np.nextafter(at_centre - (fall + error + wide * spent) * SPARE, -np.inf)


def _falls(trace: Trace, matrix: Floats, ball: NormBall) -> _Falls:
    steep = gradient(trace, matrix) * ball.scale[:, None, :] * SPARE
    by_gradient = vector_norm(steep, DUAL[ball.order]) * ball.radius * SPARE
    product, local = [], []
    for b in range(trace.region.batch):
        scale, network = ball.scale[b], trace.network
        trace.deadline.check()
        product.append(_product(network, matrix, ball, scale, _steepest(trace, None)))
        local.append(_product(network, matrix, ball, scale, _steepest(trace, b)))
    return _Falls(np.array(product), np.array(local), by_gradient)


def _steepest(trace: Trace, b: int | None) -> dict[int, Floats]:
    """Value -> greatest slopes (size,) of the activation that makes it: within set b, or anywhere."""
    found = {}
    for node, (operation, inputs) in enumerate(trace.network.nodes):
        if isinstance(operation, Activation):
            box = trace.values[inputs[0]].box
            anywhere = np.full(trace.network.sizes[node + 1], operation.steepest)
            found[node + 1] = anywhere if b is None else slopes(operation, box).high[b]
    return found


def _product(
    network: Network, matrix: Floats, ball: NormBall, scale: Floats, steep: dict[int, Floats]
) -> Floats:
    """(rows,) bounds of |rows @ (y(x) - y(centre))| over the ball.

    Every value differs from that at the centre by weight * u, elementwise, with ||u|| <= moved: an activation
    multiplies the weight by its slopes, an affine operation takes the weights into its matrices. Elements
    that only go where no slope is left need no bound.
    """
    moved, weight = [ball.radius], [scale]
    for node, (operation, inputs) in enumerate(network.nodes):
        if isinstance(operation, Affine):
            used = _used(network, node + 1, steep)
            parts = zip(operation.matrices, inputs, strict=True)
            moved.append(sum(_norm(m[used], weight[i], ball) * moved[i] for m, i in parts) * SPARE)
            weight.append(np.ones(network.sizes[node + 1]))
        else:
            moved.append(moved[inputs[0]])
            weight.append(weight[inputs[0]] * steep[node + 1])
    last, inputs = network.nodes[-1]
    if not isinstance(last, Affine):
        return vector_norm(np.abs(matrix) * weight[-1], DUAL[ball.order]) * moved[-1] * SPARE
    # The rows of the specification count together with the last matrix.
    falls = []
    for part, i in zip(last.matrices, inputs, strict=True):
        wide = theta(len(part))
        through = np.abs(matrix @ part) + wide * (np.abs(matrix) @ np.abs(part))
        falls.append(vector_norm(through * weight[i] * SPARE, DUAL[ball.order]) * moved[i] * SPARE)
    return np.asarray(np.sum(falls, axis=0) * SPARE)


def _used(network: Network, value: int, steep: dict[int, Floats]) -> NDArray[np.bool_]:
    """Which elements of a value matter to what takes it; all where that is not known to be none."""
    users = [node + 1 for node, (_, inputs) in enumerate(network.nodes) if value in inputs]
    if not users or any(user not in steep for user in users):
        return np.ones(network.sizes[value], dtype=np.bool_)
    return np.asarray(np.any([steep[user] > 0.0 for user in users], axis=0))


def _norm(matrix: Floats, weight: Floats, ball: NormBall) -> float:
    """Of matrix @ diag(weight); what that product rounds is in norm at most the sum of all it rounds."""
    scaled = matrix * weight
    return operator_norm(scaled[:, weight > 0.0], ball.order) + 8.0 * UNIT * float(np.abs(scaled).sum())
