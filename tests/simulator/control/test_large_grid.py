"""Dispatch and estimation of a grid of thousands of buses: 24 times IEEE 118, tied in a ring."""

import time

import numpy as np
import pytest

from simulator.control.dc_model import DcModel, DcNetwork
from simulator.control.dispatch import Dispatch, DispatchCase
from simulator.grid.case import load_case
from streams.plant_model import Branch, Bus, PlantModel

COPIES = 24
SECONDS = 20.0


def _branch(case, copy, i):
    start, end = (f"{copy}.{case.bus_name[ends[i]]}" for ends in (case.branch_from, case.branch_to))
    values = (case.branch_r[i], case.branch_x[i], case.branch_tap[i], 0.0, case.branch_rating_mva[i])
    return Branch(f"{copy}.{case.branch_name[i]}", start, end, *map(float, values), "", "")


@pytest.fixture(scope="module")
def tiled():
    """(plant model, unit buses, capacity, cost), 2,832 buses."""
    case = load_case("ieee118")
    n = len(case.bus_name)
    load = np.zeros(n)
    load[case.load_bus] = case.load_mw
    buses, branches, unit_bus = [], [], []
    for copy in range(COPIES):
        buses += [
            Bus(f"{copy}.{name}", "S", 138.0, float(mw), "", "")
            for name, mw in zip(case.bus_name, load, strict=True)
        ]
        branches += [_branch(case, copy, i) for i in range(len(case.branch_name))]
        following = (copy + 1) % COPIES
        branches += [
            Branch(
                f"tie{copy}.{bus}", f"{copy}.{bus}", f"{following}.{bus}", 0.01, 0.1, 1.0, 0.0, 300.0, "", ""
            )
            for bus in ("49", "80")
        ]
        unit_bus += [copy * n + int(b) for b in case.unit_bus[case.unit_p_max_mw > 0.0]]
    able = case.unit_p_max_mw > 0.0
    model = PlantModel(
        schema=1, grid="tiled", water="", scan_s=4.0, exchange_s=4.0, base_mva=100.0,
        nominal_frequency_hz=60.0, reference_bus="0.69", tags=(), links=(), link_tags=(), buses=tuple(buses),
        branches=tuple(branches), units=(), tanks=(), pumps=(), emergency_factor=1.15, security="n-1",
    )  # fmt: skip
    cost = np.tile(case.unit_cost_per_mwh[able], COPIES) * np.repeat(
        1.0 + 0.01 * np.arange(COPIES), able.sum()
    )
    return model, np.array(unit_bus), np.tile(case.unit_p_max_mw[able], COPIES), cost


def test_secure_dispatch_of_2832_buses_takes_seconds(tiled):
    model, unit_bus, capacity, cost = tiled
    rating = np.array([b.rating_mva for b in model.branches])
    load = np.array([b.load_mw for b in model.buses]) * 0.9
    started = time.process_time()
    network = DcNetwork(model)
    dc = DcModel(network, np.ones(len(rating), dtype=bool), network.reference)
    case = DispatchCase(dc, unit_bus, cost, rating, rating * 1.15)
    result = Dispatch(case).solve(load, np.zeros(len(rating)), load.sum(), np.zeros(len(cost)), capacity)
    assert time.process_time() - started < SECONDS
    assert result.slack_mw == pytest.approx(0.0, abs=1e-3)
    injection = -load
    np.add.at(injection, unit_bus, result.power_mw)
    flow = dc.flows(injection)
    assert (np.abs(flow) <= rating + 0.02).all()
    rng = np.random.default_rng(0)
    for outage in rng.choice(len(rating), 40, replace=False):
        after = flow + dc.lodf_column(int(outage)) * flow[outage]
        after[outage] = 0.0
        assert (np.abs(after) <= rating * 1.15 + 0.05).all()


def test_flows_of_a_large_grid_balance_at_every_bus(tiled):
    model, *_ = tiled
    network = DcNetwork(model)
    dc = DcModel(network, np.ones(len(model.branches), dtype=bool), network.reference)
    injection = np.random.default_rng(1).normal(0.0, 10.0, network.n_bus)
    injection -= injection.mean()
    flow, met = dc.flows(injection), np.zeros(network.n_bus)
    np.add.at(met, network.start, flow)
    np.subtract.at(met, network.end, flow)
    np.testing.assert_allclose(met, injection, atol=1e-6)
