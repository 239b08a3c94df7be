"""Search for a point of a set that violates: gradient descent on the margin, from many starts.

Madry et al. 2018 (projected gradient descent), with the rows that do not yet violate as the loss.
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from detectors.verification.box import Box
from detectors.verification.deadline import NEVER, STEP, Clock, Deadline, OutOfTime, blocks
from detectors.verification.network import Network
from detectors.verification.operations.base import Bounded
from detectors.verification.problem import Clause, Problem
from detectors.verification.propagation import propagate
from detectors.verification.rounding import ARITHMETICS
from detectors.verification.sets import Boxes

Floats = NDArray[np.float64]

STARTS = 64
STEPS = 40
SHARES = (0.5, 0.004), (0.05, 0.0004)
"""First and last step, as shares of the set's half width: from random starts, from the best of many."""
SAMPLES = 16_384
CHUNK = 2048
MOST_CORNERS = 6


def confirmed(problem: Problem, point: Floats, deadline: Deadline = NEVER) -> bool:
    """Whether the point is in the set and violates for certain: intervals of the network at this one point
    hold what rounding may do to it in binary64, so that the exact network violates as well. Raises
    OutOfTime."""
    if not (np.isfinite(point).all() and problem.region.contains(point)):
        return False
    with np.errstate(all="ignore"):
        trace = propagate(problem.network, Boxes(point, point), ARITHMETICS["binary64"], deadline)
        return any(
            bool((_highest(trace.values[-1].box, clause) <= 0.0).all())
            for clause in problem.specification.clauses
        )


def _highest(box: Box, clause: Clause) -> Floats:
    """(rows,) upper bounds of matrix @ y - limits for y in the box."""
    size = np.abs(clause.matrix)
    spread = (box.reach @ size.T)[0]
    spent = (np.abs(box.middle) @ size.T)[0] + spread + np.abs(clause.limits)
    wide = ARITHMETICS["binary64"].theta(clause.matrix.shape[1] + 1)
    middle = (box.middle @ clause.matrix.T)[0]
    return np.asarray(np.nextafter(middle - clause.limits + spread + wide * spent, np.inf))


def falsify(
    problem: Problem, timeout_s: float, rounds: int = 4, seed: int = 0, clock: Clock = time.perf_counter
) -> Floats | None:
    """(n,) a confirmed point of the set that violates, None where none was found.

    First middle and corners of the hull, then ``rounds`` of descent from 64 points, random ones (half of
    them corners) and the best of many by turns; every start goes for one clause. The same seed finds the same
    point if time does not run out.
    """
    deadline, generator = Deadline(timeout_s, clock), np.random.default_rng(seed)
    found = None
    try:
        with np.errstate(all="ignore"):
            start = problem.region.nearest(_middle_and_corners(problem.region.hull))
            found = _first(problem, start, deadline)
            for number in range(rounds):
                if found is not None:
                    break
                many = number % 2 == 1
                target = np.arange(STARTS) % len(problem.specification.clauses)
                points = problem.region.draw(STARTS, generator)
                if many:
                    points = _best_of_many(problem, points, target, generator, deadline)
                found = _descend(problem, points, target, SHARES[many], deadline)
    except OutOfTime:
        pass
    return found


def _middle_and_corners(hull: Box) -> Floats:
    low, high, middle = hull.low[0], hull.high[0], hull.middle[0]
    points = [middle[None], low[None], high[None]]
    if len(low) <= MOST_CORNERS:
        bits = (np.arange(2 ** len(low))[:, None] >> np.arange(len(low))) & 1
        points.append(np.where(bits == 1, high, low))
    return np.vstack(points)


def _first(problem: Problem, points: Floats, deadline: Deadline) -> Floats | None:
    """The first of the points that violates and is confirmed."""
    for own in blocks(len(points), problem.network.cost):
        deadline.check()
        for point in points[own][problem.specification.violated(problem.network(points[own]))]:
            if confirmed(problem, point, deadline):
                return np.array(point)
    return None


def _best_of_many(
    problem: Problem,
    points: Floats,
    target: NDArray[np.intp],
    generator: np.random.Generator,
    deadline: Deadline,
) -> Floats:
    """For each start the best point that was drawn for its clause, the second start of a clause the second
    best, and so on."""
    clauses = problem.specification.clauses
    best = [np.empty((0, points.shape[1] + 1))] * len(clauses)
    chunk = min(CHUNK, max(1, int(STEP / problem.network.cost)))
    for _ in range(SAMPLES // CHUNK):
        deadline.check()
        drawn = problem.region.draw(chunk, generator)
        outputs = problem.network(drawn)
        for number, clause in enumerate(clauses):
            worst = (outputs @ clause.matrix.T - clause.limits).max(axis=1, keepdims=True)
            ranked = np.vstack([best[number], np.hstack([worst, drawn])])
            # Corners come again and again.
            best[number] = ranked[np.unique(ranked[:, 0], return_index=True)[1][:STARTS]]
    return np.array([best[c][i // len(clauses) % len(best[c]), 1:] for i, c in enumerate(target)])


def _descend(
    problem: Problem,
    points: Floats,
    target: NDArray[np.intp],
    shares: tuple[float, float],
    deadline: Deadline,
) -> Floats | None:
    reach = problem.region.hull.reach[0]
    clauses = problem.specification.clauses
    signed = (np.arange(len(points)) // len(clauses)) % 2 == 0
    for share in np.geomspace(*shares, STEPS):
        found = _first(problem, points, deadline)
        if found is not None:
            return found
        outputs = problem.network(points)
        weights = np.zeros_like(outputs)
        for number, clause in enumerate(clauses):
            own = target == number
            weights[own] = _uphill(outputs[own], clause)
        slope = gradients(problem.network, points, weights) * reach
        largest = np.abs(slope).max(axis=1, keepdims=True)
        scaled = slope / np.where(largest > 0.0, largest, 1.0)
        step = np.where(signed[:, None], np.sign(slope), scaled)
        points = problem.region.nearest(points - share * reach * step)
    return _first(problem, points, deadline)


def _uphill(outputs: Floats, clause: Clause) -> Floats:
    """(points, outputs) weights of the outputs in the sum of the rows that do not yet violate, the worst one
    counted twice."""
    rows = outputs @ clause.matrix.T - clause.limits
    active = (rows > 0.0).astype(np.float64)
    active[np.arange(len(rows)), rows.argmax(axis=1)] += 1.0
    return np.asarray(active @ clause.matrix)


def gradients(network: Network, points: Floats, weights: Floats) -> Floats:
    """(points, inputs) gradient of the sum of weights (points, outputs) times outputs at each point: on a box
    that is one point, the lines of every operation are its tangent."""
    values = network.values(points)
    known = [Bounded(Box(v, v), np.abs(v)) for v in values]
    waiting: dict[int, Floats] = {len(values) - 1: weights[:, None, :]}
    for node in range(len(values) - 2, -1, -1):
        carried = waiting.pop(node + 1, None)
        if carried is None:
            continue
        operation, inputs = network.nodes[node]
        boxes = tuple(known[i].box for i in inputs)
        pulled = operation.pull(carried, boxes, known[node + 1], None)
        for i, own in zip(inputs, pulled.coefficients, strict=True):
            waiting[i] = waiting[i] + own if i in waiting else own
    return waiting[0][:, 0, :] if 0 in waiting else np.zeros_like(points)
