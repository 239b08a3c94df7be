"""How long customers keep pressure without pumps, against figures computed with steps of five minutes."""

import re

import pytest

from simulator.water.network import CATALOGUE
from simulator.water.water import Water
from tests.simulator.water.driving import all_pumps, controlled, drive


def outage(network, start_h, hours):
    water, controller = controlled(network)
    low = []

    def switch(t_s):
        low.append(water.customers_without_pressure)
        all_pumps(water, not start_h * 3600.0 <= t_s < (start_h + hours) * 3600.0)

    drive(water, controller, 24.0, switch)
    limit = len(water.layout.demand_nodes) / 10.0
    first = next((minute / 60.0 for minute, n in enumerate(low) if n), None)
    tenth = next((minute / 60.0 for minute, n in enumerate(low) if n > limit), None)
    share = water.water_not_delivered_m3 / (water.water_not_delivered_m3 + water.delivered_m3)
    return first, tenth, share, max(low)


def test_micropolis_without_pumps_for_eight_hours():
    first, tenth, share, most = outage("micropolis", 8.0, 8.0)
    assert first == pytest.approx(10.0, abs=0.15)
    assert tenth == pytest.approx(11.9, abs=0.15)
    assert share == pytest.approx(0.23, abs=0.01)
    assert most == 685


def test_net1_without_pumps_for_eight_hours():
    first, tenth, _, most = outage("net1", 8.0, 8.0)
    assert first == tenth == pytest.approx(14.3, abs=0.15)
    assert most == 8


@pytest.mark.parametrize(("network", "expected"), [("micropolis", 0.77), ("net1", 0.81)])
def test_a_day_without_pumps(network, expected):
    assert outage(network, 0.0, 24.0)[2] == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("network", ["net1", "net3"])
def test_four_hours_without_pumps_are_ridden_through(network):
    assert outage(network, 8.0, 4.0)[3] == 0


@pytest.mark.parametrize("network", CATALOGUE)
def test_the_catalogue_says_what_is_so(network):
    description = CATALOGUE[network].description
    layout = Water(network).layout
    counts = {"pump": layout.pumps, "tank": layout.tanks, "junction": layout.junctions}
    for thing, found in counts.items():
        said = re.search(rf"([\d,]+|no) {thing}s?\b", description)[1].replace(",", "")
        assert len(found) == (0 if said == "no" else int(said))
    reserve = re.search(r"low pressure ([\d.]+) h after", description)
    _, tenth, _, _ = outage(network, 8.0, 16.0)
    if reserve:
        assert tenth - 8.0 == pytest.approx(float(reserve[1]), abs=0.1)
    else:
        assert tenth is None
