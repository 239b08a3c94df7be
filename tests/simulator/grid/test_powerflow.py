"""Power flow against published and independently computed figures."""

import numpy as np
import pytest

from simulator.grid.case import load_case
from simulator.grid.frequency_kernels import DRAWN_MW, HZ, LOAD_MW
from simulator.grid.network_kernels import connected_demand
from simulator.grid.powerflow import DEAD, PowerFlow
from tests.reference import grid_powerflow as oracle
from tests.simulator.grid.driving import apparent_loading, published_flow, solve_flow, solve_published

# load, branch losses, slack, lowest voltage, its bus: own computation by Newton, MATPOWER data, no Q limits.
TABLE = {
    "ieee14": (259.0, 13.393, 232.393, 1.0100, "3"),
    "ieee39": (6254.23, 43.641, 677.871, 0.9820, "31"),
    "ieee118": (4242.0, 132.863, 513.863, 0.9430, "76"),
    "ieee300": (23525.85, 408.316, 455.946, 0.9288, "9033"),
}
# Rounding of the printed figures, over 0.01 %.
HALF_UNIT_MW, HALF_UNIT_PU = 6e-4, 6e-5


def outages(name):
    """Outcome of every single outage: "island", the start that solved it, or "none"; and the flow."""
    case = load_case(name)
    for branch in range(len(case.branch_name)):
        flow = published_flow(case)
        flow.open_branch(branch)
        flow.update_topology()
        if len(flow.islands) != 1 or (flow.bus_island == DEAD).any():
            yield case.branch_name[branch], "island", flow
        else:
            yield case.branch_name[branch], solve_published(flow, case), flow


@pytest.mark.parametrize("name", TABLE)
def test_reference_table(name):
    load, losses, slack, lowest, lowest_bus = TABLE[name]
    case = load_case(name)
    flow = published_flow(case)
    assert solve_published(flow, case) == "warm"
    magnitude = np.abs(flow.voltage)
    unit = np.flatnonzero(case.unit_bus == case.reference_bus)[0]
    assert case.load_mw.sum() == pytest.approx(load, rel=1e-4)
    assert flow.flows.loss_mw.sum() == pytest.approx(losses, rel=1e-4, abs=HALF_UNIT_MW)
    assert flow.unit_mw[unit] == pytest.approx(slack, rel=1e-4, abs=HALF_UNIT_MW)
    # Two buses of case 300 have the same printed voltage in places: compare value, then name.
    assert magnitude.min() == pytest.approx(lowest, rel=1e-4, abs=HALF_UNIT_PU)
    assert case.bus_name[int(magnitude.argmin())] == lowest_bus


def test_shunt_conductance_of_case_300_counts_as_loss():
    case = load_case("ieee300")
    flow = published_flow(case)
    solve_published(flow, case)
    assert flow.island_losses_mw == pytest.approx([409.526], rel=1e-4)


def test_single_outages_of_118():
    starts = [start for _, start, _ in outages("ieee118")]
    assert starts.count("island") == 9
    assert len(starts) - 9 - starts.count("none") == 177


def test_single_outages_of_39():
    case = load_case("ieee39")
    islands, unsolved, worst = 0, 0, {}
    for name, start, flow in outages("ieee39"):
        islands += start == "island"
        unsolved += start == "none"
        if start not in ("island", "none"):
            loading = apparent_loading(flow, case).max()
            if loading > 1.0:
                worst[name] = loading
    assert (islands, unsolved, len(worst)) == (11, 0, 9)
    name = max(worst, key=lambda key: worst[key])
    assert name == "21-22"
    assert worst[name] == pytest.approx(1.618, abs=5e-4)


def test_outage_of_4_14_overloads_6_11_alone():
    case = load_case("ieee39")
    flow = published_flow(case)
    flow.open_branch(case.branch_index("4-14"))
    flow.update_topology()
    solve_published(flow, case)
    loading = apparent_loading(flow, case)
    assert [case.branch_name[i] for i in np.flatnonzero(loading > 1.0)] == ["6-11"]
    assert loading.max() == pytest.approx(1.042, abs=1e-3)


@pytest.mark.parametrize("name", ["ieee14", "ieee39", "rts24", "ieee118"])
def test_opening_in_place_equals_building_anew(name):
    """A model that follows trips one by one ends where a model of the final topology starts."""
    case = load_case(name)
    rng = np.random.default_rng(7)
    share = case.unit_inertia_s * case.unit_p_max_mw
    followed = PowerFlow(case, share)
    power = np.minimum(case.unit_scheduled_mw, case.unit_p_max_mw)
    solve_flow(followed, case, power)
    opened: list[int] = []
    for branch in rng.permutation(len(case.branch_name)):
        built = PowerFlow(case, share)
        for i in (*opened, int(branch)):
            built.open_branch(i)
        built.update_topology()
        if len(built.islands) == 1 and not (built.bus_island == DEAD).any():
            opened.append(int(branch))
            followed.open_branch(int(branch))
            followed.update_topology()
            solve_flow(followed, case, power)
        if len(opened) == 3:
            break
    built.close_branch(opened[0])
    built.open_branch(opened[0])
    built.update_topology()
    unit = int(np.argmin(np.where(case.unit_p_max_mw > 0.0, power, np.inf)))
    for flow in (followed, built):
        flow.drop_unit(unit)
        flow.update_topology()
        assert "none" not in solve_flow(flow, case, power)
    assert len(opened) == 3
    # The angle of the whole island is free: a warm start keeps its own.
    turn = np.exp(1j * (np.angle(built.voltage[0]) - np.angle(followed.voltage[0])))
    np.testing.assert_allclose(followed.voltage * turn, built.voltage, atol=1e-6)
    np.testing.assert_allclose(followed.unit_mw, built.unit_mw, atol=1e-3)


def test_losses_of_islands_without_branches():
    """Buses left alone keep their units and have no losses."""
    case = load_case("ieee39")
    flow = PowerFlow(case, case.unit_inertia_s * case.unit_p_max_mw)
    for branch in range(len(case.branch_name)):
        flow.open_branch(branch)
    flow.update_topology()
    assert len(flow.islands) == 10
    solve_flow(flow, case, case.unit_scheduled_mw)
    assert flow.island_losses_mw == pytest.approx(np.zeros(10))


@pytest.mark.parametrize("name", ["ieee14", "ieee118", "ieee300"])
def test_flows_and_losses_equal_the_oracle(name):
    """Taps, phase shifters, charging, shunts; an open branch and a dead bus among them."""
    case = load_case(name)
    flow = PowerFlow(case, case.unit_inertia_s * case.unit_p_max_mw)
    leaf = int(np.argmax(np.bincount(np.r_[case.branch_from, case.branch_to]) == 1))
    flow.open_branch(0)
    for branch in np.flatnonzero((case.branch_from == leaf) | (case.branch_to == leaf)):
        flow.open_branch(int(branch))
    flow.update_topology()
    solve_flow(flow, case, case.unit_scheduled_mw)
    expected = oracle.branch_figures(case, flow.voltage, flow.closed)
    np.testing.assert_allclose(flow.flows.from_mva, [f for f, _, _ in expected], atol=1e-9)
    np.testing.assert_allclose(flow.flows.to_mva, [t for _, t, _ in expected], atol=1e-9)
    np.testing.assert_allclose(flow.flows.loading, [x for _, _, x in expected], rtol=1e-12, atol=1e-12)
    shunt_mw = np.abs(flow.voltage) ** 2 * case.bus_gs_mw
    losses_mw = sum((f + t).real for f, t, _ in expected) + shunt_mw.sum()
    assert flow.island_losses_mw.sum() == pytest.approx(losses_mw)
    np.testing.assert_allclose(flow.magnitude, np.abs(flow.voltage), rtol=1e-15)
    np.testing.assert_allclose(flow.shunt_mw, shunt_mw)


@pytest.mark.parametrize("seed", range(4))
def test_connected_demand_equals_the_oracle(seed):
    rng = np.random.default_rng(seed)
    n, d = 12, 20
    bus, island = rng.integers(0, n, d), rng.integers(-1, 3, n)
    demand, reactive, share = (
        rng.uniform(-5.0, 90.0, d),
        rng.uniform(-9.0, 30.0, d),
        rng.integers(0, 21, d) / 20.0,
    )
    drawn = rng.uniform(0.0, 4.0, d)
    hz, served, given = np.array([60.0, 59.2, 61.0]), np.ones(d), np.ones((2, d), dtype=np.float32)
    islands = np.ones((5, 3))
    islands[HZ] = hz
    total, single = islands[LOAD_MW], islands[DRAWN_MW]
    loads = (np.stack((demand, reactive)), share, drawn, island[bus])
    connected_demand(*loads, islands, 60.0, 1.5, served, given)
    given_mw, given_mvar = given
    for i in range(d):
        k = island[bus[i]]
        alive = k >= 0
        response = 1.0 + 1.5 * (hz[k] - 60.0) / 60.0
        assert served[i] == pytest.approx(demand[i] * share[i] * response + drawn[i] if alive else 0.0)
        assert given_mw[i] == np.float32(served[i])
        assert given_mvar[i] == np.float32(reactive[i] * share[i] if alive else 0.0)
    for k in range(3):
        assert single[k] == pytest.approx(sum(drawn[i] for i in range(d) if island[bus[i]] == k))
        assert total[k] == pytest.approx(sum(demand[i] * share[i] for i in range(d) if island[bus[i]] == k))


@pytest.mark.parametrize("name", ["ieee39", "ieee118", "ieee300"])
def test_paired_iterations_end_where_newtons_do(name):
    """Random demand, up to 3 % from one power flow to the next; both stop at 1e-8 pu of mismatch."""
    case, rng = load_case(name), np.random.default_rng(0)
    paired, newton = published_flow(case), published_flow(case)
    (plain,) = newton.islands
    plain._pairs = plain._newton
    plain._model.set_ac_algo_config(plain._newton)
    differs = 0
    for _ in range(30):
        load = (case.load_mw, case.load_mvar) * rng.uniform(0.97, 1.03, len(case.load_mw))
        given = load.astype(np.float32)
        for flow in (paired, newton):
            assert flow.solve(*given, case.unit_scheduled_mw) == ["warm"]
        np.testing.assert_allclose(paired.voltage, newton.voltage, atol=1e-9, rtol=0.0)
        iterations = [flow.islands[0]._model.get_algo().get_nb_iter() for flow in (paired, newton)]
        assert iterations[0] >= iterations[1]
        differs += iterations[0] > iterations[1]
    assert differs, "an iteration without a factorisation of its own gains less"
