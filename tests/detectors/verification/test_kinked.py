"""Lines and bands of ReLU and leaky ReLU by themselves, in exact arithmetic and by hand."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.verification.box import Box
from detectors.verification.operations import LeakyRelu, Relu
from streams.errors import BadInput

MAGNITUDES = st.sampled_from([0.0, 5e-324, 1e-310, 1e-300, 1e-20, 1e-9, 0.1, 1.0, 3.0, 1e9, 1e100, 1e300])


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    leak=st.sampled_from([0.0, 0.01, 1.0 / 3.0, 0.999999, 1.0]),
    low=MAGNITUDES,
    high=MAGNITUDES,
    scale=st.floats(0.5, 1.0),
    slope=st.floats(-1.0, 2.0),
)
def test_lines_hold_for_the_stored_numbers(
    leak: float, low: float, high: float, scale: float, slope: float
) -> None:
    """At the ends and at 0, between which everything is straight; any slope asked for is made allowed."""
    operation = LeakyRelu(leak) if leak else Relu()
    at = Box(np.array([[-low * scale]]), np.array([[high]]))
    own, chosen = operation.lines(at), operation.lines(at, np.array([[slope]]))
    band = operation.band(at)
    pairs = [(band.slope, band.low, -1), (band.slope, band.high, 1)]
    for lines in (own, chosen):
        pairs += [(lines.lower_slope, lines.lower_offset, -1), (lines.upper_slope, lines.upper_offset, 1)]
    for z in (Fraction(float(at.low[0, 0])), Fraction(0), Fraction(float(at.high[0, 0]))):
        value = max(z, Fraction(leak) * z)
        for steep, offset, side in pairs:
            assert side * (Fraction(float(steep[0, 0])) * z + Fraction(float(offset[0, 0])) - value) >= 0


def test_lines_by_hand() -> None:
    """[-1, 3], leak 1/5: chord from (-1, -1/5) to (3, 3), slope 4/5, offset 3/5; below, z itself."""
    lines = LeakyRelu(0.2).lines(Box(np.array([[-1.0]]), np.array([[3.0]])))
    found = [float(part[0, 0]) for part in lines]
    assert found == pytest.approx([1.0, 0.0, 0.8, 0.6])
    closed = Relu().lines(Box(np.array([[-2.0, 1.0]]), np.array([[-1.0, 2.0]])))
    assert [part[0].tolist() for part in closed] == [[0.0, 1.0], [0.0, 0.0], [0.0, 1.0], [0.0, 0.0]]
    assert Relu().undecided(Box(np.array([[-1.0, 0.0]]), np.array([[1.0, 2.0]]))).tolist() == [True, False]


@pytest.mark.parametrize("leak", [-0.1, 1.5, np.nan])
def test_a_leak_outside_0_to_1_is_refused(leak: float) -> None:
    with pytest.raises(BadInput, match="leaky ReLU, leak"):
        LeakyRelu(leak)
