"""Names, settings and arrays that are not allowed are refused by name and value."""

import math

import numpy as np
import pytest

from simulator.grid.case import load_case
from simulator.grid.cases.networks import NETWORKS
from simulator.grid.grid import Grid
from simulator.grid.protection import DynamicsSettings, ProtectionSettings
from streams.errors import BadInput
from tests.simulator.grid.driving import start


@pytest.mark.parametrize("name", [n.name for n in NETWORKS.values() if n.source == "pypower"])
def test_every_case_loads_with_both_ratings(name):
    case = load_case(name)
    assert (case.branch_rating_mva > 0.0).all()
    assert (load_case(name, "derived").branch_rating_mva > 0.0).all()
    assert (case.unit_p_min_mw <= case.unit_p_max_mw).all()
    for names in (case.bus_name, case.branch_name, case.unit_name):
        assert len(set(names)) == len(names)
    with pytest.raises(ValueError, match="read-only"):
        case.load_mw[0] = 1.0


def test_unknown_names():
    case = load_case("ieee39")
    for ask in (case.bus_index, case.branch_index, case.unit_index):
        with pytest.raises(BadInput, match="nowhere"):
            ask("nowhere")
    with pytest.raises(BadInput, match="ieee118"):
        load_case("ieee56")
    with pytest.raises(BadInput, match="derived"):
        load_case("ieee39", "guessed")


@pytest.mark.parametrize(
    "settings",
    [
        {"overload_curve": "made up"},
        {"overload_pickup": 0.0},
        {"overload_multiplier": math.inf},
        {"overload_reset_s": -1.0},
        {"fast_delay_s": math.nan},
        {"ufls_hz": (59.0, 59.3)},
        {"ufls_hz": (59.0, 59.0)},
        {"ufls_hz": (math.nan,)},
        {"ufls_hz": tuple(59.0 - 0.01 * i for i in range(21))},
        {"uvls_max_steps": -1},
        {"unit_high_spread_hz": -0.1},
        {"unit_low_hz": ((57.0, -1.0),)},
        {"unit_high_hz": ((math.nan, 0.0),)},
        {"unit_low_pu": ((0.0, 1.0),)},
    ],
)
def test_protection_settings(settings):
    case = load_case("ieee14")
    with pytest.raises(BadInput):
        Grid(case, case.unit_scheduled_mw, ProtectionSettings(**settings))


@pytest.mark.parametrize(
    "settings",
    [
        {"step_s": 0.0},
        {"step_s": 0.06},
        {"valve_s": 0.0},
        {"reheat_s": math.nan},
        {"resolve_s": -1.0},
        {"high_pressure_share": 1.1},
        {"load_damping_pu": -1.0},
        {"calm_after_s": math.inf},
    ],
)
def test_dynamics_settings(settings):
    case = load_case("ieee14")
    with pytest.raises(BadInput):
        Grid(case, case.unit_scheduled_mw, None, DynamicsSettings(**settings))


def test_arrays_and_times():
    case = load_case("ieee39")
    with pytest.raises(BadInput, match="initial_dispatch"):
        Grid(case, np.zeros(3))
    grid = start(case, as_published=True)
    bad = case.load_mw.copy()
    bad[2] = math.nan
    with pytest.raises(BadInput, match="nan"):
        grid.set_demand(bad, case.load_mvar)
    with pytest.raises(BadInput, match="load_mvar"):
        grid.set_demand(case.load_mw, case.load_mvar[:3])
    with pytest.raises(BadInput, match="shape"):
        grid.set_setpoints(np.zeros(3))
    with pytest.raises(BadInput, match="G30"):
        grid.set_unit_limit(0, math.nan)
    with pytest.raises(BadInput, match="inf"):
        grid.advance(math.inf)
    grid.advance(4.0)
    with pytest.raises(BadInput, match="from 4"):
        grid.advance(3.0)
    with pytest.raises(BadInput, match="nowhere"):
        grid.feeder_alive("nowhere", 0)
    with pytest.raises(BadInput, match="feeder"):
        grid.feeder_alive("3", 20)
    grid.advance(8.0)


def test_demand_is_copied():
    """What the caller does with its array afterwards changes nothing."""
    case = load_case("ieee39")
    grid = start(case, as_published=True)
    load_mw = case.load_mw.copy()
    grid.set_demand(load_mw, case.load_mvar)
    load_mw[:] = math.nan
    assert grid.advance(4.0) == []
    assert np.isfinite(grid.load_served_mw).all()
