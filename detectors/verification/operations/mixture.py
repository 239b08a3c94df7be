"""Gated mixtures, as a GRU updates its state: their values stay between what they mix."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from detectors.verification.box import Box
from detectors.verification.operations.base import Bounded, Operation, Pulled
from detectors.verification.operations.product import lower_plane, negative, times
from detectors.verification.rounding import SPARE, TINY, UNIT, Arithmetic
from detectors.verification.zonotope import Zonotope, plus, scaled
from streams.errors import BadInput

Floats = NDArray[np.float64]


class Mixture(Operation):
    """(1 - g) a + g b for three inputs g, a, b of one size. As a product and a sum the interval rule would
    not see that the state cannot grow, and bounds would widen from step to step."""

    def size(self, inputs: tuple[int, ...]) -> int:
        """That of each."""
        if len(inputs) != 3 or len(set(inputs)) != 1:
            raise BadInput("mixture, inputs", inputs, "three of one size")
        return inputs[0]

    def evaluate(self, *inputs: Floats) -> Floats:
        """a + g (b - a), as torch does."""
        gate, one, other = inputs
        return one + gate * (other - one)

    def bound(self, inputs: tuple[Box, ...], arithmetic: Arithmetic) -> Bounded:
        """Linear in each input by itself, so extreme at a corner."""
        corners = [(1.0 - g) * a + g * b for g, a, b in itertools.product(*inputs)]
        gate, one, other = inputs
        magnitude = ((1.0 + gate.size) * one.size + gate.size * other.size) * SPARE
        lost = 8.0 * max(arithmetic.unit, UNIT) * magnitude + arithmetic.floor
        return Bounded(Box(np.min(corners, axis=0) - lost, np.max(corners, axis=0) + lost), magnitude)

    def open_entries(self, inputs: tuple[Box, ...]) -> tuple[NDArray[np.bool_], ...]:
        """Where the gate may move and what it mixes may differ; where the gate is known, none."""
        gate, one, other = inputs
        moves = gate.low < gate.high
        differs = (one.low < one.high) | (other.low < other.high)
        open_ = np.asarray((moves & differs).any(axis=0))
        return open_, open_, open_

    def pull(
        self, coefficients: Floats, inputs: tuple[Box, ...], result: Bounded, slopes: Floats | None
    ) -> Pulled:
        """The sum of the planes of (1 - g) a and of g b (McCormick 1976)."""
        gate, one, other = inputs
        rest = Box(np.nextafter(1.0 - gate.high, -np.inf), np.nextafter(1.0 - gate.low, np.inf))
        up, down = np.maximum(coefficients, 0.0), np.minimum(coefficients, 0.0)
        on_gate, on_one, on_other = (np.zeros_like(coefficients) for _ in range(3))
        constant = np.zeros(coefficients.shape[:2])
        # An upper plane is the negative of a lower plane of the negated factor.
        sides = ((1.0, up, one, other), (-1.0, -down, negative(one), negative(other)))
        for sign, share, a, b in sides:
            of_rest, of_one, first = lower_plane(rest, a)
            of_gate, of_other, second = lower_plane(gate, b)
            on_gate += share * (of_gate - of_rest)[:, None]
            on_one += sign * share * of_one[:, None]
            on_other += sign * share * of_other[:, None]
            constant += (share @ (first + second + of_rest)[:, :, None])[:, :, 0]
        wide = 64.0 * (gate.low.shape[1] + 8.0) * UNIT
        most = (2.0 + gate.size) * (one.size + other.size) * wide + TINY
        slack = (np.abs(coefficients) @ most[:, :, None])[:, :, 0]
        return Pulled((on_gate, on_one, on_other), constant, slack)

    def zonotope(self, inputs: tuple[Zonotope, ...], boxes: tuple[Box, ...]) -> tuple[Zonotope, Floats]:
        """a + g (b - a), where the difference knows the symbols that both share."""
        gate, one, other = inputs
        difference = plus(other, scaled(np.full_like(one.centre, -1.0), one))
        by_box = Box(
            np.nextafter(boxes[2].low - boxes[1].high, -np.inf),
            np.nextafter(boxes[2].high - boxes[1].low, np.inf),
        )
        gated, radius = times(gate, difference, boxes[0], by_box.within(difference.box))
        return plus(one, gated), radius

    def error(
        self, errors: tuple[Floats, ...], inputs: tuple[Box, ...], result: Bounded, arithmetic: Arithmetic
    ) -> Floats:
        """|1 - g| e_a + |g| e_b + |b - a| e_g, and the rounding."""
        gate, one, other = inputs
        own = 8.0 * max(arithmetic.unit, UNIT) * result.magnitude
        rest = np.maximum(np.abs(1.0 - gate.low), np.abs(1.0 - gate.high)) * SPARE
        passed = rest * errors[1] + gate.size * errors[2] + (one.size + other.size) * errors[0]
        return (passed + own) * SPARE + arithmetic.floor
