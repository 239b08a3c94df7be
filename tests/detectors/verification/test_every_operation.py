"""One suite over every entry of ``OPERATIONS``: each rule against exact arithmetic."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest

from detectors.verification.box import Box
from detectors.verification.operations import OPERATIONS, Operation
from detectors.verification.operations.base import Bounded
from detectors.verification.rounding import ARITHMETICS, TINY
from detectors.verification.zonotope import Zonotope
from streams.errors import BadInput
from tests.detectors.verification.samples import KINDS, SAMPLES, box, evaluate32, float32, points
from tests.reference import exact_operations as oracle

ALL = sorted(OPERATIONS)
EXACT, BINARY64, BINARY32 = (ARITHMETICS[name] for name in ("exact", "binary64", "binary32"))


def cases(name: str, kinds: tuple[str, ...] = KINDS, repeats: int = 3) -> Iterator[tuple]:
    """(operation, boxes of its inputs, generator) for every kind of box."""
    for kind in kinds:
        for repeat in range(repeats):
            rng = np.random.default_rng([zlib.crc32(f"{name} {kind}".encode()), repeat])
            operation, sizes = SAMPLES[name](rng)
            yield operation, tuple(box(kind, size, rng) for size in sizes), rng


def inside(boxes: tuple[Box, ...], count: int, rng: np.random.Generator) -> Iterator[list[np.ndarray]]:
    """Points of the boxes, input by input."""
    return map(list, zip(*(points(b, count, rng) for b in boxes), strict=True))


def at(operation: Operation, point: list[np.ndarray]) -> list[Fraction]:
    return oracle.evaluate(operation, *(oracle.exact(part) for part in point))


def test_every_operation_has_samples_and_an_oracle() -> None:
    assert set(SAMPLES) == set(OPERATIONS)
    assert set(oracle.ORACLES) == set(OPERATIONS.values())


@pytest.mark.parametrize("name", ALL)
def test_plain_evaluation_is_the_function(name: str) -> None:
    for operation, boxes, rng in cases(name, ("usual", "narrow"), 2):
        for point in inside(boxes, 6, rng):
            found = operation.evaluate(*(part[None] for part in point))[0]
            assert found == pytest.approx([float(v) for v in at(operation, point)], rel=1e-12, abs=1e-12)
            assert len(found) == operation.size(tuple(map(len, point)))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("arithmetic", [EXACT, BINARY64], ids=["exact", "binary64"])
def test_interval_holds_what_exact_and_binary64_give(name: str, arithmetic) -> None:
    for operation, boxes, rng in cases(name):
        found, magnitude = operation.bound(boxes, arithmetic)
        assert (found.size <= magnitude * (1.0 + 1e-9) + 1e-280).all()
        low, high = oracle.exact(found.low[0]), oracle.exact(found.high[0])
        for point in inside(boxes, 8, rng):
            plain = operation.evaluate(*(part[None] for part in point))
            for values in (at(operation, point), oracle.exact(plain[0])):
                assert all(a <= v <= b for a, v, b in zip(low, values, high, strict=True))


@pytest.mark.parametrize("name", ALL)
def test_interval_of_a_point_has_no_width(name: str) -> None:
    for operation, boxes, _ in cases(name, ("point",)):
        found = operation.bound(boxes, EXACT).box
        assert (found.high - found.low <= 1e-11 * (1.0 + found.size)).all()


@pytest.mark.parametrize("name", ALL)
def test_interval_holds_what_binary32_gives(name: str) -> None:
    for operation, boxes, rng in cases(name, ("usual", "point", "narrow", "wide", "far")):
        boxes = tuple(Box(float32(b.low), float32(b.high)) for b in boxes)
        found = operation.bound(boxes, BINARY32).box
        for _ in range(4):
            drawn = [np.clip(float32(points(b, 8, rng)), b.low, b.high) for b in boxes]
            values = evaluate32(operation, drawn, rng)
            assert values.dtype == np.float32
            assert (values >= found.low).all()
            assert (values <= found.high).all()


@pytest.mark.parametrize("name", ALL)
def test_lines_hold_in_exact_arithmetic(name: str) -> None:
    for operation, boxes, rng in cases(name):
        result = operation.bound(boxes, EXACT)
        rows = rng.normal(size=(1, 4, result.box.low.shape[1]))
        rows[0, 1:3] = np.sign(rows[0, 1:3]) * (np.abs(rows[0, 1:3]) > 0.7)
        rows[0, 3] *= 10.0 ** rng.integers(-9, 9)
        choices = [None]
        if name in ("relu", "leaky_relu"):
            choices.append(rng.random((1, result.box.low.shape[1])))
        for slopes in choices:
            pulled = operation.pull(rows, boxes, result, slopes)
            # ``lowest`` charges the last term.
            lost = pulled.slack[0] + TINY * sum(float(b.size.sum()) for b in boxes)
            for point in inside(boxes, 6, rng):
                values = at(operation, point)
                for row in range(4):
                    line = Fraction(float(pulled.constant[0, row])) - Fraction(float(lost[row]))
                    for c, part in zip(pulled.coefficients, point, strict=True):
                        line += oracle.dot(c[0, row], oracle.exact(part))
                    assert line <= oracle.dot(rows[0, row], values)


@pytest.mark.parametrize("name", ALL)
def test_lines_are_tight_on_a_point(name: str) -> None:
    for operation, boxes, _ in cases(name, ("point",)):
        result = operation.bound(boxes, EXACT)
        rows = np.eye(result.box.low.shape[1])[None]
        pulled = operation.pull(rows, boxes, result, None)
        found = pulled.constant - pulled.slack
        for c, b in zip(pulled.coefficients, boxes, strict=True):
            found = found + (c @ b.low[:, :, None])[:, :, 0]
        assert found == pytest.approx(result.box.low, rel=1e-9, abs=1e-9)


def members(zonotope: Zonotope, symbols: np.ndarray, side: int = 0) -> list[Fraction]:
    """The value at these symbols, in the middle of the spread or at an end of it."""
    centre, spread = oracle.exact(zonotope.centre[0]), oracle.exact(zonotope.spread[0])
    moved = [oracle.dot(symbols, oracle.exact(column)) for column in zonotope.generators[0].T]
    return [c + m + side * s for c, m, s in zip(centre, moved, spread, strict=True)]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("share", [0.0, 0.1], ids=["symbols", "symbols and spread"])
def test_zonotope_holds_in_exact_arithmetic(name: str, share: float) -> None:
    """For the symbols that give the inputs, the result is within spread and new symbol."""
    for operation, boxes, rng in cases(name):
        inputs = []
        for b in boxes:
            generators = rng.normal(size=(1, 3, b.low.shape[1])) * b.reach[:, None] / 3.0
            inputs.append(Zonotope(b.middle, generators, share * b.reach))
        result, radii = operation.zonotope(tuple(inputs), tuple(z.box for z in inputs))
        assert result.generators.shape[1] == 3
        assert (result.spread >= 0.0).all()
        assert (radii >= 0.0).all()
        room = [s + r for s, r in zip(oracle.exact(result.spread[0]), oracle.exact(radii[0]), strict=True)]
        drawn = rng.choice([-1.0, -0.3, 1.0], (4, 3))
        for symbols, side in itertools.product(drawn, (-1, 0, 1) if share else (0,)):
            known = members(result, symbols)
            values = oracle.evaluate(operation, *(members(z, symbols, side) for z in inputs))
            assert all(abs(v - k) <= r for v, k, r in zip(values, known, room, strict=True))


@pytest.mark.parametrize("name", ALL)
def test_error_covers_an_evaluation_in_binary32_of_inputs_that_are_off(name: str) -> None:
    for operation, boxes, rng in cases(name, ("usual", "narrow", "far", "wide")):
        shifts = [rng.choice([0.0, 1e-6, 1e-2], b.low.shape[1]) for b in boxes]
        wider = tuple(
            Box(b.low - shift - 1e-6 * b.size, b.high + shift + 1e-6 * b.size)
            for b, shift in zip(boxes, shifts, strict=True)
        )
        result = operation.bound(wider, BINARY32)
        for point in inside(boxes, 6, rng):
            moved = [p + shift * rng.uniform(-1, 1, p.shape) for p, shift in zip(point, shifts, strict=True)]
            off = [float32(part) for part in moved]
            errors = tuple(np.abs(o - p)[None] * (1.0 + 1e-12) for o, p in zip(off, point, strict=True))
            allowed = operation.error(errors, wider, result, BINARY32)[0]
            values = evaluate32(operation, [part[None] for part in off], rng)[0]
            for true, value, most in zip(at(operation, point), values, allowed, strict=True):
                assert abs(Fraction(float(value)) - true) <= Fraction(float(most))


@pytest.mark.parametrize("name", ALL)
def test_nan_spreads(name: str) -> None:
    rng = np.random.default_rng(5)
    operation, sizes = SAMPLES[name](rng)
    boxes = tuple(Box(np.full((1, n), np.nan), np.full((1, n), np.nan)) for n in sizes)
    with np.errstate(all="ignore"):
        result = operation.bound(boxes, BINARY64)
        pulled = operation.pull(np.ones((1, 1, result.box.low.shape[1])), boxes, result, None)
        still = tuple(Zonotope(b.low, np.zeros((1, 0, b.low.shape[1])), b.low) for b in boxes)
        zonotope, _ = operation.zonotope(still, boxes)
    assert np.isnan(result.box.low).all()
    assert np.isnan(pulled.constant - pulled.slack).all()
    assert np.isnan(zonotope.box.low).all()


@pytest.mark.parametrize("name", ALL)
def test_a_batch_is_what_its_boxes_are_by_themselves(name: str) -> None:
    rng = np.random.default_rng(8)
    operation, sizes = SAMPLES[name](rng)
    single = [tuple(box(kind, size, rng) for size in sizes) for kind in ("usual", "narrow", "kink")]
    joined = tuple(
        Box(np.vstack([s[i].low for s in single]), np.vstack([s[i].high for s in single]))
        for i in range(len(sizes))
    )
    whole = operation.bound(joined, EXACT)
    rows = np.broadcast_to(rng.normal(size=(1, 2, whole.box.low.shape[1])), (3, 2, whole.box.low.shape[1]))
    pulled = operation.pull(rows, joined, whole, None)
    for i, boxes in enumerate(single):
        alone = operation.bound(boxes, EXACT)
        assert whole.box.low[i] == pytest.approx(alone.box.low[0], rel=1e-12, abs=1e-14)
        own = operation.pull(rows[:1], boxes, Bounded(alone.box, alone.magnitude), None)
        assert pulled.constant[i] == pytest.approx(own.constant[0], rel=1e-9, abs=1e-12)
        for c, d in zip(pulled.coefficients, own.coefficients, strict=True):
            assert c[i] == pytest.approx(d[0], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", ALL)
def test_inputs_that_do_not_fit_are_refused(name: str) -> None:
    operation, sizes = SAMPLES[name](np.random.default_rng(1))
    with pytest.raises(BadInput):
        operation.size((*sizes, 3))
    if len(sizes) > 1:
        with pytest.raises(BadInput):
            operation.size((sizes[0] + 1, *sizes[1:]))
