"""One suite over every perturbation set; extending it is a line in ``set_cases.CASES``."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.verification.sets import SETS, Ball, NormBall, Persistent
from tests.detectors.verification.set_cases import CASES, N
from tests.reference import exact_sets

names = pytest.mark.parametrize("name", list(CASES))
drawn = given(seed=st.integers(0, 2**31), power=st.floats(-9, 3))
few = settings(max_examples=40, derandomize=True, deadline=None)


def _objectives(rng: np.random.Generator, rows: int = 4) -> np.ndarray:
    c = rng.standard_normal((1, rows, N)) * 10.0 ** rng.uniform(-6, 6, (1, rows, 1))
    return np.where(rng.random(c.shape) < 0.2, 0.0, c)


def test_every_set_is_covered() -> None:
    found = {type(make(np.random.default_rng(0), 0.1).region) for make in CASES.values()}
    assert found == set(SETS.values())


@names
@few
@drawn
def test_points_are_inside(name: str, seed: int, power: float) -> None:
    rng = np.random.default_rng(seed)
    region = CASES[name](rng, 10.0**power).region
    low, high = region.hull.low[0], region.hull.high[0]
    far = low + (high - low) * rng.uniform(-2, 3, (6, N))
    points = np.vstack([region.draw(10, rng), region.nearest(far), region.nearest(1e3 * far)])
    for point in points:
        assert region.contains(point)
        assert (low <= point).all()
        assert (point <= high).all()
    again = region.nearest(points)
    assert all(region.contains(point) for point in again)
    outside = high + (high - low) + 1e-6 * np.abs(high) + 1e-9
    assert not region.contains(outside)
    assert not region.contains(np.full(N, np.nan))


@names
@few
@drawn
def test_lowest_is_sound_and_tight(name: str, seed: int, power: float) -> None:
    rng = np.random.default_rng(seed)
    case = CASES[name](rng, 10.0**power)
    c = _objectives(rng)
    bounds = case.region.lowest(c)[0]
    hull = case.region.hull
    points = case.region.draw(12, rng)
    for row, bound in zip(c[0], bounds, strict=True):
        assert case.sound(row, float(bound))
        for point in points:
            assert Fraction(float(bound)) <= exact_sets.dot(row, point)
        # Within 1e-6 of what the set moves, beside the rounding of the whole sum.
        moved = np.abs(row) @ (hull.high[0] - hull.low[0])
        rounding = np.abs(row) @ hull.size[0]
        assert bound >= case.oracle(row) - 1e-6 * moved - 1e-12 * rounding - 1e-280


@names
@few
@drawn
def test_hull_and_norm_ball_hold_the_set(name: str, seed: int, power: float) -> None:
    rng = np.random.default_rng(seed)
    region = CASES[name](rng, 10.0**power).region
    ball = region.norm_ball
    ones = np.concatenate([np.eye(N), -np.eye(N)])[None]
    hull, ends = region.hull, region.lowest(ones)[0]
    grain = 1e-12 * hull.size[0]
    assert (hull.low[0] <= ends[:N] + grain).all()
    assert (hull.high[0] >= -ends[N:] - grain).all()
    for point in region.draw(12, rng):
        assert _norm(ball, point) <= Fraction(ball.radius) * (1 + Fraction(1, 10**9)) + Fraction(1, 10**12)


@names
@few
@drawn
def test_zonotope_holds_the_set(name: str, seed: int, power: float) -> None:
    """It is no wider than the hull, and lines over it are no higher than over the set's points."""
    rng = np.random.default_rng(seed)
    region = CASES[name](rng, 10.0**power).region
    zonotope, hull = region.zonotope, region.hull
    grain = 1e-12 * hull.size[0] + 1e-280
    assert (zonotope.box.low[0] >= hull.low[0] - grain).all()
    assert (zonotope.box.high[0] <= hull.high[0] + grain).all()
    points = region.draw(12, rng)
    for row in _objectives(rng)[0]:
        centre, spread = (
            exact_sets.dot(row, zonotope.centre[0]),
            exact_sets.dot(np.abs(row), zonotope.spread[0]),
        )
        reach = spread + sum(abs(exact_sets.dot(row, g)) for g in zonotope.generators[0])
        assert all(abs(exact_sets.dot(row, point) - centre) <= reach for point in points)


def test_a_bias_is_one_symbol() -> None:
    """x_t = 1 + p over three scans, p in [-0.5, 1.5]: x_0 - x_2 is 0 up to rounding."""
    region = Persistent.bias(np.ones((3, 1)), np.array([-0.5]), np.array([1.5]))
    zonotope = region.zonotope
    assert zonotope.centre[0].tolist() == [1.5] * 3
    assert zonotope.generators[0] == pytest.approx(np.ones((1, 3)), rel=1e-15)
    assert (zonotope.generators[0] == zonotope.generators[0, :, :1]).all()
    assert (zonotope.spread < 1e-14).all()


def _norm(ball: NormBall, point: np.ndarray) -> Fraction:
    centre, scale = ball.centre[0], ball.scale[0]
    assert (point[scale == 0.0] == centre[scale == 0.0]).all()
    rows = zip(point[scale > 0], centre[scale > 0], scale[scale > 0], strict=True)
    ways = [abs(Fraction(float(x)) - Fraction(float(m))) / Fraction(float(s)) for x, m, s in rows]
    if ball.order == "2":
        return Fraction(float(sum(w * w for w in ways)) ** 0.5)
    return sum(ways, Fraction(0)) if ball.order == "1" else max(ways, default=Fraction(0))


@names
@few
@drawn
def test_corners_are_drawn(name: str, seed: int, power: float) -> None:
    """Some drawn point comes close to what the bound says is possible, in a direction of its own choice."""
    rng = np.random.default_rng(seed)
    region = CASES[name](rng, 10.0**power).region
    points = region.draw(400, rng)
    hull = region.hull
    reach = hull.reach[0]
    moves = reach > 1e-9 * np.abs(hull.middle[0]) + 1e-290
    if not moves.any():
        return
    gaps = []
    for _ in range(10):
        c = np.where(moves, rng.choice([-1.0, 1.0], N) / np.where(moves, reach, 1.0), 0.0)
        low, high = region.lowest(np.stack([c, -c])[None])[0] * (1.0, -1.0)
        if high - low > 1e-6:
            gaps.append(((points @ c).min() - low) / (high - low))
    assert min(gaps, default=0.0) < 0.1


@names
def test_overflow_is_no_bound(name: str) -> None:
    region = CASES[name](np.random.default_rng(3), 0.1).region
    c = np.zeros((1, 2, N))
    c[0, 0, 1], c[0, 1, 2] = np.nan, np.inf
    with np.errstate(all="ignore"):
        found = region.lowest(c)[0]
    assert not (found > -np.inf).any()


def test_ball_without_range_is_a_special_case() -> None:
    """A range that is never reached changes nothing but rounding."""
    rng = np.random.default_rng(5)
    centre, scale = rng.standard_normal(6), rng.uniform(0.1, 2, 6)
    c = rng.standard_normal((1, 9, 6))
    wide = Ball(centre, scale, 0.7, centre - 5.0, centre + 5.0).lowest(c)
    assert Ball(centre, scale, 0.7).lowest(c) == pytest.approx(wide, rel=1e-12)
