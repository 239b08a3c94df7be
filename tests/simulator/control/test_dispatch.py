import numpy as np
import pytest
from scipy.optimize import linprog

from simulator.control.dc_model import build_dc_model, bus_index
from simulator.control.dispatch import Dispatch, DispatchCase
from simulator.control.reserve_rows import Reserve


def case_of(model, limit_share=1.0):
    dc = build_dc_model(model, np.ones(len(model.branches), dtype=bool))
    index = bus_index(model)
    rating = np.array([b.rating_mva for b in model.branches]) * limit_share
    return DispatchCase(
        dc,
        np.array([index[u.bus] for u in model.units], dtype=np.intp),
        np.array([u.cost_per_mwh for u in model.units]),
        rating,
        rating * model.emergency_factor if model.security == "n-1" else np.full_like(rating, np.inf),
    )


def brute_force(case, load, total, low, high):
    """Slow oracle: the whole programme with every contingency row, by another solver."""
    dc = case.dc
    rows, limits = [], []
    units, fixed = dc.ptdf[:, case.unit_bus], -dc.ptdf @ load
    for line in range(len(case.limit_mw)):
        outages = [-1, *range(len(case.limit_mw))] if np.isfinite(case.emergency_mw).all() else [-1]
        for outage in outages:
            share = 0.0 if outage < 0 else dc.lodf[line, outage]
            row = units[line] + share * units[max(outage, 0)]
            known = fixed[line] + share * fixed[max(outage, 0)]
            limit = case.limit_mw[line] if outage < 0 else case.emergency_mw[line]
            rows += [row, -row]
            limits += [limit - known, limit + known]
    return linprog(
        case.cost,
        A_ub=np.array(rows),
        b_ub=np.array(limits),
        A_eq=np.ones((1, len(case.cost))),
        b_eq=[total],
        bounds=list(zip(low, high, strict=True)),
    )


@pytest.mark.parametrize("scale", [0.5, 0.8, 0.95])
def test_same_cost_as_the_whole_programme(model, scale):
    case = case_of(model)
    load = np.array([b.load_mw for b in model.buses]) * scale
    low, high = np.zeros(3), np.array([u.p_max_mw for u in model.units])
    expected = brute_force(case, load, load.sum(), low, high)
    assert expected.status == 0
    result = Dispatch(case).solve(load, np.zeros(7), load.sum(), low, high)
    assert result.slack_mw == pytest.approx(0.0, abs=1e-6)
    assert case.cost @ result.power_mw == pytest.approx(expected.fun, rel=1e-8)


def test_warm_start_equals_cold_start(model):
    case = case_of(model)
    warm = Dispatch(case)
    high = np.array([u.p_max_mw for u in model.units])
    for scale in (0.5, 0.95, 0.7, 0.9):
        load = np.array([b.load_mw for b in model.buses]) * scale
        kept = warm.solve(load, np.zeros(7), load.sum(), np.zeros(3), high)
        fresh = Dispatch(case).solve(load, np.zeros(7), load.sum(), np.zeros(3), high)
        assert case.cost @ kept.power_mw == pytest.approx(case.cost @ fresh.power_mw, rel=1e-9)


def test_believed_overload_and_shortage_are_reported_not_hidden(model):
    load = np.array([b.load_mw for b in model.buses])
    high = np.array([u.p_max_mw for u in model.units])
    tight = Dispatch(case_of(model, limit_share=0.3)).solve(load, np.zeros(7), load.sum(), np.zeros(3), high)
    assert tight.slack_mw > 1.0
    short = Dispatch(case_of(model)).solve(load, np.zeros(7), load.sum(), np.zeros(3), high * 0.2)
    assert short.shortage_mw == pytest.approx(load.sum() - 0.2 * high.sum())


def test_ramps_are_respected(model):
    load = np.array([b.load_mw for b in model.buses])
    low, high = np.array([90.0, 90.0, 90.0]), np.array([110.0, 110.0, 110.0])
    power = Dispatch(case_of(model)).solve(load, np.zeros(7), load.sum(), low, high).power_mw
    assert (power >= low - 1e-9).all()
    assert (power <= high + 1e-9).all()


def test_the_relevant_pairs_lose_no_violation(model):
    """No state within base limits violates an emergency limit at a pair that is not watched."""
    case = case_of(model)
    watched = set(zip(case.contingencies.line.tolist(), case.contingencies.outage.tolist(), strict=True))
    lodf = case.dc.lodf
    for line, outage in np.ndindex(lodf.shape):
        if line == outage:
            continue
        highest = case.limit_mw[line] + abs(lodf[line, outage]) * case.limit_mw[outage]
        assert ((line, outage) in watched) == (highest > case.emergency_mw[line])
    for line, outage, share in zip(*case.contingencies, strict=True):
        assert share == pytest.approx(lodf[line, outage], abs=1e-12)


def reserve_case(model, share):
    """All lines wide open, so that only the reserve binds: 200 MW asked of units with 250, 150 and 150."""
    case = case_of(model, limit_share=10.0)
    p_max = np.array([u.p_max_mw for u in model.units])
    load = np.array([b.load_mw for b in model.buses]) * 200.0 / 300.0
    reserve = Reserve(share, p_max, np.array([250.0, 60.0, 60.0]))
    return case, load, p_max, reserve


def test_reserve_covers_the_loss_of_the_largest_unit(model):
    case, load, p_max, reserve = reserve_case(model, 1.0)
    free = Dispatch(case).solve(load, np.zeros(7), 200.0, np.zeros(3), p_max)
    assert free.power_mw == pytest.approx([200.0, 0.0, 0.0])
    held = Dispatch(case).solve(load, np.zeros(7), 200.0, np.zeros(3), p_max, reserve)
    own = np.clip(p_max - held.power_mw, 0.0, reserve.reach_mw)
    for i, power in enumerate(held.power_mw):
        assert own.sum() - own[i] >= power - 1e-6
    # The cheapest way: G1 as high as the 120 MW that the others can raise.
    assert held.power_mw == pytest.approx([120.0, 80.0, 0.0], abs=1e-6)
    assert held.reserve_short_mw == pytest.approx(0.0, abs=1e-9)


def test_a_reserve_that_cannot_be_held_is_reported(model):
    case, load, p_max, _ = reserve_case(model, 1.0)
    none = Reserve(1.0, p_max, np.zeros(3))
    result = Dispatch(case).solve(load, np.zeros(7), 200.0, np.zeros(3), p_max, none)
    assert result.reserve_short_mw == pytest.approx(result.power_mw.max())
    assert result.shortage_mw == pytest.approx(0.0, abs=1e-9)


def test_reserve_rows_follow_what_units_can_do(model):
    """Kept between runs: with a unit off the others hold what is needed, with it back as if it were new."""
    case, load, p_max, reserve = reserve_case(model, 0.5)
    kept = Dispatch(case)
    for capacity in (p_max, np.array([250.0, 0.0, 150.0]), p_max):
        now = reserve._replace(capacity_mw=capacity, reach_mw=np.minimum(reserve.reach_mw, capacity))
        warm = kept.solve(load, np.zeros(7), 200.0, np.zeros(3), capacity, now)
        fresh = Dispatch(case).solve(load, np.zeros(7), 200.0, np.zeros(3), capacity, now)
        assert case.cost @ warm.power_mw == pytest.approx(case.cost @ fresh.power_mw, rel=1e-9)
        assert now.held(warm.power_mw)
