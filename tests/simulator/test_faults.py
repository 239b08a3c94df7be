"""What breaks in a plant: each fault at its time, with its consequence, and mended when it ends."""

import numpy as np
import pytest
import simpy

from simulator.faults import Faults, Targets
from simulator.grid.case import load_case
from simulator.nature.fault import Fault
from simulator.plant import Plant
from simulator.settings import (
    FaultSettings,
    GridSettings,
    NatureSettings,
    PlantSettings,
    Storm,
    WaterSettings,
)
from simulator.water.constituents import QualityPlan
from simulator.water.water import Water
from streams.errors import BadInput

SCAN_S = 4.0


def settings(**changes):
    values = {
        "seed": 3,
        "duration_s": 1200.0,
        "scan_s": SCAN_S,
        "exchange_s": SCAN_S,
        "start": "2025-07-15T12:00:00",
        "grid": GridSettings(network="ieee39", protected_flows=4),
        "water": WaterSettings(network="net1", bus="3"),
        "protected_links": {},
        "budgets": (),
    }
    return PlantSettings(**(values | changes))


@pytest.fixture
def run():
    """Runs a plant to until_s; gives the plant, its reports and its events."""
    made = []

    def make(until_s, *faults, **changes):
        twin = Plant(settings(faults=faults, **changes))
        made.append(twin)
        reports = [twin.advance([], k * SCAN_S) for k in range(round(until_s / SCAN_S) + 1)]
        return twin, reports, [event for report in reports for event in report.events]

    yield make
    for twin in made:
        twin.close()


def fault(kind, element, start_s, end_s=None, size=0.0):
    return FaultSettings(kind=kind, element=element, start_s=start_s, end_s=end_s, size=size)


def column(twin, reports, tag, what="true"):
    slot = [t.name for t in twin.model.tags].index(tag)
    return np.array([getattr(report, what)[slot] for report in reports])


def told(events, *kinds):
    return [(e.t_s, e.kind, e.element) for e in events if e.kind in kinds]


def test_a_line_opens_at_its_own_time_and_closes_when_it_is_mended(run):
    twin, reports, events = run(80.0, fault("line", "3-4", 10.5, 41.0))
    closed = column(twin, reports, "S3/line3-4_closed")
    assert closed.tolist() == [1.0] * 3 + [0.0] * 8 + [1.0] * 10
    assert told(events, "fault_in", "fault_out", "switch") == [
        (10.5, "fault_in", "3-4"),
        (10.5, "switch", "3-4"),
        (41.0, "fault_out", "3-4"),
        (41.0, "switch", "3-4"),
    ]
    assert [e.cause for e in events if e.kind == "switch"] == ["declared", "repaired"]
    assert twin.outcomes.lines_tripped == 0


def test_a_line_is_out_of_order_until_its_last_fault_is_over(run):
    twin, _, _ = run(40.0, fault("line", "3-4", 8.0, 24.0), fault("line", "3-4", 16.0, 60.0))
    branch = twin._case.branch_index("3-4")
    assert twin.faults.out_of_order == {branch}
    assert not twin.grid.branch_closed[branch]
    for k in range(11, 17):
        twin.advance([], k * SCAN_S)
    assert twin.faults.out_of_order == set()
    assert twin.grid.branch_closed[branch]


def test_a_line_that_was_open_stays_open_after_repair(run):
    grid = GridSettings(network="ieee39", protected_flows=4, out_of_service=("3-4",))
    twin, _, events = run(40.0, fault("line", "3-4", 8.0, 24.0), grid=grid)
    assert not twin.grid.branch_closed[twin._case.branch_index("3-4")]
    assert told(events, "fault_in", "fault_out") == [(8.0, "fault_in", "3-4"), (24.0, "fault_out", "3-4")]


RADIAL = "19-20"  # behind it hang bus 20, its load and G34


@pytest.mark.parametrize(("end_s", "closes"), [(9.0, True), (100.0, False)])
def test_a_mended_line_is_closed_on_to_a_dead_part_by_recloser_or_operator_only(run, end_s, closes):
    twin, _, events = run(
        120.0, fault("unit", "G34", 4.0), fault("line", RADIAL, 8.0, end_s), fault("line", RADIAL, 8.0, 8.5)
    )
    assert twin.grid.branch_closed[twin._case.branch_index(RADIAL)] == closes
    refused = [(e.t_s, e.element, e.cause) for e in events if e.kind == "switch_refused"]
    assert refused == ([] if closes else [(100.0, RADIAL, "dead end, left to operators")])


def test_a_unit_trips_and_waits_for_the_operator(run):
    twin, _, events = run(60.0, fault("unit", "G32", 10.0, 50.0))
    unit = twin._case.unit_index("G32")
    trips = [e for e in events if e.kind == "generator_trip"]
    assert [(e.t_s, e.element, e.cause) for e in trips] == [(10.0, "G32", "fault")]
    assert trips[0].value > 100.0
    assert twin.outcomes.generators_tripped == 1
    assert not twin.grid.unit_on[unit]
    assert twin.grid.lowest_frequency_hz < 59.99
    assert twin.faults.units_out_of_order == set()


def test_contactors_drop_out_in_a_dip_between_two_scans(run):
    # Bus 20 is dead for half a second.
    water = WaterSettings(network="net1", bus="20")
    faults = (fault("unit", "G34", 4.0), fault("line", RADIAL, 9.0, 9.5))
    twin, _, events = run(40.0, *faults, water=water)
    assert twin.grid.bus_energised.all()
    assert told(events, "pump_lost", "pump_back") == [(12.0, "pump_lost", "9"), (28.0, "pump_back", "9")]


def test_a_pump_fails_and_runs_again(run):
    twin, reports, _ = run(600.0, fault("pump", "9", 130.0, 400.0))
    flow = column(twin, reports, "PLC/9_flow_m3h")
    assert flow[round(120 / SCAN_S)] > 100.0
    assert flow[round(240 / SCAN_S)] == flow[round(360 / SCAN_S)] == 0.0
    assert flow[round(540 / SCAN_S)] > 100.0


def test_what_a_fault_does_to_water_is_told_at_once(run):
    _, reports, _ = run(60.0, fault("valve_stuck", "10", 21.0), fault("burst", "22", 22.0, 30.0, 20.0))
    told_late = [e for k, r in enumerate(reports) for e in r.events if e.t_s <= (k - 1) * SCAN_S]
    assert told_late == []
    assert told(reports[6].events, "fault_in", "stuck", "burst") == [
        (21.0, "fault_in", "10"),
        (21.0, "stuck", "10"),
        (22.0, "fault_in", "22"),
        (22.0, "burst", "22"),
    ]


def test_a_burst_takes_water_that_nobody_gets(run):
    size = 20.0
    twin, _, _ = run(900.0, fault("burst", "22", 300.0, 600.0, size))
    pressure = twin.water.pressure_m("22")
    expected = size * np.sqrt(pressure) * 300.0 / 3600.0
    assert pressure > 20.0
    assert twin.water.leaked_m3 == pytest.approx(expected, rel=0.05)
    assert twin.water.state.leaked_m3h == pytest.approx(0.0, abs=0.1)


def test_bursts_at_one_node_add_up(run):
    twin, _, _ = run(200.0, fault("burst", "22", 60.0, None, 5.0), fault("burst", "22", 60.0, None, 7.0))
    assert twin.water.state.leaked_m3h == pytest.approx(12.0 * np.sqrt(twin.water.pressure_m("22")), rel=0.02)


def test_instruments_lie_and_truth_does_not(run):
    tag = "S4/load_mw"
    plain, reports, _ = run(120.0)
    twin, broken, _ = run(
        120.0,
        fault("instrument_stuck", tag, 20.0, 60.0),
        fault("instrument_bias", "S8/load_mw", 20.0, None, 30.0),
        fault("instrument_dropout", "S7/load_mw", 20.0, 60.0),
    )
    for one, two in zip(reports, broken, strict=True):
        np.testing.assert_array_equal(one.true, two.true)
    held = column(twin, broken, tag, "measured")[5:15]
    assert (held == column(plain, reports, tag, "measured")[4]).mean() > 0.8
    assert len(set(held[1:])) == 1
    biased = column(twin, broken, "S8/load_mw", "measured") - column(plain, reports, "S8/load_mw", "measured")
    np.testing.assert_allclose(biased[6:], 30.0, atol=1e-9)
    np.testing.assert_array_equal(biased[:5], 0.0)
    gone = np.isnan(column(twin, broken, "S7/load_mw", "measured"))
    assert gone[6:14].all()
    assert not gone[:5].any()
    assert not gone[16:].any()


def test_nature_is_the_same_whatever_breaks(run):
    """Demand, noise of other instruments and the water's demand do not notice a tripped line."""
    _, reports, _ = run(200.0)
    twin, broken, _ = run(200.0, fault("unit", "G32", 20.0), fault("line", "3-4", 30.0))
    tags = [tag.name for tag in twin.model.tags]
    slots = [i for i, name in enumerate(tags) if name.endswith("line6-11_closed") or "level" in name]
    for one, two in zip(reports, broken, strict=True):
        np.testing.assert_array_equal(one.true[slots], two.true[slots])
    plain = Plant(settings())
    plain.advance([], 200.0)
    np.testing.assert_array_equal(plain.grid.load_demand_mw, twin.grid.load_demand_mw)
    plain.close()


def test_a_stormy_run_replays_bit_for_bit_and_closes_what_passes(run):
    nature = NatureSettings(outages=True, storm=(Storm(start_s=0.0, end_s=1200.0),))
    grid = GridSettings(network="ieee39", protected_flows=4)

    def stormy(seed):
        return run(1200.0, nature=nature, grid=grid, seed=seed)

    seeds = [seed for seed in range(40) if _stormy_faults(seed, nature)]
    _, reports, events = stormy(seeds[0])
    _, again, same = stormy(seeds[0])
    assert events == same
    assert all(np.array_equal(a.true, b.true) for a, b in zip(reports, again, strict=True))
    started = [e for e in events if e.kind == "fault_in" and e.cause == "line"]
    assert started
    causes = {e.cause for e in events if e.kind == "switch" and e.value == 0.0}
    assert causes == {"storm"}


def _stormy_faults(seed, nature):
    from simulator.nature.outages import random_faults
    from simulator.nature.storms import declared_storms
    from simulator.water.engine import Engine
    from simulator.water.network import find_inp

    engine = Engine(find_inp("net1"))
    case = load_case("ieee39")
    storms = declared_storms(nature.storm, sorted({int(a) for a in case.bus_area}))
    faults = random_faults(seed, nature, case, engine.layout, storms, 1200.0)
    engine.close()
    return [f for f in faults if f.kind == "line"]


def test_a_wind_unit_gives_what_the_weather_allows(run):
    nature = NatureSettings(renewable_units={"G32": "wind", "G33": "solar"})
    twin, _, _ = run(600.0, nature=nature, seed=2)
    renewables = twin._nature._renewables
    power = twin.grid.unit_power_mw[renewables.units]
    available = renewables.available_mw(150)
    assert (power <= available + 5.0).all()
    assert (available < twin._case.unit_p_max_mw[renewables.units]).any()
    assert twin._nature.weather is not None
    plain, _, _ = run(4.0)
    assert plain._nature.weather is None


class Recorder:
    """Grid, water and instruments that only note what is asked of them."""

    def __init__(self):
        self.calls = []

    def advance(self, t_s):
        self.calls.append(("advance", t_s))
        return []

    def __getattr__(self, name):
        return lambda *arguments: self.calls.append((name, *arguments))


def test_every_kind_is_carried_out_and_mended_in_time():
    water = Water("net1", quality=QualityPlan("contaminant"))
    noted = Recorder()
    faults = [
        Fault(5.0, "valve_stuck", "10", 9.0, 0.0, "declared"),
        Fault(5.5, "contamination", "22", 8.0, 30.0, "declared"),
        Fault(6.0, "contamination", "22", 9.5, 12.0, "declared"),
        Fault(7.0, "instrument_scale", "t", 7.5, 1.5, "declared"),
    ]
    events = []
    env = simpy.Environment()
    scheduler = Faults(faults, CASE, water, ("t",))
    water.close()
    env.process(scheduler.process(env, Targets(noted, noted, noted), events.extend))
    env.run(20.0)
    assert noted.calls == [
        ("advance", 5.0),
        ("set_stuck", "10", True),
        ("advance", 5.0),
        ("advance", 5.5),
        ("set_injection", "22", 30.0),
        ("advance", 5.5),
        ("advance", 6.0),
        ("set_injection", "22", 42.0),
        ("advance", 6.0),
        ("set_fault", 0, "scale", [(7.0, 1.5)]),
        ("set_fault", 0, "scale", []),
        ("advance", 8.0),
        ("set_injection", "22", 12.0),
        ("advance", 8.0),
        ("advance", 9.0),
        ("set_stuck", "10", False),
        ("advance", 9.0),
        ("advance", 9.5),
        ("set_injection", "22", 0.0),
        ("advance", 9.5),
    ]
    assert [(e.t_s, e.kind, e.cause, e.value) for e in events[:2]] == [
        (5.0, "fault_in", "valve_stuck", 0.0),
        (5.5, "fault_in", "contamination", 30.0),
    ]
    assert [e.unit for e in events[1:3]] == ["g/min", "g/min"]


CASE = load_case("ieee39")


@pytest.fixture(scope="module")
def water():
    network = Water("net1")
    yield network
    network.close()


@pytest.mark.parametrize(
    ("kind", "element", "start_s", "end_s", "size", "where", "part"),
    [
        ("line", "3-99", 0.0, 9.0, 0.0, "element", "a branch such as 1-2"),
        ("unit", "G999", 0.0, 9.0, 0.0, "element", "a unit such as"),
        ("pump", "335", 0.0, 9.0, 0.0, "element", "a pump such as 9"),
        ("valve_stuck", "9", 0.0, 9.0, 0.0, "element", "a valve or pipe"),
        ("burst", "2", 0.0, 9.0, 1.0, "element", "a junction such as 10"),
        ("contamination", "nosuch", 0.0, 9.0, 1.0, "element", "a junction"),
        ("instrument_bias", "S1/nosuch", 0.0, 9.0, 1.0, "element", "tags.csv"),
        ("burst", "22", 0.0, 9.0, 0.0, "size", "more than 0, at most 1e+06 m3/h per sqrt"),
        ("contamination", "22", 0.0, 9.0, -1.0, "size", "more than 0, at most 1e+06 g/min"),
        ("instrument_bias", "t", 0.0, 9.0, 0.0, "size", "other than 0, at most 1e+06 tag's unit"),
        ("instrument_drift", "t", 0.0, 9.0, float("inf"), "size", "other than 0, at most 1e+06"),
        ("instrument_scale", "t", 0.0, 9.0, -0.5, "size", "a factor from 0 to 1e+06"),
        ("line", "3-4", 0.0, 9.0, 1.0, "size", "a fault of kind line has no size"),
        ("line", "3-4", 9.0, 9.0, 0.0, "end_s", "more than its start_s of 9"),
        ("line", "3-4", -1.0, 9.0, 0.0, "start_s", "from 0 up"),
    ],
)
def test_faults_that_cannot_be(water, kind, element, start_s, end_s, size, where, part):
    sound = Fault(0.0, "line", "1-2", 5.0, 0.0, "declared")
    wrong = Fault(start_s, kind, element, end_s, size, "declared")
    with pytest.raises(BadInput) as refused:
        Faults([sound, wrong], CASE, water, ("t",))
    assert f"fault[1].{where}" in str(refused.value)
    assert part in str(refused.value)


def test_contamination_needs_water_that_carries_it(water):
    with pytest.raises(BadInput, match="contamination"):
        Faults([Fault(5.5, "contamination", "22", 8.0, 30.0, "declared")], CASE, water, ("t",))
