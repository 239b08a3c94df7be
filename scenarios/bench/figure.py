"""One measured figure, beside a peer's where there is one."""

from __future__ import annotations

import sys

import msgspec


class BenchFigure(msgspec.Struct, frozen=True):
    """ratio: value over peer_value; None without a peer."""

    name: str
    value: float
    unit: str
    peer: str | None = None
    peer_value: float | None = None
    ratio: float | None = None


def beside(name: str, value: float, unit: str, peer: str, peer_value: float) -> BenchFigure:
    """A figure with its peer's."""
    return BenchFigure(name, value, unit, peer, peer_value, value / peer_value)


def say(what: str) -> None:
    """Tell on stderr what is being measured."""
    print(f"measuring: {what}", file=sys.stderr, flush=True)
