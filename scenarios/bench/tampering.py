"""Tampered grid windows: shifts of received loads, total unchanged, every unprotected flow told to fit."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from detectors.dc import GridIndex, shift_factors
from scenarios.attackers.generic import generic_shift
from scenarios.attackers.load_redistribution import redistribute

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Kind = Literal["one", "several", "random", "training"]

KINDS: tuple[Kind, ...] = ("one", "several", "random")
"""Of the evaluation: along one line's sensitivity; along two to five lines' with 20 to 99 loads; of random
signs on every load. Training has its own, that of ``random_shift``."""


class Tampering:
    """Draws shifts for windows of one plant. Topologies share nothing but the cache."""

    def __init__(self, index: GridIndex) -> None:
        self.index = index
        self._factors: dict[bytes, Floats] = {}
        self._loads = np.flatnonzero(index.sign < 0)
        measured = index.flow_column >= 0
        measured[index.protected_branches] = False
        self._free = np.flatnonzero(measured)

    def factors(self, closed: Bools) -> Floats:
        """(branches, buses) PTDF, cached."""
        key = closed.tobytes()
        if key not in self._factors:
            self._factors[key] = shift_factors(self.index, closed, np.arange(closed.size))
        return self._factors[key]

    def load_mw(self, window: Floats) -> Floats:
        """Received load by bus, (buses,), of a window's means (columns,)."""
        load = np.zeros(self.index.n_bus)
        np.add.at(load, self.index.bus_of[self._loads], np.maximum(window[self._loads], 0.0))
        return load

    def shift(self, luck: np.random.Generator, kind: Kind, tau: float, load: Floats, ptdf: Floats) -> Floats:
        """(buses,) MW, at most tau of each load, total zero. "training" draws its own tau."""
        loaded = np.flatnonzero(load > 0.0)
        if kind == "training":
            return generic_shift(luck, load, ptdf, np.full(load.size, np.inf))
        if kind == "one":
            return redistribute(tau * load, luck.choice([-1.0, 1.0]) * ptdf[luck.integers(len(ptdf))])
        if kind == "several":
            lines = luck.choice(len(ptdf), int(luck.integers(2, 6)), replace=False)
            size = min(loaded.size, int(luck.integers(20, 100)))
            chosen = np.zeros(load.size)
            chosen[luck.choice(loaded, size, replace=False)] = 1.0
            return redistribute(tau * load * chosen, luck.choice([-1.0, 1.0], lines.size) @ ptdf[lines])
        shift = tau * load * luck.choice([-1.0, 1.0], load.size)
        up, down = shift[shift > 0.0].sum(), -shift[shift < 0.0].sum()
        if min(up, down) <= 0.0:
            return np.zeros_like(shift)
        balanced: Floats = np.where(shift > 0.0, shift * min(1.0, down / up), shift * min(1.0, up / down))
        return balanced

    def apply(
        self, windows: Floats, topology: NDArray[np.int64], topologies: list[Bools], kind: Kind, tau: float,
        seed: int,
    ) -> tuple[Floats, Floats]:  # fmt: skip
        """The windows (w, columns) as received behind a shift each, and the largest MW by which a protected
        flow should have moved and did not, (w,): 0 is the null space, which no residual can see."""
        luck, ix = np.random.default_rng(seed), self.index
        told, unseen = windows.copy(), np.zeros(len(windows))
        for w, closed in enumerate(topologies[t] for t in topology):
            ptdf = self.factors(closed)
            shift = self.shift(luck, kind, tau, self.load_mw(windows[w]), ptdf[closed])
            flows = -ptdf @ shift
            told[w, self._loads] += shift[ix.bus_of[self._loads]]
            told[w, ix.flow_column[self._free]] += flows[self._free]
            unseen[w] = np.max(np.abs(flows[ix.protected_branches]), initial=0.0)
        return told, unseen
