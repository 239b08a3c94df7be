"""Largest of several entries: max pooling, and the elementwise maximum of two or more inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.verification.box import Box
from detectors.verification.operations.affine_forms import window_starts
from detectors.verification.operations.base import Bounded, Operation, Pulled
from detectors.verification.rounding import TINY, UNIT, Arithmetic
from detectors.verification.zonotope import Zonotope, moved, plus, scaled
from streams.errors import BadInput

Floats = NDArray[np.float64]


class Maximum(Operation):
    """result_i = largest of the entries groups[i] of the inputs joined end to end; exact in any arithmetic.

    groups: (size, k) whole numbers; a group with fewer entries repeats one. lengths: of the inputs. Raises
    BadInput where an entry is not there.
    """

    def __init__(self, groups: Sequence[Sequence[int]] | NDArray[np.intp], lengths: Sequence[int]) -> None:
        self.groups = np.asarray(groups, dtype=np.intp)
        self.lengths = tuple(lengths)
        total = sum(self.lengths)
        if self.groups.ndim != 2 or not self.groups.size:
            raise BadInput("maximum, groups", self.groups.shape, "(size, entries of each)")
        if self.groups.min() < 0 or self.groups.max() >= total:
            wrong = int(self.groups.min() if self.groups.min() < 0 else self.groups.max())
            raise BadInput("maximum, entry", wrong, f"0 to {total - 1}")
        self._scatter = np.zeros((self.groups.size, total))
        self._scatter[np.arange(self.groups.size), self.groups.ravel()] = 1.0

    def size(self, inputs: tuple[int, ...]) -> int:
        """Number of groups."""
        if inputs != self.lengths:
            raise BadInput("maximum, inputs", inputs, f"{self.lengths}")
        return len(self.groups)

    def cost(self, inputs: tuple[int, ...]) -> int:
        """Of carrying a row back."""
        return self._scatter.size

    def _members(self, parts: Sequence[Floats]) -> Floats:
        """(batch, n_i) each -> (batch, size, k)."""
        return np.concatenate(parts, axis=-1)[..., self.groups]

    def _boxes(self, inputs: tuple[Box, ...]) -> Box:
        return Box(self._members([box.low for box in inputs]), self._members([box.high for box in inputs]))

    def _split(self, joined: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """Entries (..., n) of the joined inputs, input by input."""
        return tuple(np.split(joined, np.cumsum(self.lengths)[:-1], axis=-1))

    def _contest(self, members: Box) -> tuple[NDArray[np.intp], Floats]:
        """(batch, size) each: position j of the member that reaches highest, and c, what the others reach;
        j is the largest for certain where its low end is at least c."""
        top = members.high.argmax(axis=-1)
        others = self.groups != np.take_along_axis(self.groups[None], top[..., None], axis=-1)
        reached = np.where(others, members.high, -np.inf).max(axis=-1)
        return top, np.maximum(reached, _at(members.low, top))

    def evaluate(self, *inputs: Floats) -> Floats:
        """The largest of each group."""
        return np.asarray(self._members(inputs).max(axis=-1))

    def bound(self, inputs: tuple[Box, ...], arithmetic: Arithmetic) -> Bounded:
        """Largest of the ends."""
        members = self._boxes(inputs)
        return Bounded(Box(members.low.max(axis=-1), members.high.max(axis=-1)), members.size.max(axis=-1))

    def open_entries(self, inputs: tuple[Box, ...]) -> tuple[NDArray[np.bool_], ...]:
        """Members of the groups in which none is the largest for certain."""
        members = self._boxes(inputs)
        top, others = self._contest(members)
        marked = np.zeros(sum(self.lengths), dtype=np.bool_)
        marked[self.groups[(_at(members.low, top) < others).any(axis=0)]] = True
        return self._split(marked)

    def pull(
        self, coefficients: Floats, inputs: tuple[Box, ...], result: Bounded, slopes: Floats | None
    ) -> Pulled:
        """Below: the member with the highest middle. Above: max(x_j, c), which is convex in x_j, by its
        chord; of all bounds max <= a + sum of max(x_i - a, 0), by chords, a = c leaves the least volume."""
        members = self._boxes(inputs)
        positions = np.arange(self.groups.shape[1])
        best = members.middle.argmax(axis=-1)[..., None] == positions
        top, others = self._contest(members)
        steep, offset = _chord(Box(_at(members.low, top), _at(members.high, top)), others)
        upper = steep[..., None] * (top[..., None] == positions)
        up, down = np.maximum(coefficients, 0.0), np.minimum(coefficients, 0.0)
        shares = up[..., None] * best[:, None] + down[..., None] * upper[:, None]
        passed = shares.reshape(*coefficients.shape[:2], self.groups.size) @ self._scatter
        wide = 16.0 * (self.groups.size + 8.0) * UNIT
        most = (2.0 * members.size.max(axis=-1) + np.abs(offset)) * wide + TINY
        slack = (np.abs(coefficients) @ most[:, :, None])[:, :, 0]
        return Pulled(self._split(passed), (down @ offset[:, :, None])[:, :, 0], slack)

    def zonotope(self, inputs: tuple[Zonotope, ...], boxes: tuple[Box, ...]) -> tuple[Zonotope, Floats]:
        """The member with the highest middle, and what the others may exceed it by, of which the symbols
        they share tell; or a new symbol alone, where that is the narrower."""
        members = self._boxes(boxes)
        best = members.middle.argmax(axis=-1)
        joined = Zonotope(*(np.concatenate(parts, axis=-1) for parts in zip(*inputs, strict=True)))
        taken = _gather(joined, np.take_along_axis(self.groups[None], best[..., None], axis=-1)[..., 0])
        negative = scaled(np.full(best.shape, -1.0), taken)
        excess = np.zeros(best.shape)
        for position, entries in enumerate(self.groups.T):
            by_symbols = plus(_gather(joined, np.broadcast_to(entries, best.shape)), negative).box.high
            by_box = np.nextafter(members.high[..., position] - _at(members.low, best), np.inf)
            itself = np.take_along_axis(self.groups[None], best[..., None], axis=-1)[..., 0] == entries
            excess = np.maximum(excess, np.where(itself, 0.0, np.minimum(by_symbols, by_box)))
        low, high = members.low.max(axis=-1), members.high.max(axis=-1)
        alone = high - low < excess
        room = Box(np.where(alone, low, 0.0), np.where(alone, high, excess))
        return moved(scaled(np.where(alone, 0.0, 1.0), taken), room.middle), room.reach

    def error(
        self, errors: tuple[Floats, ...], inputs: tuple[Box, ...], result: Bounded, arithmetic: Arithmetic
    ) -> Floats:
        """At most that of the worst member."""
        return np.asarray(self._members(errors).max(axis=-1))


def _at(members: Floats, positions: NDArray[np.intp]) -> Floats:
    """(batch, size, k), (batch, size) -> (batch, size)."""
    return np.take_along_axis(members, positions[..., None], axis=-1)[..., 0]


def _gather(joined: Zonotope, entries: NDArray[np.intp]) -> Zonotope:
    """Entries (batch, size) of a zonotope."""
    generators = np.take_along_axis(joined.generators, entries[:, None], axis=-1)
    centre, spread = (np.take_along_axis(part, entries, axis=-1) for part in (joined.centre, joined.spread))
    return Zonotope(centre, generators, spread)


def _chord(box: Box, others: Floats) -> tuple[Floats, Floats]:
    """Slope and offset of a line above max(x, others) on the box; it holds at both ends, so between."""
    low, high = box
    open_ = low < others
    width = np.where(open_, high - low, 1.0)
    steep = np.where(open_, (high - others) / width, 1.0)
    needed = np.maximum(others - steep * low, (1.0 - steep) * high)
    spent = np.abs(others) + (1.0 + steep) * box.size
    return steep, np.where(open_, needed + 8.0 * UNIT * spent + TINY, 0.0)


def elementwise(size: int, inputs: int = 2) -> Maximum:
    """Of that many inputs of one size, entry by entry."""
    return Maximum(np.arange(size)[:, None] + size * np.arange(inputs), [size] * inputs)


def pooling(channels: int, length: int, kernel: int, stride: int | None = None, padding: int = 0) -> Maximum:
    """Over time, for values (channels, length) in this order; stride: the kernel's length where None. What
    padding adds is never the largest. Raises BadInput where no window fits."""
    if not 0 <= 2 * padding <= kernel:
        raise BadInput("max pooling, padding", padding, f"0 to {kernel // 2}, half the kernel")
    step = kernel if stride is None else stride
    starts = window_starts(length, kernel, step, (padding, padding), 1)
    # A window that reaches past an end repeats the entry there, which it holds anyway.
    within = np.clip(starts[:, None] + np.arange(kernel), 0, length - 1)
    groups = (np.arange(channels)[:, None, None] * length + within).reshape(-1, kernel)
    return Maximum(groups, [channels * length])
