"""Bounds of an MLP 160-128-128-2 on one thread beside other programs, turn about in one run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from scenarios.bench.bound_times import METHODS, Times
from scenarios.bench.figure import BenchFigure, beside, say

LIRPA_PYTHON = "BREAKWATER_LIRPA_PYTHON"
"""Environment variable: interpreter with torch and auto_LiRPA (docs/certificates/kernels.md)."""

SIZES = (160, 128, 128, 2)
WINDOWS = 1024
EPS = 0.01
ROUNDS = 3
LIRPA = "auto_LiRPA, float32"
PEERS = {
    "unrounded": "the same kernels, rounding terms 0",
    "numpy": "NumPy and BLAS, float64, unsound in rounding",
    "torch": "plain PyTorch, float32",
    "lirpa": LIRPA,
}

_SCRIPT = Path(__file__).with_name("lirpa_bounds.py")
_ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def bench_mlp() -> list[BenchFigure]:
    """Windows per second of each method, one by one and in a batch; a row for each peer."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "network.npz"
        np.savez(file, **random_network())  # type: ignore[arg-type]
        rounds = []
        for number in range(ROUNDS):
            say(f"MLP {'-'.join(map(str, SIZES))}, round {number + 1} of {ROUNDS}")
            rounds.append(_round(file))
    return figures(rounds)


def random_network() -> dict[str, np.ndarray]:
    """Weights of He et al. 2015, windows of unit scatter."""
    draw = np.random.default_rng(0)
    told: dict[str, np.ndarray] = {}
    for i, (n, m) in enumerate(pairwise(SIZES)):
        told[f"w{i}"] = draw.standard_normal((m, n)) * np.sqrt(2.0 / n)
        told[f"b{i}"] = draw.standard_normal(m) * 0.1
    return told | {"x": draw.standard_normal((WINDOWS, SIZES[0])), "eps": np.array(EPS)}


def figures(rounds: list[Times]) -> list[BenchFigure]:
    """Rows from what the rounds measured; the quickest round of each program counts."""
    found = []
    for windows, how in ((1, "one window"), (WINDOWS, f"batch of {WINDOWS}")):
        for method in METHODS:
            name = f"MLP {method}, {how}"
            ours = _per_second(rounds, "ours", method, windows)
            assert ours is not None
            for program, label in PEERS.items():
                theirs = _per_second(rounds, program, method, windows)
                if theirs is not None:
                    found.append(beside(name, ours, "windows/s", label, theirs))
                elif program == "lirpa":
                    found.append(BenchFigure(name, ours, "windows/s", f"{label}: not run"))
    return found


def _per_second(rounds: list[Times], program: str, method: str, windows: int) -> float | None:
    times = [r[program][method][str(windows)] for r in rounds if method in r.get(program, {})]
    return windows / min(times) if times else None


def _round(file: Path) -> Times:
    told: Times = {}
    for module in ("bound_times", "unrounded_bounds"):
        found = _run([sys.executable, "-m", f"scenarios.bench.{module}", str(file)])
        if found is None:
            raise RuntimeError(f"the process of {module} failed")
        told |= found
    python = os.environ.get(LIRPA_PYTHON, "")
    peer = _run([python, str(_SCRIPT), str(file)]) if python else None
    return told if peer is None else {**told, "lirpa": peer["lirpa"]}


def _run(command: list[str]) -> Times | None:
    """The JSON that a command printed last; None where it failed, its complaint on stderr."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, timeout=300, check=False, env=os.environ | _ONE_THREAD
    )
    if done.returncode != 0:
        return None
    times: Times = json.loads(done.stdout.splitlines()[-1])
    return times
