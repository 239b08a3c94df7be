"""Catalogues: unique names, and the same names as the packages they point at."""

import pytest

from scenarios.arms import ARMS
from scenarios.catalogue import (
    GRID_NETWORKS,
    MONITORS,
    PLAYBOOKS,
    SCENARIOS,
    WATER_NETWORKS,
    Entry,
    attackers,
    unique,
)
from simulator.grid.cases.networks import NETWORKS
from simulator.water import network


def test_a_name_that_comes_twice_is_refused():
    with pytest.raises(ValueError, match="'a' is in the catalogue twice"):
        unique([Entry("a", "one"), Entry("a", "another")])


def test_networks_are_those_of_the_simulator():
    assert set(GRID_NETWORKS) == set(NETWORKS)
    assert set(WATER_NETWORKS) == set(network.CATALOGUE)


def test_what_ships_is_listed():
    assert {"flagship", "smoke"} <= set(SCENARIOS)
    assert all(entry.path.is_file() for entry in SCENARIOS.values())
    assert {"load_redistribution", "level_spoofing"} <= set(attackers())
    assert {"protected_dispatch", "mass_balance_control"} <= set(PLAYBOOKS)
    assert set(MONITORS) == {"residual", "estimator"}
    assert list(ARMS) == ["baseline", "undefended", "defended", "nuisance"]
