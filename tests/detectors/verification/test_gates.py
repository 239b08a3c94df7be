"""Maximum, product and mixture by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from detectors.verification.box import Box
from detectors.verification.operations import Maximum, Mixture, Operation, Product
from detectors.verification.operations.maximum import elementwise
from detectors.verification.rounding import ARITHMETICS
from streams.errors import BadInput

EXACT = ARITHMETICS["exact"]


def boxes(*ends: tuple[float, float]) -> tuple[Box, ...]:
    """One entry each."""
    return tuple(Box(np.array([[low]]), np.array([[high]])) for low, high in ends)


def line(operation: Operation, given: tuple[Box, ...], sign: float) -> tuple[list[float], float]:
    """Coefficients and constant of the lower (sign 1) or upper (sign -1) plane."""
    pulled = operation.pull(np.full((1, 1, 1), sign), given, operation.bound(given, EXACT), None)
    joined = np.concatenate([c[0, 0] for c in pulled.coefficients])
    return (sign * joined).tolist(), float(sign * (pulled.constant - pulled.slack)[0, 0])


def test_maximum_of_two_that_overlap() -> None:
    """a in [0, 4], b in [1, 2]: a reaches higher, above it runs the chord of max(a, 2): (0, 2) to (4, 4).
    Below, a has the higher middle."""
    given = boxes((0.0, 4.0), (1.0, 2.0))
    largest = elementwise(1)
    found = largest.bound(given, EXACT).box
    assert (found.low[0, 0], found.high[0, 0]) == (1.0, 4.0)
    slopes, constant = line(largest, given, -1.0)
    assert slopes == pytest.approx([0.5, 0.0])
    assert constant == pytest.approx(2.0)
    slopes, constant = line(largest, given, 1.0)
    assert slopes == [1.0, 0.0]
    assert constant == pytest.approx(0.0, abs=1e-12)
    assert [o.tolist() for o in largest.open_entries(given)] == [[True], [True]]


def test_maximum_that_is_decided_is_exact() -> None:
    given = boxes((3.0, 4.0), (1.0, 2.0))
    for sign in (1.0, -1.0):
        slopes, constant = line(elementwise(1), given, sign)
        assert slopes == [1.0, 0.0]
        assert constant == pytest.approx(0.0, abs=1e-12)
    assert [o.tolist() for o in elementwise(1).open_entries(given)] == [[False], [False]]


def test_an_entry_twice_in_a_group_does_not_compete_with_itself() -> None:
    given = (Box(np.array([[0.0]]), np.array([[4.0]])),)
    for sign in (1.0, -1.0):
        assert line(Maximum([[0, 0]], [1]), given, sign)[0] == [1.0]


@pytest.mark.parametrize("groups", [[[0, 3]], [[-1, 0]]])
def test_maximum_of_what_is_not_there(groups: list[list[int]]) -> None:
    with pytest.raises(BadInput, match="maximum, entry"):
        Maximum(groups, (2, 1))
    with pytest.raises(BadInput, match="maximum, groups"):
        Maximum([], (2, 1))


def test_product_of_positive_numbers() -> None:
    """a in [1, 3], b in [2, 5] (McCormick 1976): at least 2 a + b - 2, which at (1, 2) is exact; at most
    2 a + 3 b - 6 or 5 a + b - 5, both exact at (3, 5)."""
    given = boxes((1.0, 3.0), (2.0, 5.0))
    found = Product().bound(given, EXACT).box
    assert (found.low[0, 0], found.high[0, 0]) == (pytest.approx(2.0), pytest.approx(15.0))
    slopes, constant = line(Product(), given, 1.0)
    assert (*slopes, constant) == pytest.approx((2.0, 1.0, -2.0))
    slopes, constant = line(Product(), given, -1.0)
    assert (*slopes, constant) in (pytest.approx((2.0, 3.0, -6.0)), pytest.approx((5.0, 1.0, -5.0)))


def test_product_with_a_known_factor_is_exact() -> None:
    given = boxes((-2.0, -2.0), (-1.0, 4.0))
    for sign in (1.0, -1.0):
        slopes, constant = line(Product(), given, sign)
        assert slopes[1] == -2.0
        assert slopes[0] * -2.0 + constant == pytest.approx(0.0, abs=1e-12)
    assert not np.any(Product().open_entries(given))


def test_planes_of_a_product_reach_the_least_corner_where_a_sign_is_known() -> None:
    for one, other in itertools.product(((0.0, 1.0), (-3.0, -1.0)), ((-2.0, 5.0), (1.0, 4.0), (-4.0, 0.0))):
        for sign in (1.0, -1.0):
            slopes, constant = line(Product(), boxes(one, other), sign)
            corners = [a * b for a, b in itertools.product(one, other)]
            on_plane = [slopes[0] * a + slopes[1] * b + constant for a, b in itertools.product(one, other)]
            worst = min(sign * v for v in on_plane)
            assert worst == pytest.approx(min(sign * v for v in corners))


def test_a_mixture_stays_between() -> None:
    """Gate in [0, 1], parts in [-1, 1] and [0, 2]: in [-1, 2], where a product and a sum give more."""
    given = boxes((0.0, 1.0), (-1.0, 1.0), (0.0, 2.0))
    found = Mixture().bound(given, EXACT).box
    assert (found.low[0, 0], found.high[0, 0]) == (pytest.approx(-1.0), pytest.approx(2.0))
    # Half and half: -1/2 to 3/2.
    found = Mixture().bound(boxes((0.5, 0.5), (-1.0, 1.0), (0.0, 2.0)), EXACT).box
    assert (found.low[0, 0], found.high[0, 0]) == (pytest.approx(-0.5), pytest.approx(1.5))


def test_a_mixture_by_a_known_gate_is_affine() -> None:
    given = boxes((0.25, 0.25), (-1.0, 1.0), (0.0, 2.0))
    for sign in (1.0, -1.0):
        slopes, constant = line(Mixture(), given, sign)
        assert slopes[1:] == pytest.approx([0.75, 0.25])
        assert 0.25 * slopes[0] + constant == pytest.approx(0.0, abs=1e-12)
    assert not np.any(Mixture().open_entries(given))
