"""Water is conserved in every step, whatever is done to a network."""

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from simulator.water.constituents import QualityPlan
from simulator.water.engine import NoSolutionError
from simulator.water.water import Water
from tests.simulator.water.driving import tolerance_m3
from tests.simulator.water.networks import inp

DEED = st.tuples(
    st.sampled_from(["pump", "supply", "fail", "stick", "link", "leak", "demand", "extra", "inject"]),
    st.integers(0, 10_000),
    st.booleans(),
    st.integers(0, 20).map(lambda n: n / 20.0),
    st.floats(1.0, 2400.0),
)


def do(water, what, index, yes, size):
    layout = water.layout
    pump = index % max(len(layout.pumps), 1)
    junction = layout.node_names[int(layout.junctions[index % len(layout.junctions)])]
    link = layout.link_names[index % len(layout.link_names)]
    if what == "pump":
        water.set_pump(pump, yes)
    elif what == "supply":
        water.set_pump_supply(pump, yes, at_s=water.t_s + 7.5 * size)
    elif what == "fail":
        water.set_pump_failed(layout.pump_names[pump], yes)
    elif what == "stick":
        water.set_stuck(link, yes)
    elif what == "link":
        water.set_link_open(link, yes)
    elif what == "leak":
        water.set_leak(junction, 100.0 * size if yes else 0.0)
    elif what == "demand":
        water.set_demand_factor(3.0 * size)
    elif what == "extra":
        water.set_extra_demand(junction, 200.0 * size)
    else:
        water.set_injection(junction, 10.0 * size)


@pytest.mark.parametrize("name", ["net1", "net3", "micropolis", "ctown"])
@settings(max_examples=20, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
@given(deeds=st.lists(DEED, min_size=5, max_size=30))
def test_inflow_is_delivery_leakage_storage_and_overflow(name, deeds):
    water = Water(inp(name), quality=QualityPlan("contaminant"))
    layout, last = water.layout, water.balance_m3()
    for what, index, yes, size, pause_s in deeds:
        do(water, what, index, yes, size)
        end_s = water.t_s + pause_s
        while water.t_s < end_s:
            water.advance(min(water.t_s + 60.0, end_s))
            now = water.balance_m3()
            assert abs(now.mismatch) < tolerance_m3(water)
            assert now.delivered >= last.delivered - 1e-9
            assert now.leaked >= last.leaked - 1e-3
            assert now.overflow >= last.overflow
            last = now
        assert (water.tank_level_m >= layout.tank_level_min_m - 1e-9).all()
        assert (water.tank_level_m <= layout.tank_level_max_m + 1e-9).all()
        # Mass follows flows, which balance at each node to the solver's accuracy of 1e-3.
        assert water.quality_balance == pytest.approx(1.0, abs=1e-3)
    consumed, injected = water.contaminant_consumed_g, water.contaminant_injected_g
    assert -1e-9 <= consumed <= injected * (1.0 + 1e-6) + 1e-9
    water.close()


def test_a_day_of_trouble_minute_by_minute():
    """Thousands of steps under a fixed stream of failures, with every term of the balance at work."""
    random = np.random.default_rng(4)
    water = Water("net3")
    for _minute in range(3000):
        if random.random() < 0.1:
            what = str(random.choice(["pump", "supply", "fail", "leak", "demand", "extra"]))
            do(water, what, int(random.integers(10_000)), bool(random.random() < 0.6), float(random.random()))
        water.advance(water.t_s + 60.0)
        assert abs(water.balance_m3().mismatch) < tolerance_m3(water)
    balance = water.balance_m3()
    assert min(balance.supplied, balance.delivered, balance.leaked, abs(balance.stored)) > 100.0
    assert balance.supplied == pytest.approx(
        balance.delivered + balance.leaked + balance.stored + balance.overflow + balance.mismatch
    )


def test_an_unsolvable_spell_is_an_event_and_water_stands_still(monkeypatch):
    water = Water("net3")
    water.advance(600.0)
    before, solve = water.balance_m3(), water._engine.solve

    def fails(inp_time_s, tank_level_m):
        raise NoSolutionError("Error 110: cannot solve network hydraulic equations")

    monkeypatch.setattr(water._engine, "solve", fails)
    events = water.advance(1200.0)
    assert [(e.t_s, e.kind) for e in events] == [(600.0, "solver")]
    assert water.balance_m3() == before
    assert water.customers_without_pressure == len(water.layout.demand_nodes)
    monkeypatch.setattr(water._engine, "solve", solve)
    water.advance(1800.0)
    assert water.balance_m3().supplied > before.supplied
    assert abs(water.balance_m3().mismatch) < tolerance_m3(water)
