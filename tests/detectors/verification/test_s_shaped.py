"""Tanh and the logistic function: what the lines rest on, lines by hand, and how tight they are."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.verification.box import Box
from detectors.verification.operations import Sigmoid, Tanh
from detectors.verification.operations.activations import Lines
from detectors.verification.operations.s_shaped import _LOOSE
from tests.reference import exact_operations as oracle

KINDS = [Tanh(), Sigmoid()]
BOTH = pytest.mark.parametrize("operation", KINDS, ids=["tanh", "sigmoid"])


def box(low: float, high: float) -> Box:
    return Box(np.array([[low]]), np.array([[high]]))


def gap(lines: Lines, at: Box, operation: Tanh | Sigmoid) -> np.ndarray:
    """(201, n) distance between the lines over the box."""
    z = at.low + (at.high - at.low) * np.linspace(0.0, 1.0, 201)[:, None]
    return (lines.upper_slope - lines.lower_slope) * z + lines.upper_offset - lines.lower_offset


@BOTH
def test_values_and_slopes_are_as_accurate_as_is_assumed(operation: Tanh | Sigmoid) -> None:
    rng = np.random.default_rng(1)
    drawn = rng.normal(0, 3, 200), 10.0 ** rng.uniform(-300, 2.5, 100), [0.0, 700.0, 340.0]
    for z in np.concatenate(drawn):
        for sign in (-1.0, 1.0):
            value = oracle.evaluate(operation, [Fraction(sign * z)])[0]
            ours = Fraction(float(operation.evaluate(np.array([sign * z]))[0]))
            assert abs(ours - value) <= abs(value) * Fraction(8, 2**52) + Fraction(1, 2**1070)
            true = oracle.slope(operation, Fraction(sign * z))
            slope = Fraction(float(operation.slope(np.array([sign * z]))[0]))
            assert abs(slope - true) <= true * Fraction(_LOOSE) / 10 + Fraction(1, 2**1070)
    narrow = np.linspace(-12.0, 12.0, 4001, dtype=np.float32)
    wide = operation.evaluate(narrow.astype(np.float64))
    allowed = 16.0 * 2.0**-24 * np.maximum(np.abs(wide), operation.least)
    assert (np.abs(operation.evaluate(narrow) - wide) <= allowed).all()


def test_lines_of_tanh_by_hand() -> None:
    """[-1, 0]: chord above, tangent at -1/2 below. [-1, 1]: the tangent from (1, tanh 1) touches at t with
    tanh t + (1 - tanh(t)^2) (1 - t) = tanh 1, t = -0.6205 (found with 30 digits)."""
    lines = Tanh().lines(box(-1.0, 0.0))
    assert lines.upper_slope[0, 0] == pytest.approx(np.tanh(1.0), rel=1e-12)
    assert lines.upper_offset[0, 0] == pytest.approx(0.0, abs=1e-12)
    slope = 1.0 / np.cosh(0.5) ** 2
    assert lines.lower_slope[0, 0] == pytest.approx(slope, rel=1e-12)
    assert lines.lower_offset[0, 0] == pytest.approx(-np.tanh(0.5) + 0.5 * slope, abs=1e-12)
    lines = Tanh().lines(box(-1.0, 1.0))
    end = np.tanh(1.0)
    assert lines.lower_slope[0, 0] + lines.lower_offset[0, 0] == pytest.approx(end, abs=1e-9)
    assert -lines.upper_slope[0, 0] + lines.upper_offset[0, 0] == pytest.approx(-end, abs=1e-9)


@BOTH
@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    middle=st.floats(-30.0, 30.0),
    reach=st.sampled_from([0.0, 5e-324, 1e-15, 1e-9, 1e-4, 0.1, 1.0, 5.0, 40.0, 1e3, 1e100, 1e299]),
    skew=st.floats(0.0, 1.0),
)
def test_lines_and_bands_hold(operation: Tanh | Sigmoid, middle: float, reach: float, skew: float) -> None:
    at = box(middle - skew * reach, middle + (1.0 - skew) * reach)
    lines, band = operation.lines(at), operation.band(at)
    inner = np.clip(np.linspace(-40.0, 40.0, 9), at.low[0, 0], at.high[0, 0])
    drawn = np.concatenate([np.linspace(at.low[0, 0], at.high[0, 0], 17), inner])
    pairs = (
        (lines.lower_slope, lines.lower_offset, -1), (lines.upper_slope, lines.upper_offset, 1),
        (band.slope, band.low, -1), (band.slope, band.high, 1),
    )  # fmt: skip
    for z in np.clip(drawn, at.low[0, 0], at.high[0, 0]):
        value = oracle.evaluate(operation, [Fraction(float(z))])[0]
        for slope, offset, side in pairs:
            line = Fraction(float(slope[0, 0])) * Fraction(float(z)) + Fraction(float(offset[0, 0]))
            assert side * (line - value) >= 0


@BOTH
@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    low=st.floats(-20.0, 20.0),
    width=st.sampled_from([0.0, 1e-9, 0.3, 2.0, 30.0]),
    slope=st.floats(0.0, 1.5),
    touch=st.floats(-25.0, 25.0),
)
def test_an_offset_is_sound_for_any_slope_and_touching_point(
    operation: Tanh | Sigmoid, low: float, width: float, slope: float, touch: float
) -> None:
    at = box(low, low + width)
    slopes, points = np.array([[slope * operation.steepest]]), np.array([[touch]])
    offset = Fraction(float(operation._offset_below(slopes, points, at)[0, 0]))
    # Where the distance is stationary, and the ends.
    still = float(operation.touch(slopes)[0, 0])
    for z in np.clip([low, low + width, touch, still, -still, 0.0], at.low[0, 0], at.high[0, 0]):
        value = oracle.evaluate(operation, [Fraction(float(z))])[0]
        assert Fraction(float(slopes[0, 0])) * Fraction(float(z)) + offset <= value


@BOTH
def test_tangents_and_chords_are_tighter_than_parallels_through_the_ends(operation: Tanh | Sigmoid) -> None:
    """Before: both lines with the lesser of the ends' slopes (Singh et al. 2019)."""
    rng = np.random.default_rng(0)
    for reach, share in ((1e-3, 0.3), (0.5, 0.3), (2.0, 0.4), (10.0, 0.65)):
        centre, half = rng.normal(0.0, 2.0, (1, 500)), reach * rng.random((1, 500))
        at = Box(centre - half, centre + half)
        flat = np.minimum(operation.slope(at.low), operation.slope(at.high))
        ends = operation.evaluate(at.low), operation.evaluate(at.high)
        before = gap(Lines(flat, ends[0] - flat * at.low, flat, ends[1] - flat * at.high), at, operation)
        now = gap(operation.lines(at), at, operation)
        band = operation.band(at)
        assert now.mean() < share * before.mean()
        assert (band.high - band.low).mean() < 1.2 * share * before.mean()


@BOTH
def test_lines_touch_the_function(operation: Tanh | Sigmoid) -> None:
    """No better line exists where one touches: each does, to 1e-9 of the width of the values."""
    rng = np.random.default_rng(7)
    low, high = np.sort(rng.normal(0.0, 4.0, (2, 1, 150)), axis=0)
    at, lines = Box(low, high), operation.lines(Box(low, high))
    z = low + (high - low) * np.linspace(0.0, 1.0, 8001)[:, None]
    below = operation.evaluate(z) - (lines.lower_slope * z + lines.lower_offset)
    above = lines.upper_slope * z + lines.upper_offset - operation.evaluate(z)
    room = np.maximum(1e-6 * (operation.evaluate(high) - operation.evaluate(low)), 1e-12)[0]
    assert (below.min(axis=0) <= room).all()
    assert (above.min(axis=0) <= room).all()
    assert at.low.shape == below[:1].shape
