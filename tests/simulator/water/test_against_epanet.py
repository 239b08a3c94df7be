"""A day of our twin beside EPANET run alone and told when our PLCs switched: heads, volumes, quality."""

from typing import NamedTuple

import numpy as np
import pytest
from epanet import toolkit as en

from simulator.water.constituents import QualityPlan
from simulator.water.network import find_inp
from simulator.water.water import Water
from tests.reference.epanet_replay import Replay, required_pressure
from tests.simulator.water.driving import controlled
from tests.simulator.water.networks import ctown_patterns, inp

HOURS = 24


class Minute(NamedTuple):
    """Volumes and quality at its start, heads and power from then on."""

    volume_m3: np.ndarray
    head_m: np.ndarray
    quality: np.ndarray
    pump_kw: np.ndarray


def a_day(network, quality=None, g_per_min=0.0, node="", patterns=""):
    """Our minutes, the log of every link that switched, and the network after the day."""
    water, controller = controlled(
        network, quality=quality, patterns=patterns, clock_s=Water(network).layout.clock_start_s
    )
    if node:
        water.set_injection(node, g_per_min)
    layout, log, minutes = water.layout, [], []
    last = layout.link_open
    for minute in range(HOURS * 60):
        t_s = 60.0 * minute
        controller.step(t_s, water.tank_level_m)
        controller.apply(water)
        now = water.link_open
        log += [(t_s, layout.link_names[i], bool(now[i])) for i in np.flatnonzero(now != last)]
        last = now
        volume, carried = water.tank_volume_m3, water.node_quality
        # What is solved at the minute's start, before a tank may run empty in it.
        water.advance(t_s + 0.001)
        head, power = water.state.node_head_m, water.pump_power_kw
        water.advance(t_s + 60.0)
        minutes.append(Minute(volume, head, carried, power))
    return minutes, log, water


@pytest.mark.parametrize(
    "name",
    ["micropolis", "net1", "net2", "net3", "ky4", "ky7", "l-town", "net6", "ctown", "ctown with patterns"],
)
def test_heads_and_volumes_are_epanets(name):
    network, patterns = inp(name.split()[0]), ctown_patterns() if name.endswith("patterns") else ""
    path = find_inp(network)
    minutes, log, water = a_day(network, patterns=patterns)
    length = water.layout.length_to_m
    compared = 0
    replay = Replay(path, required_pressure(path))
    if patterns:
        table = np.loadtxt(patterns, delimiter=",")
        for (row, column), value in np.ndenumerate(table):
            if row == 0:
                en.setpattern(replay.project, column + 1, en.doubleArray(len(table)), len(table))
            en.setpatternvalue(replay.project, column + 1, row + 1, value)
    for moment in replay.run(log, HOURS):
        if moment.t_s % 60 or moment.t_s >= HOURS * 3600:
            continue  # EPANET stops at a tank that is full or empty, to the second
        ours = minutes[moment.t_s // 60]
        np.testing.assert_allclose(ours.head_m, moment.head * length, rtol=0.0, atol=0.01)
        np.testing.assert_allclose(ours.volume_m3, moment.volume * length**3, rtol=1e-3)
        np.testing.assert_allclose(ours.pump_kw, moment.pump_kw, rtol=1e-3, atol=0.01)
        compared += 1
    assert compared == HOURS * 60
    assert log or name in ("ky4", "ky7", "net2")
    assert abs(water.balance_m3().mismatch) < 1e-5 * water.supplied_m3


CHLORINE = (en.CHEM, "Chlorine", "mg/L", "")
GIVEN = QualityPlan("chlorine", source_mg_l=0.8, bulk_decay_per_day=0.7, wall_decay_m_per_day=0.3)


def compare_quality(network, plan, kind, set_up=lambda project: None, inject=None):
    """(minutes, nodes) differences in size, and the network after its day."""
    path = find_inp(network)
    g_per_min, node = (0.0, "") if inject is None else (inject[1] / 1000.0, inject[0])
    minutes, log, water = a_day(network, plan, g_per_min, node)
    replay = Replay(path, 20.0, quality=kind, inject=inject)
    set_up(replay.project)
    differences = [
        np.abs(minutes[moment.t_s // 60].quality - moment.quality)
        for moment in replay.run(log, HOURS)
        if moment.t_s % 60 == 0 and 0 < moment.t_s < HOURS * 3600
    ]
    assert len(differences) == HOURS * 60 - 1
    return np.array(differences), water


def given_chlorine(project):
    for node in range(1, en.getcount(project, en.NODECOUNT) + 1):
        en.setnodevalue(project, node, en.INITQUAL, 0.8)
        if en.getnodetype(project, node) == en.TANK:
            en.setnodevalue(project, node, en.TANK_KBULK, -0.7)
    for link in range(1, en.getcount(project, en.LINKCOUNT) + 1):
        if en.getlinktype(project, link) in (en.PIPE, en.CVPIPE):
            en.setlinkvalue(project, link, en.KBULK, -0.7)
            en.setlinkvalue(project, link, en.KWALL, -0.3 / 0.3048)


def test_chlorine_of_net1_is_epanets():
    difference, water = compare_quality("net1", QualityPlan("chlorine"), CHLORINE)
    assert difference.max() < 1e-3
    assert 0.1 < water.node_quality.min() < 0.8
    assert water.quality_balance == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("network", ["net3", "micropolis"])
def test_given_chlorine_is_epanets(network):
    difference, water = compare_quality(network, GIVEN, CHLORINE, given_chlorine)
    if network == "micropolis":
        # In pipes where nothing flows the solver's noise decides which end a junction hears of.
        difference = difference[:, water.layout.demand_nodes]
        assert difference.max() < 0.03
    assert np.quantile(difference, 0.999) < 0.01
    assert water.node_quality.min() < 0.2 < 0.75 < water.node_quality.max()
    assert water.quality_balance == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("source", ["Lake", "River"])
def test_source_trace_is_epanets(source):
    difference, water = compare_quality(
        "net3", QualityPlan("trace", trace_node=source), (en.TRACE, "", "", source)
    )
    assert difference.max() < 0.5
    assert water.node_quality.max() == pytest.approx(100.0)
    assert water.node_quality.min() == pytest.approx(0.0)


def test_shares_of_all_sources_of_net3_make_the_whole():
    day = 24 * 3600.0
    shares = []
    for source in ("Lake", "River", "1", "2", "3"):
        water = Water("net3", quality=QualityPlan("trace", trace_node=source))
        water.set_demand_factor(2.0)
        water.advance(day)
        shares.append(water.node_quality)
    assert np.median(sum(shares)) == pytest.approx(100.0, abs=2.0)


def test_age_of_net3_is_epanets():
    difference, water = compare_quality("net3", QualityPlan("age"), (en.AGE, "", "", ""))
    assert difference.max() < 0.05
    assert water.node_quality.max() == pytest.approx(24.0, rel=1e-6)


@pytest.mark.parametrize(("network", "node"), [("net1", "11"), ("net3", "105")])
def test_a_contaminant_spreads_as_in_epanet(network, node):
    plan, mg_per_min = QualityPlan("contaminant"), 5000.0
    kind = (en.CHEM, "Contaminant", "mg/L", "")

    def clean(project):
        for node in range(1, en.getcount(project, en.NODECOUNT) + 1):
            en.setnodevalue(project, node, en.INITQUAL, 0.0)
        for link in range(1, en.getcount(project, en.LINKCOUNT) + 1):
            if en.getlinktype(project, link) == en.PIPE:
                en.setlinkvalue(project, link, en.KBULK, 0.0)
                en.setlinkvalue(project, link, en.KWALL, 0.0)
        for tank in range(1, en.getcount(project, en.NODECOUNT) + 1):
            if en.getnodetype(project, tank) == en.TANK:
                en.setnodevalue(project, tank, en.TANK_KBULK, 0.0)

    difference, water = compare_quality(network, plan, kind, clean, (node, mg_per_min))
    assert difference.max() < 0.01 * water.node_quality.max()
    assert water.contaminant_injected_g == pytest.approx(5.0 * 60 * HOURS)
    assert 0.2 * 7200 < water.contaminant_consumed_g < 7200
    assert water.quality_balance == pytest.approx(1.0, abs=1e-6)
