"""Impact of a real, small plant: bounds, search and AC truth agree; the command prints them."""

import json
from dataclasses import replace

import numpy as np
import pytest

from detectors.statements.grid_impact import GridImpact
from scenarios.cli import _status
from scenarios.impact.instant import first_instant
from scenarios.impact.report import impact_report
from scenarios.impact.search import search
from simulator.control.dc_model import build_dc_model
from simulator.plant import Plant
from tests.scenarios.tiny import tiny, write_tiny


@pytest.fixture(scope="module")
def scenario(tmp_path_factory):
    return tiny(tmp_path_factory.mktemp("impact"))


@pytest.fixture(scope="module")
def instant(scenario):
    return first_instant(scenario)


def test_the_state_is_the_operators_own_picture(instant):
    """Shift and outage factors as the control centre has them, flows as they are."""
    state = instant.state
    dc = build_dc_model(instant.model, state.closed)
    rng = np.random.default_rng(0)
    injection = rng.normal(size=len(instant.model.buses))
    injection -= injection.mean()
    assert state.factors @ injection == pytest.approx(dc.flows(injection), abs=1e-9)
    lodf = dc.lodf
    off = ~np.eye(len(lodf), dtype=bool)
    assert state.outage_shares()[off] == pytest.approx(lodf[off], abs=1e-9)
    at = {tag.name: i for i, tag in enumerate(instant.model.tags)}
    flows = instant.telemetry[[at[b.flow_tag] for b in instant.model.branches]]
    assert state.flow_mw == pytest.approx(flows, abs=1e-9)


def test_ac_of_the_state_is_the_plants_own(scenario, instant):
    plant = Plant(scenario.plant_settings(attacked=False))
    try:
        own = plant.advance([], 0.0).loading
    finally:
        plant.close()
    assert instant.ac_loading(instant.state.power_mw) == pytest.approx(own, abs=1e-3)


@pytest.mark.parametrize("tau", [0.0, 0.3])
def test_what_the_operators_dispatch_does_stays_below_the_proof(instant, tau):
    found = search(instant.model, instant.state, tau).within
    bound = {one.line: one.bound_pu for one in GridImpact(instant.state, tau).every_line()}
    assert found is not None
    assert found.loading_pu <= bound[found.line] + 1e-6
    assert np.abs(instant.state.factors[instant.state.protected] @ found.shift_mw).max() < 1e-6


def test_lies_that_show_an_overload_are_told_apart(instant):
    """Lines rated at what they carry, less a bit: the operator cannot keep that, and sees it."""
    state = replace(instant.state, limit_mw=0.9 * np.abs(instant.state.flow_mw) + 0.1)
    tried = search(instant.model, state, 0.3)
    assert tried.tried == 2 * int(state.live.sum())
    assert 0 < tried.count_shown <= tried.tried
    assert tried.shown is not None
    if tried.within is not None:
        bound = {one.line: one.bound_pu for one in GridImpact(state, 0.3).every_line()}
        assert tried.within.loading_pu <= bound[tried.within.line] + 1e-6


def test_a_report_holds_together(instant):
    report = impact_report("tiny", instant, 0.3, 2, None)
    assert [statement.kind for statement in report.grid] == ["hidden", "redispatched"]
    for statement in report.grid:
        assert statement.honest_bound <= statement.worst.bound + 1e-9
        assert statement.worst.bound == max(line.bound for line in statement.lines)
        assert statement.ac_worst.ac_loading >= statement.worst.ac_loading - 1e-9
        # The linear model carries megawatts and the operator's own parameters; AC adds reactive current.
        assert statement.worst.ac_loading == pytest.approx(statement.worst.bound, abs=0.15)
    assert report.placement[0].bound == pytest.approx(report.grid[1].worst.bound, abs=1e-6)
    assert report.water == ()
    assert len(report.protected) == 4


def test_the_command(tmp_path, capsys):
    path = write_tiny(tmp_path)
    assert _status(["impact", str(path), "--tau", "0.2", "--place", "1", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["tau"] == 0.2
    assert document["grid"][0]["assumptions"]
    assert _status(["impact", str(path)]) == 0
    out, err = capsys.readouterr()
    assert "proven, redispatched" in out
    assert "no word on tanks" in err


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--tau", "1.5"], "--tau: 1.5"),
        (["--tau", "nan"], "--tau"),
        (["--place", "-1"], "--place: -1"),
        (["--sigma", "-1"], "--sigma"),
        (["--sigma", "4"], "--sigma: 4"),
        (["--sigma", "4", "--place", "1"], "--place: 1"),
        (["--outflow", "0"], "--outflow: 0"),
        (["--set", "grid.load_scale=9"], "load_scale"),
    ],
)
def test_bad_input_is_one_sentence(arguments, part, tmp_path, capsys):
    assert _status(["impact", str(write_tiny(tmp_path)), *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert part in err
    assert err.count("\n") == 1
