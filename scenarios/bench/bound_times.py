"""Run in a process of its own, so that BLAS is on one thread: our bounds, plain NumPy's and PyTorch's.

python -m scenarios.bench.bound_times NETWORK.npz    (as for ``lirpa_bounds``)
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from detectors.bounds import Bounder, BoundMethod, Dense
from scenarios.bench.numpy_bounds import interval_bounds

METHODS: tuple[BoundMethod, ...] = ("interval", "crown_ibp", "crown")
SPEND_S = 0.5
GROUP_S = 1e-3
"""Calls are timed in groups at least this long, against the clock's grain."""

Times = dict[str, dict[str, dict[str, float]]]


def median_s(call: Callable[[], object]) -> float:
    """Seconds of CPU time per call, the median over groups of calls, warm; other load does not count."""
    call()
    started = time.process_time()
    call()
    group = max(1, round(GROUP_S / (time.process_time() - started)))
    times: list[float] = []
    while sum(times) * group < SPEND_S or len(times) < 3:
        started = time.process_time()
        for _ in range(group):
            call()
        times.append((time.process_time() - started) / group)
    return float(np.median(times))


def measure(file: Path) -> Times:
    """{program: {method: {windows: seconds of CPU time per call}}}."""
    import torch

    from scenarios.bench import torch_bounds

    torch.set_num_threads(1)
    network, x, eps = load(file)
    weights, biases = network.weights, network.biases
    torch_w, torch_b = ([torch.tensor(a, dtype=torch.float32) for a in part] for part in (weights, biases))
    told: Times = {"ours": our_times(network, x, eps), "numpy": {"interval": {}}, "torch": {}}
    for count in (1, len(x)):
        key, radius = str(count), np.full((1, network.inputs), eps)
        told["numpy"]["interval"][key] = median_s(partial(interval_bounds, network, x[:count], radius))
        some = torch.tensor(x[:count], dtype=torch.float32)
        with torch.no_grad():
            for name, bound in (("interval", torch_bounds.interval), ("crown_ibp", torch_bounds.crown_ibp)):
                seconds = median_s(partial(bound, torch_w, torch_b, some, eps))
                told["torch"].setdefault(name, {})[key] = seconds
    return told


def load(file: Path) -> tuple[Dense, np.ndarray, float]:
    """Network, windows (w, n) and half width of the boxes."""
    data = np.load(file)
    depth = sum(name.startswith("w") for name in data)
    weights, biases = (tuple(data[f"{kind}{i}"] for i in range(depth)) for kind in "wb")
    return Dense(weights, biases), data["x"], float(data["eps"])


def our_times(network: Dense, x: np.ndarray, eps: float) -> dict[str, dict[str, float]]:
    """{method: {windows: seconds of CPU time per call}} of the run-time kernels."""
    n = network.inputs
    bounder = Bounder(network, np.eye(n), np.zeros(n), np.full(n, eps), 1)
    return {
        method: {
            "1": median_s(_one(bounder, x, method)),
            str(len(x)): median_s(partial(bounder.batch, x, method)),
        }
        for method in METHODS
    }


def _one(bounder: Bounder, x: np.ndarray, method: BoundMethod) -> Callable[[], object]:
    """Window after window, as they come from a stream."""
    turn = iter(range(10**9))
    return lambda: bounder.outputs(x[next(turn) % len(x)], method)


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]))))
