"""The benches by name."""

from __future__ import annotations

from collections.abc import Callable

from scenarios.bench.figure import BenchFigure


def _twin() -> list[BenchFigure]:
    from scenarios.bench.twin import bench_twin

    return bench_twin()


def _bounds() -> list[BenchFigure]:
    from scenarios.bench.bounds import bench_bounds

    return bench_bounds()


def _streams() -> list[BenchFigure]:
    from scenarios.bench.streams import bench_streams

    return bench_streams()


BENCHES: dict[str, Callable[[], list[BenchFigure]]] = {
    "twin": _twin,
    "bounds": _bounds,
    "streams": _streams,
}
