"""A network and a specification from files, and what is to be said of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.exchange.counterexample import Judge
from detectors.exchange.descent import deepest, suspects
from detectors.exchange.onnx_reader import read_onnx
from detectors.exchange.runtime import Runtime
from detectors.exchange.vnnlib import Case, Query, read_vnnlib
from detectors.verification.cascade import COMPLETE, FALSIFICATION, FAST, cascade
from detectors.verification.network import Network
from detectors.verification.problem import Problem, Result, Verdict

Floats = NDArray[np.float64]
DEFAULT_TIMEOUT_S = 60.0
TRIED = 16
"""Points that onnxruntime is asked about for one finding."""
STARTS = 96
LAST_S = 1.0
"""Least time to look for what onnxruntime confirms, whatever the methods have spent."""


class Answer(msgspec.Struct, frozen=True):
    """bound: lower bound of the specification's margin over all inputs, certified above 0; None where there
    is none. It holds for the file's weights in exact arithmetic and for every evaluation in binary64, not for
    every one in float32. counterexample: inputs, row-major, for which onnxruntime finds the specification
    violated."""

    verdict: Verdict
    bound: float | None
    method: str
    seconds: float
    counterexample: tuple[float, ...] | None


def verify_files(
    net: Path, spec: Path, timeout_s: float, progress: Callable[[int, int], None] = lambda done, all_: None
) -> Answer:
    """net: an ONNX file; spec: a VNN-LIB file; progress is told how many of all input boxes are done. Raises
    BadInput for files that cannot be used."""
    started = time.perf_counter()
    network, shape = read_onnx(net)
    query = read_vnnlib(spec, network.inputs, network.outputs)
    runtime = Runtime(net, shape)
    results: list[Result] = []
    point = None
    for number, case in enumerate(query.cases):
        progress(number, len(query.cases))
        left = started + timeout_s - time.perf_counter()
        if left <= 0.0:
            results.append(Result("unknown", -np.inf, "none", 0.0))
            break
        share = left / (len(query.cases) - number)
        result, point = _verify_case(network, query, runtime, case, share)
        results.append(result)
        if point is not None:
            results = [result]
            break
    return _answer(results, point, time.perf_counter() - started)


def decide(problem: Problem, timeout_s: float, confirmed: Callable[[Floats], Floats | None]) -> Result:
    """The methods that run where none is named, the costly ones last. ``confirmed`` is asked of points that
    violate in plain binary64 by too little for a proof, before the costly methods start: a tie keeps those
    busy until the time is over."""
    started = time.perf_counter()
    fast = cascade(problem, timeout_s, FAST)
    if fast.verdict != "unknown":
        return fast
    starts, until = problem.region.draw(STARTS, np.random.default_rng(0)), _until(started + timeout_s)
    for point in deepest(problem, starts, until)[:TRIED]:
        if confirmed(point) is not None:
            seconds = time.perf_counter() - started
            return Result("falsified", fast.bound, FALSIFICATION, seconds, point)
    left = started + timeout_s - time.perf_counter()
    if left <= 0.0:
        return fast
    slow = cascade(problem, left, COMPLETE)
    bound, seconds = max(fast.bound, slow.bound), time.perf_counter() - started
    return Result(slow.verdict, bound, slow.method, seconds, slow.counterexample)


def _verify_case(
    network: Network, query: Query, runtime: Runtime, case: Case, timeout_s: float
) -> tuple[Result, Floats | None]:
    """What was found of one box, and the counter-example where there is a confirmed one."""
    started = time.perf_counter()
    problem = Problem(network, case.region, case.specification)
    judge = Judge(network, query, runtime, case.bounds)
    result = decide(problem, timeout_s, judge.confirmed)
    unknown = Result("unknown", result.bound, result.method, result.seconds)
    if result.verdict == "certified" and judge.refuted(suspects(problem, TRIED)):
        # In float32 the network does violate: nothing that is proven of exact numbers is of use then.
        return unknown, None
    if result.counterexample is None:
        return result, None
    point = judge.confirmed(result.counterexample)
    if point is None:
        # Rounded to the file's precision it may be none: go deeper into the violation from there.
        starts = np.repeat(result.counterexample[None, :], 4 * len(case.specification.clauses), axis=0)
        deeper = deepest(problem, starts, _until(started + timeout_s))[:TRIED]
        point = next((p for p in map(judge.confirmed, deeper) if p is not None), None)
    return (unknown, None) if point is None else (result, point)


def _until(deadline: float) -> float:
    return max(deadline, time.perf_counter() + LAST_S)


def _answer(results: list[Result], point: Floats | None, seconds: float) -> Answer:
    bound = min(result.bound for result in results)
    method = "+".join(sorted({part for result in results for part in result.method.split("+")}))
    verdicts = {result.verdict for result in results}
    verdict: Verdict = "certified" if verdicts == {"certified"} else "unknown"
    example = None if point is None else tuple(point.tolist())
    return Answer(
        verdict if point is None else "falsified",
        bound if np.isfinite(bound) else None,
        method,
        seconds,
        example,
    )
