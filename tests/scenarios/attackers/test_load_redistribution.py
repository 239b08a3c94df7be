import numpy as np
import pytest

from scenarios.attackers.base import Budget, View
from scenarios.attackers.load_redistribution import (
    LoadRedistribution,
    LoadRedistributionOptions,
    redistribute,
)
from simulator.control.dc_model import build_dc_model
from tests.simulator.control.small_grid import small_model


def test_redistribution_is_the_optimum_of_its_linear_programme():
    from scipy.optimize import linprog

    random = np.random.default_rng(0)
    for _ in range(20):
        capacity = random.uniform(0.0, 10.0, 12) * (random.random(12) > 0.2)
        row = random.normal(size=12)
        shift = redistribute(capacity, row)
        best = linprog(-row, A_eq=np.ones((1, 12)), b_eq=[0.0], bounds=[(-c, c) for c in capacity])
        assert shift.sum() == pytest.approx(0.0, abs=1e-9)
        assert (np.abs(shift) <= capacity + 1e-9).all()
        assert row @ shift == pytest.approx(-best.fun, abs=1e-9)


def view_of(model, scale=0.95, t_s=240.0):
    load = {b.load_tag: b.load_mw * scale for b in model.buses if b.load_tag}
    share = scale / 0.95
    power = dict(
        zip((u.power_tag for u in model.units), (170.0 * share, 80.0 * share, 35.0 * share), strict=True)
    )
    status = {b.status_tag: 1.0 for b in model.branches}
    values = load | power | status
    intercept = {(tag.link, tag.name): values.get(tag.name, 0.0) for tag in model.tags if tag.name in values}
    return View(60, t_s, model, telemetry=values, intercept=intercept)


def make(model, tau=0.4, eps_share=1.0, queries=10):
    links = frozenset(tag.link for tag in model.tags if tag.station.startswith("S"))
    eps = {tag.name: eps_share * (tag.high - tag.low) for tag in model.tags if tag.link in links}
    budget = Budget(links, eps, 200.0, 2000.0, False, queries)
    return LoadRedistribution(budget, LoadRedistributionOptions(tau=tau))


def test_loads_are_shifted_within_tau_and_their_total_is_kept():
    model = small_model()
    orders = make(model).act(view_of(model))
    offset = {t: v for order in orders for t, v in zip(order.tags, order.values, strict=True)}
    load = {b.load_tag: b.load_mw * 0.95 for b in model.buses if b.load_tag}
    assert sum(offset[tag] for tag in load) == pytest.approx(0.0, abs=1e-6)
    assert all(abs(offset[tag]) <= 0.4 * mw + 1e-9 for tag, mw in load.items())
    assert max(abs(offset[tag]) for tag in load) > 1.0


def test_received_flows_fit_the_lie():
    model = small_model()
    offset = {
        tag: value
        for order in make(model).act(view_of(model))
        for tag, value in zip(order.tags, order.values, strict=True)
    }
    dc = build_dc_model(model, np.ones(len(model.branches), dtype=bool))
    injection = np.array([-offset.get(b.load_tag, 0.0) for b in model.buses])
    for branch, flow in zip(model.branches, dc.ptdf @ injection, strict=True):
        if branch.flow_tag.startswith("S"):
            assert offset[branch.flow_tag] == pytest.approx(flow, abs=1e-6)
        else:
            assert branch.flow_tag not in offset


def test_it_plans_once_per_redispatch_and_within_its_queries():
    model = small_model()
    attacker = make(model, queries=2)
    times = [t for t in np.arange(200.0, 1500.0, 4.0) if attacker.act(view_of(model, t_s=float(t)))]
    assert times == [200.0, 240.0]
