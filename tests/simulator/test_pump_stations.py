"""PLCs in their places: values over links, taps on them, orders; C-Town's two published attacks."""

import re

import numpy as np
import pytest

from simulator.plant import Plant
from simulator.pump_stations import PumpStations
from simulator.settings import GridSettings, PlantSettings, TapBudget, WaterSettings
from simulator.water.network import find_inp
from simulator.water.plc_graph import WATER_REPORT_S
from simulator.water.true_signals import TrueSignals
from simulator.water.water import Water
from simulator.water_stations import add_water, water_control
from streams.links import LinkBudget, LinkTable
from streams.messages import Command, Setpoint, Tap
from streams.plant_model import PlantModel
from tests.data import shared_data

HOUR_S = 3600.0
# Initial levels of epanetCPA's C-Town scenarios (m); its figures hold for them and not for the INP's own.
LEVELS_M = {"T1": 4.0, "T2": 3.75, "T3": 3.25, "T4": 3.75, "T5": 3.5, "T6": 3.5, "T7": 3.0}
T2 = ("T2>PLC3", "PLC3/T2_level_m")
T1 = ("PLC2>PLC1", "PLC2/T1_level_m")


@pytest.fixture
def ctown(tmp_path):
    """C-Town with epanetCPA's initial levels."""
    text = shared_data("ctown.inp").read_text()
    for tank, level in LEVELS_M.items():
        text, count = re.subn(rf"(?m)^( {tank}\s+\S+\s+)\S+", rf"\g<1>{level}", text)
        assert count >= 1
    path = tmp_path / "ctown.inp"
    path.write_text(text)
    return str(path)


def tap(link, tag, operation, value, start_h, end_h):
    return Tap(
        producer="attacker",
        seq=0,
        k=0,
        t_s=0.0,
        link=link,
        operation=operation,
        tags=[tag],
        values=[value],
        start_s=start_h * HOUR_S,
        end_s=end_h * HOUR_S,
    )


EMPTY = PlantModel(
    schema=1,
    grid="",
    water="ctown",
    scan_s=60.0,
    exchange_s=60.0,
    base_mva=100.0,
    nominal_frequency_hz=60.0,
    reference_bus="",
    tags=(),
    links=(),
    link_tags=(),
    buses=(),
    branches=(),
    units=(),
    tanks=(),
    pumps=(),
    emergency_factor=1.0,
    security="n-0",
)


def replay(network, hours, attack=None, link="", tag=""):
    """C-Town's water and PLCs with perfect instruments; events and the highest level of T1."""
    water = Water(network)
    control = water_control(WaterSettings(network=network, plcs="ctown"), water.layout, frozenset())
    model = add_water(EMPTY, water.layout, control)
    budget = [LinkBudget(link, {tag: 6.5}, True, 0.0, 1e9)] if attack else []
    links = LinkTable(model, budget)
    if attack:
        assert links.accept(attack) is None
    stations = PumpStations(model, water, control.graph, control.controls, links, 0.0)
    signals = TrueSignals(tuple(control.graph.tags.values()), water)
    sent, values = np.full(len(model.link_tags), np.nan), np.full(len(model.link_tags), np.nan)
    events, highest_m = [], 0.0
    for minute in range(round(hours * 60)):
        stations.control(60.0 * minute, signals.read(), sent, values, lambda station: True)
        events += water.advance(60.0 * minute + 60.0)
        highest_m = max(highest_m, float(water.tank_level_m[0]))
    return events, highest_m


def first_hour(events, kind, element):
    return next(e.t_s / HOUR_S for e in events if (e.kind, e.element) == (kind, element))


def test_unattacked_ctown_has_no_empty_tank_and_t1_stays_low(ctown):
    events, highest_m = replay(ctown, 96)
    assert highest_m == pytest.approx(5.13, rel=0.1)
    assert not [event for event in events if event.kind == "tank_empty"]


def test_a_constant_level_on_t2s_link_empties_t2_and_t4(ctown):
    events, _ = replay(ctown, 20, tap(*T2, "set", 5.6, 10, 20), *T2)
    assert first_hour(events, "tank_empty", "T2") == pytest.approx(13.7, rel=0.1)
    assert first_hour(events, "tank_empty", "T4") == pytest.approx(15.6, rel=0.1)
    # The pumps behind V2 suck on a zone without water: they stand, instead of driving the solver mad.
    assert {event.kind for event in events} == {"tank_empty", "tank_full"}


@pytest.mark.parametrize("operation", ["drop", "hold"])
def test_denial_of_service_from_plc2_to_plc1_fills_t1(ctown, operation):
    events, highest_m = replay(ctown, 86, tap(*T1, operation, 0.0, 50, 1000), *T1)
    assert highest_m == pytest.approx(6.5)
    assert first_hour(events, "tank_full", "T1") == pytest.approx(81.8, rel=0.1)


def settings(network, plcs="", hours=1.0, budgets=(), scan_s=60.0, step_s=60.0):
    return PlantSettings(
        seed=3,
        duration_s=hours * HOUR_S,
        scan_s=scan_s,
        exchange_s=scan_s,
        start="2025-07-15T00:00:00",
        # Lightly loaded: nobody dispatches here, and water is what is looked at.
        grid=GridSettings(network="ieee14", security="n-0", protected_flows=3, load_scale=0.2),
        water=WaterSettings(network=network, plcs=plcs, hydraulic_step_s=step_s),
        protected_links={},
        budgets=budgets,
    )


def budget(link):
    return TapBudget(
        links=(link,), eps_share=1.0, eps_tags={}, allow_drop=True, start_s=0.0, end_s=100.0 * HOUR_S
    )


def test_the_published_attack_in_the_whole_plant_with_its_noise(ctown):
    plant = Plant(settings(ctown, "ctown", 16.5, (budget(T2[0]),)))
    slot = [tag.name for tag in plant.model.tags].index(T2[1])
    tapped, events = tap(*T2, "set", 5.6, 10, 20), []
    for minute in range(round(16.5 * 60) + 1):
        report = plant.advance([tapped] if minute == 1 else [], 60.0 * minute)
        events += report.events
        if minute == 12 * 60:
            # PLC3 believes the sensor's link and reports what it believes; the sensor itself is sound.
            assert report.received[slot] == report.sent[slot] == 5.6
            assert abs(report.measured[slot] - report.true[slot]) < 0.05
            assert report.true[slot] < 3.0
    assert first_hour(events, "tank_empty", "T2") == pytest.approx(13.7, rel=0.1)
    assert first_hour(events, "tank_empty", "T4") == pytest.approx(15.6, rel=0.1)
    plant.close()


def test_who_hides_the_lie_taps_the_second_link(ctown):
    second = ("PLC3>SCADA", T2[1])
    plant = Plant(settings(ctown, "ctown", 0.5, (budget(T2[0]), budget(second[0]))))
    slot = [tag.name for tag in plant.model.tags].index(T2[1])
    for minute in range(31):
        taps = [tap(*T2, "set", 5.6, 0.1, 9), tap(*second, "offset", -1.0, 0.1, 9)] if minute == 1 else []
        report = plant.advance(taps, 60.0 * minute)
    assert report.sent[slot] == 5.6
    assert report.received[slot] == pytest.approx(4.6)
    plant.close()


def test_the_operator_knows_the_pumps_by_their_plcs(ctown):
    water = Water(ctown)
    control = water_control(WaterSettings(network=ctown, plcs="ctown"), water.layout, frozenset())
    model = add_water(EMPTY, water.layout, control)
    pumps = {pump.name: pump for pump in model.pumps}
    first = pumps["PU1"]
    assert (first.station, first.tank, first.command_link) == ("PLC1", "T1", "SCADA>PLC1")
    assert (first.on_level_m, first.off_level_m) == pytest.approx((4.0, 6.3))
    assert (first.flow_tag, first.status_tag) == ("PLC1/PU1_flow_m3h", "PLC1/PU1_running")
    assert (pumps["PU3"].tank, pumps["PU4"].tank, pumps["PU10"].tank) == ("", "T3", "T7")
    tanks = {tank.name: (tank.station, tank.level_tag, tank.inflow_tag) for tank in model.tanks}
    assert tanks["T2"] == ("PLC3", "PLC3/T2_level_m", "FM-T2/T2_inflow_m3h")
    assert {link.id for link in model.links if link.protected} == {f"FM-T{i}>SCADA" for i in range(1, 8)}


def order(link, element, quantity, value):
    setpoint = Setpoint(link=link, element=element, quantity=quantity, value=value)
    return Command(producer="control", seq=0, k=0, t_s=0.0, power_mw=[], setpoints=[setpoint])


@pytest.mark.parametrize(
    ("network", "plcs", "link", "element"),
    [
        ("net3", "", "SCADA>PLC", "10"),
        ("net3", "", "SCADA>PLC", "330"),
        ("ctown", "ctown", "SCADA>PLC3", "V2"),
    ],
)
def test_orders_reach_pumps_and_valves_and_can_be_tapped(network, plcs, link, element, request):
    path = request.getfixturevalue("ctown") if network == "ctown" else network
    plant = Plant(settings(path, plcs, budgets=(budget(link),)))
    place = plant.water.layout.link_names.index(element)

    def is_open(k, *inputs):
        plant.advance(list(inputs), 60.0 * k)
        return bool(plant.water.link_open[place])

    assert is_open(1, order(link, element, "pump_on", 1.0))
    assert not is_open(2, order(link, element, "pump_on", 0.0))
    drop = tap(link, element, "drop", 0.0, 0.0, 1.0)
    assert not is_open(3, drop, order(link, element, "pump_on", 1.0))
    plant.close()


def test_a_plc_may_decide_more_often_than_it_reports(tmp_path):
    path = tmp_path / "plcs.toml"
    path.write_text(
        '[[plc]]\nname = "PLC1"\ndrives = ["9"]\nrunning = ["9"]\ncycle_s = 20\n'
        'reads = [{ link = "PLC2>PLC1", tags = ["PLC2/2_level_m"] }]\n'
        '[[plc]]\nname = "PLC2"\nlevel_m = ["2"]\n'
    )
    plant = Plant(settings("net1", str(path), scan_s=4.0, step_s=20.0))
    (row,) = (i for i, entry in enumerate(plant.model.link_tags) if entry.link == "PLC2>PLC1")
    slot = [tag.name for tag in plant.model.tags].index("PLC2/2_level_m")
    heard, reported = [], []
    for k in range(91):
        report = plant.advance([], 4.0 * k)
        heard.append(report.link_values[row])
        reported.append(report.received[slot])
    changes = [4 * k for k in range(1, 91) if heard[k] != heard[k - 1]]
    # Now and then noise and quantisation give the same value twice.
    assert set(changes) <= set(range(20, 361, 20))
    assert len(changes) > 15
    assert [4 * k for k in range(1, 91) if reported[k] != reported[k - 1]] == list(range(60, 361, 60))
    assert plant.model.tags[slot].period_s == WATER_REPORT_S
    plant.close()


def test_a_plc_that_hears_nothing_fails_safe(tmp_path):
    path = tmp_path / "plcs.toml"
    path.write_text(
        '[[plc]]\nname = "PLC1"\ndrives = ["9"]\nrunning = ["9"]\nstale_s = 120\non_stale = "stop"\n'
        'reads = [{ link = "PLC2>PLC1", tags = ["PLC2/2_level_m"] }]\n'
        '[[plc]]\nname = "PLC2"\nlevel_m = ["2"]\n'
    )
    link, tag = "PLC2>PLC1", "PLC2/2_level_m"
    plant = Plant(settings("net1", str(path), budgets=(budget(link),)))
    running = []
    for minute in range(13):
        lost = [tap(link, tag, "drop", 0.0, 5.0 / 60.0, 10.0 / 60.0)] if minute == 1 else []
        plant.advance(lost, 60.0 * minute)
        running.append(bool(plant.water.link_open[plant.water.layout.pumps[0]]))
    # Last heard at 4 min, stale after 6 min; heard again at 10 min, where 120 ft are no reason to start.
    assert running == [True] * 7 + [False] * 6
    plant.close()


def test_a_network_whose_stations_only_measure_goes_on(tmp_path):
    path = tmp_path / "plcs.toml"
    path.write_text('[[plc]]\nname = "PLC2"\nlevel_m = ["2"]\n')
    inp = tmp_path / "free.inp"
    text = find_inp("net1").read_text()
    inp.write_text(text[: text.index("[CONTROLS]")] + text[text.index("[RULES]") :])
    plant = Plant(settings(str(inp), str(path)))
    reports = [plant.advance([], 60.0 * minute) for minute in range(4)]
    assert [report.water_reported for report in reports] == [True] * 4
    assert plant.model.pumps == ()
    assert "pump 9 has no control in the INP and stays on" in plant.assumptions
    plant.close()


def test_the_default_graph_names_everything_as_ever():
    water = Water("net3")
    control = water_control(WaterSettings(network="net3"), water.layout, frozenset())
    model = add_water(EMPTY, water.layout, control)
    tanks, pumps = ("1", "2", "3"), ("10", "335")
    per_tank = [tag for tank in tanks for tag in (f"RTU-{tank}/level_m", f"FM-{tank}/inflow_m3h")]
    per_pump = [tag for pump in pumps for tag in (f"PLC/{pump}_flow_m3h", f"PLC/{pump}_running")]
    assert [tag.name for tag in model.tags] == per_tank + per_pump
    reports = [f"{kind}-{tank}>SCADA" for tank in tanks for kind in ("RTU", "FM")]
    reads = [f"RTU-{tank}>PLC" for tank in tanks]
    assert [link.id for link in model.links] == [*reports, *reads, "PLC>SCADA", "SCADA>PLC"]
    assert [(entry.link, entry.tag) for entry in model.link_tags] == [
        *zip(reads, per_tank[::2], strict=True),
        *(("SCADA>PLC", link) for link in (*pumps, "330")),
    ]
    assert [tag.name for tag in model.tags if tag.protected] == per_tank[1::2]
