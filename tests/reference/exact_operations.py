"""Slow oracle: every operation at one rational point, in exact arithmetic; tanh and the logistic function to
300 bits, which is far finer than any bound resolves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import chain

import mpmath
import numpy as np

from detectors.verification.network import Network
from detectors.verification.operations import (
    Affine,
    LeakyRelu,
    Maximum,
    Mixture,
    Operation,
    Product,
    Relu,
    Sigmoid,
    Tanh,
)  # fmt: skip

Row = list[Fraction]

_FINE = mpmath.mp.clone()
_FINE.prec = 300


def exact(values: np.ndarray) -> Row:
    """Stored numbers as they are."""
    return [Fraction(float(v)) for v in values]


def dot(coefficients: np.ndarray, values: Row) -> Fraction:
    """coefficients @ values."""
    return sum((Fraction(float(c)) * v for c, v in zip(coefficients, values, strict=True)), Fraction(0))


def _fine(f: Callable, z: Fraction) -> Fraction:
    if abs(z) > 2000:  # Closer to its limit than 300 bits tell.
        z = Fraction(2000 if z > 0 else -2000)
    sign, mantissa, exponent, _ = f(_FINE.mpf(z.numerator) / z.denominator)._mpf_
    return Fraction(-int(mantissa) if sign else int(mantissa)) * Fraction(2) ** exponent


def slope(operation: Operation, z: Fraction) -> Fraction:
    """Derivative of tanh or the logistic function."""
    if isinstance(operation, Tanh):
        return _fine(lambda x: 1 / _FINE.cosh(x) ** 2, z)
    return _fine(lambda x: 1 / (2 * _FINE.cosh(x / 2)) ** 2, z)


def _affine(operation: Affine, *inputs: Row) -> Row:
    rows = []
    for i, bias in enumerate(exact(operation.bias)):
        total = bias
        for matrix, values in zip(operation.matrices, inputs, strict=True):
            total += sum(
                (Fraction(float(w)) * x for w, x in zip(matrix[i], values, strict=True) if w), Fraction(0)
            )
        rows.append(total)
    return rows


def _leaky(operation: LeakyRelu, z: Row) -> Row:
    return [max(v, Fraction(operation.leak) * v) for v in z]


def _maximum(operation: Maximum, *inputs: Row) -> Row:
    joined = list(chain.from_iterable(inputs))
    return [max(joined[i] for i in group) for group in operation.groups]


def _product(_: Product, one: Row, other: Row) -> Row:
    return [a * b for a, b in zip(one, other, strict=True)]


def _mixture(_: Mixture, gate: Row, one: Row, other: Row) -> Row:
    return [(1 - g) * a + g * b for g, a, b in zip(gate, one, other, strict=True)]


def _tanh(_: Tanh, z: Row) -> Row:
    return [_fine(_FINE.tanh, v) for v in z]


def _sigmoid(_: Sigmoid, z: Row) -> Row:
    return [_fine(lambda x: 1 / (1 + _FINE.exp(-x)), v) for v in z]


ORACLES: dict[type[Operation], Callable[..., Row]] = {
    Affine: _affine, Relu: _leaky, LeakyRelu: _leaky, Maximum: _maximum, Product: _product,
    Mixture: _mixture, Tanh: _tanh, Sigmoid: _sigmoid,
}  # fmt: skip


def evaluate(operation: Operation, *inputs: Row) -> Row:
    """The operation at one point."""
    return ORACLES[type(operation)](operation, *inputs)


def values(network: Network, point: Sequence[float]) -> list[Row]:
    """Every value of a network at one point, the input first."""
    found = [exact(np.asarray(point))]
    for operation, inputs in network.nodes:
        found.append(evaluate(operation, *(found[i] for i in inputs)))
    return found
