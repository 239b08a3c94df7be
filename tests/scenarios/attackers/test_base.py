import pytest

from scenarios.attackers.base import Attacker, Budget, Options, TapOrder, View

EPS = {"a/level_m": 2.0, "a/flow_m3h": 0.0}


class Greedy(Attacker):
    """Asks for more than it may."""

    name = "greedy"
    description = "test"

    def __init__(self, budget, orders):
        super().__init__(budget, Options())
        self.orders = orders

    def plan(self, view):
        return self.orders


def budget(**changes):
    values = {
        "links": frozenset({"a>b"}),
        "eps": EPS,
        "start_s": 10.0,
        "end_s": 20.0,
        "allow_drop": False,
        "queries": 2,
    }
    return Budget(**(values | changes))


def order(operation="offset", tags=("a/level_m",), values=(5.0,), link="a>b", start=0.0, end=99.0):
    return TapOrder(link, operation, tags, values, start, end)


def act(orders, t_s=12.0, **changes):
    return Greedy(budget(**changes), orders).act(View(3, t_s, None))


def test_offsets_are_clipped_and_times_cut():
    assert act([order()]) == [TapOrder("a>b", "offset", ("a/level_m",), (2.0,), 10.0, 20.0)]
    assert act([order(values=(-5.0,))])[0].values == (-2.0,)


def test_links_tags_and_drops_outside_the_budget_are_left_out():
    assert act([order(link="x>y")]) == []
    assert act([order(tags=("other",))]) == []
    assert act([order(tags=("a/flow_m3h",))]) == []
    assert act([order(operation="drop")]) == []
    assert len(act([order(operation="drop")], allow_drop=True)) == 1
    mixed = act([order(tags=("other", "a/level_m"), values=(1.0, 1.5))])
    assert mixed[0].tags == ("a/level_m",)
    assert mixed[0].values == (1.5,)


@pytest.mark.parametrize("t_s", [9.9, 20.0, 100.0])
def test_nothing_happens_outside_the_window(t_s):
    assert act([order()], t_s=t_s) == []


def test_queries_run_out():
    attacker = Greedy(budget(), [])
    assert [attacker.use_query() for _ in range(3)] == [True, True, False]
