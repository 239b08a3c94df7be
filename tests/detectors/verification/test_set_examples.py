"""Hand-worked sets, how sets are refused, and windows turned into sets."""

from collections.abc import Callable

import numpy as np
import pytest

from detectors.verification.sets import (
    Ball,
    Boxes,
    Consistent,
    FewTags,
    FreeStations,
    Persistent,
    SharedBudget,
    Union,
    box_around,
    over_scans,
    station_groups,
)
from streams.errors import BadInput
from tests.reference import exact_sets

A = np.array


def least(region: object, *c: float) -> float:
    return float(region.lowest(A([[c]]))[0, 0])


def near(value: float) -> object:
    return pytest.approx(value, abs=1e-11, rel=1e-12)


def test_ball_by_hand() -> None:
    """Steps of 3 and 4 units of scale 2 and 1: 10 + 20 - 2 sqrt((2 * 3)^2 + 8^2) = 30 - 2 * 10."""
    ball = Ball(A([1.0, 2.0]), A([0.6, 0.8]), 2.0)
    assert least(ball, 10.0, 10.0) == near(30.0 - 2.0 * 10.0)
    assert ball.contains(A([1.0, 2.0 + 0.8 * 2.0]))
    assert not ball.contains(A([1.1, np.nextafter(3.6, 4.0)]))


def test_ball_in_range_by_hand() -> None:
    """Radius 5 cut at x >= -3: the other input keeps sqrt(25 - 9) = 4."""
    ball = Ball(np.zeros(2), np.ones(2), 5.0, A([-3.0, -9.0]), A([9.0, 9.0]))
    assert least(ball, 100.0, 1.0) == near(-304.0)
    assert least(Ball(np.zeros(2), np.ones(2), 5.0), 3.0, 4.0) == near(-25.0)


def test_ball_contains_is_exact() -> None:
    """(3, 4) lies on the sphere of radius 5, the next number outside it."""
    ball = Ball(np.zeros(2), np.ones(2), 5.0)
    assert ball.contains(A([3.0, 4.0]))
    assert not ball.contains(A([3.0, np.nextafter(4.0, 5.0)]))


def test_shared_budget_by_hand() -> None:
    """Budget 5: rate 4 first until its box at 2, then rate 3 with what is left, 3."""
    budget = SharedBudget(np.zeros(3), np.ones(3), 5.0, A([-9.0, -2.0, -9.0]), A([9.0, 9.0, 9.0]))
    assert least(budget, 3.0, 4.0, 1.0) == near(-(4 * 2 + 3 * 3))
    assert budget.contains(A([1.0, -2.0, 2.0]))
    assert not budget.contains(A([1.0, -2.0, np.nextafter(2.0, 3.0)]))


def test_free_stations_by_hand() -> None:
    """Base +-1 each; one station of inputs 0 and 1 to +-3 gains 2 * 2, the other, input 2 to +-4, gains 3."""
    base = Boxes(-np.ones(3), np.ones(3))
    for k, value in ((0, -3.0), (1, -7.0), (2, -10.0)):
        region = FreeStations(base, {"A": [0, 1], "B": [2]}, k, A([-3.0, -3, -4]), A([3.0, 3, 4]))
        assert least(region, 1.0, 1.0, 1.0) == near(value)
        assert region.contains(A([2.0, 0.0, 0.0])) == (k >= 1)
        assert region.contains(A([2.0, 0.0, 2.0])) == (k >= 2)
        assert not region.contains(A([3.1, 0.0, 0.0]))


def test_few_tags_by_hand() -> None:
    """Two of three tags moved; a tag is all its samples."""
    centre, reach = np.zeros(4), A([1.0, 2.0, 1.0, 2.0])
    assert least(FewTags(centre, -reach, reach, 1), 1.0, 1.0, 1.0, 1.0) == near(-2.0)
    tags = A([0, 1, 0, 1])
    assert least(FewTags(centre, -reach, reach, 1, tags), 1.0, 1.0, 1.0, 1.0) == near(-4.0)


def test_persistent_by_hand() -> None:
    """Three scans of one tag: a held bias cannot touch a difference, a ramp of 3 makes steps of 1."""
    window = A([[5.0], [5.0], [5.0]])
    held = Persistent.bias(window, A([-3.0]), A([3.0]))
    grows = Persistent.ramp(window, A([-3.0]), A([3.0]))
    assert least(held, -1.0, 0.0, 1.0) == near(0.0)
    assert least(held, 1.0, 1.0, 1.0) == near(15.0 - 9.0)
    assert least(grows, -1.0, 0.0, 1.0) == near(-2.0)
    assert held.contains(A([6.5, 6.5, 6.5]))
    assert not held.contains(A([6.5, 6.5, 6.5000001]))
    assert grows.contains(A([6.0, 7.0, 8.0]))
    assert not grows.contains(A([6.0, 7.0, 8.1]))
    assert not held.contains(A([8.1, 8.1, 8.1]))


def test_consistent_by_hand() -> None:
    """x + y = 0 within 0.5 leaves x - y its 2 and takes from x + y all but 0.5."""
    region = Consistent.balance(Boxes(-np.ones(2), np.ones(2)), A([[1.0, 1.0]]), A([0.0]), A([0.5]))
    assert least(region, 1.0, 1.0) == pytest.approx(-0.5, abs=1e-9)
    assert least(region, 1.0, -1.0) == pytest.approx(-2.0, abs=1e-9)
    assert region.contains(A([1.0, -0.5]))
    assert not region.contains(A([1.0, -0.25]))
    capped = Consistent.below(Boxes(-np.ones(2), np.ones(2)), A([[-1.0, -1.0]]), A([1.0]))
    assert least(capped, 2.0, 1.0) == pytest.approx(-2.0, abs=1e-9)


def test_multipliers_need_not_be_right() -> None:
    """Whatever the solver says, the bound stays below the least value (weak duality)."""
    rng = np.random.default_rng(2)
    low, high, matrix = -rng.uniform(0, 2, 4), rng.uniform(0, 2, 4), rng.standard_normal((3, 4))
    ends = A([-0.3, -2.0, -np.inf]), A([0.2, np.inf, 2.0])
    region = Consistent(Boxes(low, high), matrix, *ends)
    corners = exact_sets.vertices(low, high, matrix, *ends)
    for _ in range(200):
        c, junk = rng.standard_normal(4), 10.0 ** rng.uniform(-1.5, 1.5) * rng.standard_normal(3)
        junk = np.where(np.arange(3) == rng.integers(3), junk, 0.0)
        region._programme.solve = lambda _, junk=junk: (low, junk)
        assert least(region, *c) <= float(exact_sets.least(c, corners))
        assert region._by_multipliers(c[None, None], junk[None, None])[0, 0] <= least(region, *c)
        region._programme.solve = lambda _: None
        assert least(region, *c) == float(region.base.lowest(c[None, None])[0, 0])


def test_answers_do_not_depend_on_the_order_of_questions() -> None:
    rng = np.random.default_rng(9)
    centre, matrix = rng.standard_normal(30), rng.standard_normal((8, 30))
    region = Consistent.balance(Boxes(centre - 1, centre + 1), matrix, matrix @ centre, np.full(8, 0.1))
    c = rng.standard_normal((1, 20, 30))
    assert (region.lowest(c)[:, ::-1] == region.lowest(c[:, ::-1])).all()


def test_shared_budget_agrees_with_a_linear_programme() -> None:
    rng = np.random.default_rng(7)
    for _ in range(20):
        centre, scale = rng.standard_normal(9), rng.uniform(0.1, 2, 9)
        low, high = centre - rng.uniform(0, 2, 9), centre + rng.uniform(0, 2, 9)
        c, budget = rng.standard_normal(9), float(rng.uniform(0, 6))
        wanted = exact_sets.knapsack_by_lp(c, centre, scale, budget, low, high)
        assert least(SharedBudget(centre, scale, budget, low, high), *c) == pytest.approx(wanted, rel=1e-7)


def test_consistent_agrees_with_another_solve() -> None:
    """More inputs than enumeration can take, against scipy's own call of HiGHS."""
    rng = np.random.default_rng(8)
    centre = 100.0 * rng.standard_normal(30)
    low, high = centre - rng.uniform(0, 2, 30), centre + rng.uniform(0, 2, 30)
    matrix = rng.integers(-1, 2, (8, 30)).astype(float)
    values = matrix @ centre
    region = Consistent.balance(Boxes(low, high), matrix, values, np.full(8, 0.05))
    for c in rng.standard_normal((10, 30)):
        wanted = exact_sets.consistent_by_lp(c, low, high, matrix, region.row_low, region.row_high)
        found = least(region, *c)
        assert found <= wanted + 1e-9 * np.abs(c).sum() * 100
        assert found == pytest.approx(wanted, rel=1e-6)
        assert wanted > least(region.base, *c) + 1.0


def test_union_by_hand() -> None:
    """A station that is free alone cannot break a balance with a tag that is not."""
    base, rows = Boxes(-np.ones(2), np.ones(2)), (A([[1.0, -1.0]]), A([-0.5]), A([0.5]))
    stations = FreeStations(base, {"A": [0], "B": [1]}, 1, A([-9.0, -9.0]), A([9.0, 9.0]))
    region = Union.consistent_stations(stations, *rows)
    assert least(stations, 1.0, 0.0) == near(-9.0)
    assert least(region, 1.0, 0.0) == pytest.approx(-1.5, abs=1e-9)
    assert least(Union([Boxes(0 * TWO, TWO), Boxes(-TWO, 0 * TWO)]), 1.0, -1.0) == near(-1.0)
    assert region.contains(A([1.4, 1.0]))
    assert not region.contains(A([1.4, 1.2]))


def test_box_around_a_window() -> None:
    window = A([[1.0, 2.0, 0.0], [3.0, np.nan, 0.0]])
    box = box_around(
        window,
        A([0.5, 0.25, 1.0]),
        A([False, False, True]),
        low=A([0.0, -7.0, -1.0]),
        high=A([9.0, 9.0, 1.0]),
    )
    assert box.low[0] == pytest.approx([0.5, 1.75, 0.0, 2.5, -7.0, 0.0])
    assert box.high[0] == pytest.approx([1.5, 2.25, 0.0, 3.5, 9.0, 0.0])
    assert (box.low[0] < A([0.5, 1.75, 0.1, 2.5, 0.0, 0.1])).all()
    assert box.low[0][2] == box.high[0][2] == 0.0
    assert over_scans(A([1.0, 2.0]), 2).tolist() == [1.0, 2.0, 1.0, 2.0]


def test_station_groups_span_the_window() -> None:
    groups = station_groups(["N", "S", "N", "P"], scans=2, protected=A([True, False, False, True]))
    assert {name: inputs.tolist() for name, inputs in groups.items()} == {"N": [2, 6], "S": [1, 5]}


ONE, TWO = np.ones(1), np.ones(2)
BASE = Boxes(-TWO, TWO)
SUM = np.ones((1, 2))
INF = np.inf * ONE
REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "lower above upper": (lambda: Boxes(TWO, -TWO), "upper bound of input 0"),
    "NaN window": (lambda: Ball(A([0.0, np.nan]), TWO, 1.0), "window of input 1"),
    "infinite window": (lambda: SharedBudget(A([np.inf]), ONE, 1.0), "window of input 0"),
    "empty window": (lambda: Ball(A([]), A([]), 1.0), "window"),
    "scale of another length": (lambda: Ball(TWO, ONE, 1.0), "scale"),
    "negative scale": (lambda: SharedBudget(TWO, A([1.0, -1.0]), 1.0), "scale of input 1"),
    "negative radius": (lambda: Ball(TWO, TWO, -1.0), "radius"),
    "NaN radius": (lambda: Ball(TWO, TWO, np.nan), "radius"),
    "negative budget": (lambda: SharedBudget(TWO, TWO, -0.1), "shared budget"),
    "window below its range": (lambda: Ball(TWO, TWO, 1.0, low=2 * TWO), "lower end of input 0"),
    "window above its range": (lambda: SharedBudget(TWO, TWO, 1.0, high=0 * TWO), "upper end of input 0"),
    "NaN range": (lambda: Ball(TWO, TWO, 1.0, low=A([0.0, np.nan])), "lower end of input 1"),
    "range of another length": (lambda: Ball(TWO, TWO, 1.0, low=A([0.0])), "lower ends"),
    "k above the stations": (lambda: FreeStations(BASE, {"A": [0]}, 2, -TWO, TWO), "free stations"),
    "k below 0": (lambda: FreeStations(BASE, {"A": [0]}, -1, -TWO, TWO), "free stations"),
    "k no whole number": (lambda: FreeStations(BASE, {"A": [0]}, 0.5, -TWO, TWO), "free stations"),
    "station without tags": (lambda: FreeStations(BASE, {"A": []}, 1, -TWO, TWO), "station A"),
    "station of an unknown tag": (lambda: FreeStations(BASE, {"A": [2]}, 1, -TWO, TWO), "station A, inputs"),
    "tag of two stations": (
        lambda: FreeStations(BASE, {"A": [0], "B": [0, 1]}, 1, -TWO, TWO),
        "station of input 0",
    ),
    "range upside down": (lambda: FreeStations(BASE, {"A": [0]}, 1, TWO, -TWO), "upper bound of input 0"),
    "range without end": (
        lambda: FreeStations(BASE, {"A": [0]}, 1, np.array([-np.inf, 0]), TWO),
        "lower end of range",
    ),
    "batch of boxes": (
        lambda: FreeStations(Boxes(np.zeros((2, 2)), np.ones((2, 2))), {"A": [0]}, 1, -TWO, TWO),
        "base box",
    ),
    "tags of another length": (lambda: FewTags(TWO, -TWO, TWO, 1, A([0])), "tag numbers"),
    "bias upside down": (lambda: Persistent.bias(np.ones((2, 1)), ONE, -ONE), "upper bound of input 0"),
    "bias of another length": (lambda: Persistent.bias(np.ones((2, 2)), -ONE, ONE), "window and biases"),
    "owner without parameter": (lambda: Persistent(TWO, TWO, A([0, 1]), -ONE, ONE), "owners"),
    "consistency of another length": (lambda: Consistent(BASE, np.ones((1, 3)), -ONE, ONE), "matrix"),
    "consistency with NaN": (lambda: Consistent(BASE, A([[np.nan, 1.0]]), -ONE, ONE), "matrix"),
    "consistency upside down": (lambda: Consistent(BASE, SUM, ONE, -ONE), "sides of row 0"),
    "consistency without sides": (
        lambda: Consistent(BASE, SUM, -INF, INF),
        "sides of row 0",
    ),
    "consistency that nothing satisfies": (
        lambda: Consistent(BASE, SUM, 5 * ONE, 6 * ONE),
        "rows",
    ),
    "union of nothing": (lambda: Union([]), "union of sets"),
    "union of unlike sets": (lambda: Union([BASE, Boxes(-ONE, ONE)]), "union of sets"),
    "consistency that no station satisfies": (
        lambda: Union.consistent_stations(
            FreeStations(BASE, {"A": [0]}, 1, -TWO, TWO), SUM, 5 * ONE, 6 * ONE
        ),
        "consistency",
    ),
    "balance without tolerance": (
        lambda: Consistent.balance(BASE, SUM, ONE, 0 * ONE),
        "tolerance of balance",
    ),
    "missing sample without range": (lambda: box_around(A([[np.nan, 1.0]]), TWO), "scan 0 of tag 0"),
    "negative eps": (lambda: box_around(SUM, -TWO), "eps of input 0"),
    "eps of another length": (lambda: box_around(SUM, ONE), "eps"),
    "window without scans": (lambda: box_around(np.ones((0, 2)), TWO), "window"),
    "protected of another length": (lambda: box_around(SUM, TWO, A([True])), "protected tags"),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_refused_in_one_sentence(name: str) -> None:
    make, where = REFUSED[name]
    with pytest.raises(BadInput) as error:
        make()
    text = str(error.value)
    assert where in text
    assert "allowed:" in text
    assert "\n" not in text
