"""Search for violations: descent on the margin from drawn points (PGD with restarts, Madry et al. 2018)."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from detectors.verification.box import Box
from detectors.verification.network import Network
from detectors.verification.operations.base import Bounded
from detectors.verification.problem import Problem

Floats = NDArray[np.float64]
POINTS, STEPS, ROUNDS = 96, 40, 20


def search(problem: Problem, deadline: float) -> Floats:
    """(points, inputs) of the set that violate as plain binary64 sees it, the clearest first; none where
    none is found. deadline: of ``time.perf_counter``. Draws are the same every time."""
    generator = np.random.default_rng(0)
    for _ in range(ROUNDS):
        found = descend(problem, problem.region.draw(POINTS, generator), deadline)
        if len(found) or time.perf_counter() >= deadline:
            return found
    return np.empty((0, problem.network.inputs))


def descend(problem: Problem, points: Floats, deadline: float) -> Floats:
    """The same from these points; each strives for one clause."""
    aims = np.arange(len(points)) % len(problem.specification.clauses)
    best, least = points.copy(), np.full(len(points), np.inf)
    for step in range(STEPS):
        depth, down = _downhill(problem, points, aims)
        better = depth < least
        best[better], least[better] = points[better], depth[better]
        if time.perf_counter() >= deadline:
            break
        points = problem.region.nearest(points + 0.3 * (1.0 - step / STEPS) ** 2 * down)
    order = np.argsort(least, kind="stable")
    return best[order[least[order] <= 0.0]]


def suspects(problem: Problem, count: int) -> Floats:
    """(points, inputs) of the set where a violation, if there were one, is likelier than elsewhere: drawn
    ones, and from each the corner down its gradient (Goodfellow et al. 2015, FGSM)."""
    points = problem.region.draw(count, np.random.default_rng(1))
    _, down = _downhill(problem, points, np.arange(count) % len(problem.specification.clauses))
    return np.vstack([points, problem.region.nearest(points + down)])


def _downhill(problem: Problem, points: Floats, aims: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """How far each point (points,) is from a violation of the clause it aims at, at most 0 in one, and the
    step (points, inputs) as wide as the set that lowers it; no step where the gradient overflows."""
    low, high = problem.region.hull.low[0], problem.region.hull.high[0]
    with np.errstate(all="ignore"):
        depth, rows = _depths(problem, problem.network(points), aims)
        signs = np.sign(gradients(problem.network, points, rows))
    return depth, -(high - low) * np.nan_to_num(signs)


def _depths(problem: Problem, outputs: Floats, aims: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Of the row that is furthest from being violated in each point's clause: value (points,), at most 0 in
    a violation, and coefficients (points, outputs)."""
    depth, rows = np.empty(len(outputs)), np.empty(outputs.shape)
    for number, (matrix, limits) in enumerate(problem.specification.clauses):
        own = np.flatnonzero(aims == number)
        values = outputs[own] @ matrix.T - limits
        worst = values.argmax(axis=1)
        depth[own], rows[own] = values[np.arange(len(own)), worst], matrix[worst]
    return depth, rows


def gradients(network: Network, points: Floats, rows: Floats) -> Floats:
    """(points, inputs): of rows (points, outputs) @ output. A linear bound over a single point is the
    tangent, so the bound rules serve here as well."""
    values = network.values(points)
    boxes = [Bounded(Box(value, value), np.abs(value)) for value in values]
    waiting = {len(network.nodes): rows[:, None, :]}
    for node in range(len(network.nodes) - 1, -1, -1):
        carried = waiting.pop(node + 1, None)
        if carried is None:
            continue
        operation, inputs = network.nodes[node]
        pulled = operation.pull(carried, tuple(boxes[i].box for i in inputs), boxes[node + 1], None)
        for i, own in zip(inputs, pulled.coefficients, strict=True):
            waiting[i] = waiting[i] + own if i in waiting else own
    return waiting[0][:, 0, :] if 0 in waiting else np.zeros_like(points)
