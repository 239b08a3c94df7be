"""The benches by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from scenarios.bench.figure import BenchFigure


def _twin(out: Path | None) -> list[BenchFigure]:
    from scenarios.bench.twin import bench_twin

    return bench_twin(out)


def _bounds(_: Path | None) -> list[BenchFigure]:
    from scenarios.bench.bounds import bench_bounds

    return bench_bounds()


def _streams(_: Path | None) -> list[BenchFigure]:
    from scenarios.bench.streams import bench_streams

    return bench_streams()


def _detection(out: Path | None) -> list[BenchFigure]:
    from scenarios.bench.detection_targets import bench_detection

    return bench_detection(out)


BENCHES: dict[str, Callable[[Path | None], list[BenchFigure]]] = {
    "twin": _twin,
    "bounds": _bounds,
    "streams": _streams,
    "detection": _detection,
}
"""Each takes the folder for its plots, None for none."""
