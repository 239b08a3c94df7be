"""Points for onnxruntime to judge: as deep in a violation as descent gets (Madry et al. 2018, PGD).

``detectors.verification.falsification`` stops at the first point that proves a violation. That point need not
survive the rounding to float32, and a violation that is a tie has no such point.
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from detectors.verification.falsification import gradients
from detectors.verification.problem import Problem

Floats = NDArray[np.float64]
STEPS = 40


def deepest(problem: Problem, points: Floats, deadline: float) -> Floats:
    """(points, inputs) of the set that violate as plain binary64 sees it, found by descent from these points,
    the clearest first; each strives for one clause. deadline: of ``time.perf_counter``."""
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
