"""A pump whose suction has no water moves none and draws nothing."""

import dataclasses

import numpy as np
import pytest

from simulator.water.engine import Engine
from simulator.water.network import find_inp
from simulator.water.suction import SupplyMap
from simulator.water.water import Water
from tests.reference.supplied import supplied

INP = """[JUNCTIONS]
 A 0 10
 S 0 5
 D 0 5
[RESERVOIRS]
 R 50
[TANKS]
 T 40 3 0 6 10 0
[PIPES]
 P1 R A 100 300 100 0 Open
 V A S 100 300 100 0 Open
 P2 D T 100 300 100 0 Open
[PUMPS]
 PU S D HEAD 1
[CURVES]
 1 50 40
[OPTIONS]
 Units CMH
 Headloss H-W
[TIMES]
 Duration 24
[END]
"""


def test_a_pump_behind_a_closed_valve_stands_until_it_opens(tmp_path):
    inp = tmp_path / "starved.inp"
    inp.write_text(INP)
    water = Water(str(inp))
    water.advance(60.0)
    assert water.pump_flow_m3h[0] > 1.0
    water.set_link_open("V", False)
    events = water.advance(3600.0)
    assert events == []
    assert water.pump_running[0]
    assert water.pump_flow_m3h[0] == water.pump_power_kw[0] == 0.0
    water.set_link_open("V", True)
    water.advance(3660.0)
    assert water.pump_flow_m3h[0] > 1.0


@pytest.mark.parametrize("name", ["micropolis", "net1", "net3"])
def test_who_starves_is_who_no_source_reaches(name):
    # Pumps of these networks stand at a reservoir: without the reservoirs some of them starve.
    layout = dataclasses.replace(Engine(find_inp(name)).layout, reservoirs=np.array([], dtype=np.int64))
    supply, draw = SupplyMap(layout), np.random.default_rng(5)
    some = False
    for _ in range(20):
        link_open = draw.random(len(layout.link_names)) < 0.97
        dry = draw.random(len(layout.tanks)) < 0.5
        sources = {*layout.reservoirs.tolist(), *layout.tank_nodes[~dry].tolist()}
        wet = supplied(layout, sources, link_open)
        expected = [bool(link_open[p]) and int(layout.link_from[p]) not in wet for p in layout.pumps]
        starved = supply.starved(link_open, dry)
        assert starved[layout.pumps].tolist() == expected
        assert starved.sum() == sum(expected)
        some |= any(expected)
    assert some
