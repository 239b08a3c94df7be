"""The attackers of training data: what they draw lies within the budget, and the seed says what it is."""

import msgspec
import numpy as np
import pytest

from scenarios.attackers.base import Budget, View
from scenarios.attackers.generic import RandomLevel, RandomOptions, RandomShift
from simulator.control.dc_model import build_dc_model
from streams.links import LinkBudget, LinkTable
from streams.taps import HISTORY_S
from tests.simulator.control.small_grid import small_model

MODEL = small_model()
LOADS = {bus.load_tag: 0.9 * bus.load_mw for bus in MODEL.buses if bus.load_tag}
START_S, END_S, PERIOD_S = 100.0, 2000.0, 120.0
LEVEL = MODEL.tanks[0].level_tag
LEVEL_LINKS = {"RTU-T1>SCADA", "RTU-T1>PLC-P1"}
REACH = {
    RandomShift: frozenset(tag.link for tag in MODEL.tags if tag.station.startswith("S")),
    RandomLevel: frozenset(LEVEL_LINKS),
}
KINDS = pytest.mark.parametrize("kind", REACH)
SEEDS = range(25)


def budget(kind, share=0.2, links=None):
    eps = {tag.name: share * (tag.high - tag.low) for tag in MODEL.tags}
    return Budget(REACH[kind] if links is None else links, eps, START_S, END_S, False, 0)


def make(kind, seed=0, **limits):
    return kind(budget(kind, **limits), RandomOptions(seed=seed, period_s=PERIOD_S))


def view(t_s, model=MODEL):
    status = {branch.status_tag: 1.0 for branch in MODEL.branches}
    telemetry = {tag.name: 0.0 for tag in MODEL.tags} | LOADS | status
    intercept = {(tag.link, tag.name): telemetry[tag.name] for tag in MODEL.tags}
    return View(int(t_s // 4), t_s, model, telemetry=telemetry, intercept=intercept)


def orders_at(attacker, *periods):
    """Orders of each of the periods, asked for once in each."""
    return [attacker.act(view(START_S + PERIOD_S * period)) for period in periods]


def offsets(orders):
    return {tag: value for order in orders for tag, value in zip(order.tags, order.values, strict=True)}


@KINDS
def test_the_seed_alone_says_what_it_draws(kind):
    drawn = [orders_at(make(kind, seed), *range(6)) for seed in SEEDS]
    assert drawn == [orders_at(make(kind, seed), *range(6)) for seed in SEEDS]
    # Two seeds may both draw three frozen values; most may not.
    assert len({msgspec.json.encode(orders) for orders in drawn}) > 0.8 * len(SEEDS)


@KINDS
def test_a_draw_does_not_depend_on_those_before(kind):
    for seed in SEEDS:
        assert orders_at(make(kind, seed), 4) == orders_at(make(kind, seed), 0, 1, 4)[-1:]


@KINDS
def test_global_luck_is_neither_used_nor_moved(kind):
    np.random.seed(1)  # noqa: NPY002
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    orders_at(make(kind), 0, 2)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


@KINDS
def test_once_a_period_and_only_in_its_time(kind):
    attacker = make(kind)
    times = [4.0 * k for k in range(600)]
    acted = [t_s for t_s in times if attacker.act(view(t_s))]
    periods = np.unique([(t_s - START_S) // PERIOD_S for t_s in acted])
    assert acted[0] == START_S
    assert acted[-1] < END_S
    assert len(acted) == len(periods) == np.ceil((END_S - START_S) / PERIOD_S)


@KINDS
def test_every_other_period_is_clean(kind):
    for seed in SEEDS:
        for orders in orders_at(make(kind, seed), 1, 3, 5):
            assert {order.operation for order in orders} == {"offset"}
            assert not any(offsets(orders).values())


@KINDS
def test_a_black_box_shows_it_nothing_to_tamper_with(kind):
    assert make(kind).act(view(START_S, model=None)) == []


@KINDS
def test_what_links_make_of_it_is_within_eps_and_in_reach(kind):
    share = 0.1
    tags = MODEL.tags
    reach = np.array([share * (tag.high - tag.low) * (tag.link in REACH[kind]) for tag in tags])
    value = np.array([view(0.0).telemetry[tag.name] for tag in tags])
    moved = np.zeros(len(tags))
    for seed in SEEDS:
        attacker = make(kind, seed, share=share)
        carried = {link: {tag.name for tag in tags if tag.link == link} for link in REACH[kind]}
        carried.setdefault("RTU-T1>PLC-P1", set()).add(LEVEL)
        eps = attacker.budget.eps
        links = LinkTable(
            MODEL,
            [
                LinkBudget(link, {tag: eps[tag] for tag in carried[link]}, False, START_S, END_S)
                for link in sorted(REACH[kind])
            ],
        )
        for k in range(25, 175):
            t_s = 4.0 * k
            for number, order in enumerate(attacker.act(view(t_s))):
                tap = order.tap("attacker", number, k, t_s)
                assert links.accept(tap) is None
            # A value that wanders, so that what is held or played again is another.
            measured = value + 0.3 * np.array([tag.high - tag.low for tag in tags]) * np.sin(t_s / 70.0)
            moved = np.maximum(moved, np.abs(links.apply(t_s, measured) - measured))
    assert (moved <= reach * (1.0 + 1e-9)).all()
    assert (moved > 0.0).any()


def test_shifts_of_loads_stay_within_eps_and_keep_their_total():
    eps = budget(RandomShift).eps
    sizes = []
    for seed in SEEDS:
        (orders,) = orders_at(make(RandomShift, seed), 0)
        moved = offsets(orders)
        assert all(abs(value) <= eps[tag] * (1.0 + 1e-12) for tag, value in moved.items())
        assert all(abs(moved[tag]) <= 0.5 * mw + 1e-9 for tag, mw in LOADS.items())
        assert sum(moved[tag] for tag in LOADS) == pytest.approx(0.0, abs=1e-9)
        sizes.append(max(abs(moved[tag]) for tag in LOADS))
    assert max(sizes) > 10.0


def test_received_flows_fit_the_shifted_loads():
    dc = build_dc_model(MODEL, np.ones(len(MODEL.branches), dtype=bool))
    for seed in SEEDS:
        (orders,) = orders_at(make(RandomShift, seed, share=1.0), 0)
        moved = offsets(orders)
        injection = np.array([-moved.get(bus.load_tag, 0.0) for bus in MODEL.buses])
        for branch, flow in zip(MODEL.branches, dc.ptdf @ injection, strict=True):
            if branch.flow_tag.startswith("PDC"):
                assert branch.flow_tag not in moved
            else:
                assert moved[branch.flow_tag] == pytest.approx(flow, abs=1e-6)


def test_links_out_of_reach_are_left_alone():
    links = frozenset({"S2>SCADA", "S3>SCADA"})
    for seed in SEEDS:
        (orders,) = orders_at(make(RandomShift, seed, links=links), 0)
        assert {order.link for order in orders} == links
        (orders,) = orders_at(make(RandomLevel, seed, links=frozenset({"RTU-T1>SCADA"})), 0)
        assert {order.link for order in orders} == {"RTU-T1>SCADA"}


def test_controllers_and_scada_are_told_the_same_lie_about_a_level():
    seen = set()
    for seed in SEEDS:
        (orders,) = orders_at(make(RandomLevel, seed, share=1.0), 0)
        assert {order.link for order in orders} == LEVEL_LINKS
        assert {order.tags for order in orders} == {(LEVEL,)}
        ((operation, (value,)),) = {(order.operation, order.values) for order in orders}
        seen.add(operation)
        if operation == "offset":
            assert 1.0 <= abs(value) <= 5.0
        elif operation == "replay":
            assert 0.0 < value <= HISTORY_S
    assert seen == {"offset", "hold", "replay"}
