"""PLC graphs as files: what they make of the controls, and every mistake with file, field and value."""

import re
import tomllib
from pathlib import Path

import pytest

from simulator.settings import WaterSettings
from simulator.water.conditions import Signal
from simulator.water.controls import read_controls
from simulator.water.network import find_inp
from simulator.water.plc_file import CATALOGUE, read_plcs
from simulator.water.plc_graph import default_graph
from simulator.water.true_signals import elements_with
from simulator.water.water import Water
from simulator.water_stations import water_control
from streams.errors import BadInput
from tests.data import ROOT, shared_data

NET1 = """
[[plc]]
name = "PLC1"
flow_m3h = ["9"]
running = ["9"]
drives = ["9"]
reads = [{ link = "PLC2>PLC1", tags = ["PLC2/2_level_m"] }]

[[plc]]
name = "PLC2"
level_m = ["2"]
pressure_m = ["22"]
"""


def control(tmp_path: Path, text: str, network: str = "net1", **settings):
    path = tmp_path / "plcs.toml"
    path.write_text(text)
    chosen = WaterSettings(network=network, plcs=str(path), **settings)
    water = Water(network, chosen.hydraulic_step_s)
    try:
        return water_control(chosen, water.layout, frozenset({"S1", "PDC"}))
    finally:
        water.close()


def test_without_thresholds_the_inps_controls_stand(tmp_path):
    made = control(tmp_path, NET1)
    assert made.controls.actions == read_controls("net1").actions
    (note,) = made.assumptions
    assert re.match(r"PLCs as .*plcs.toml declares them \(sha256 [0-9a-f]{16}\)", note)


THRESHOLD = '[[plc.threshold]]\nlink = "9"\ntag = "PLC2/2_level_m"\non_below = 34.0\noff_above = 40.0\n'


def test_thresholds_and_schedules_replace_the_inps(tmp_path):
    made = control(tmp_path, NET1.replace('\n[[plc]]\nname = "PLC2"', f'{THRESHOLD}\n[[plc]]\nname = "PLC2"'))
    assert [(a.order.is_open, a.premises[0].value) for a in made.controls.actions] == [
        (True, 34.0),
        (False, 40.0),
    ]
    daily = '[[plc.schedule]]\nlink = "9"\non_at = ["05:30", "18:00"]\noff_at = ["09:00", "22:15"]\n'
    made = control(tmp_path, NET1.replace('\n[[plc]]\nname = "PLC2"', f'{daily}\n[[plc]]\nname = "PLC2"'))
    times = [(action.at_clock_s, action.order.is_open) for action in made.controls.actions]
    assert times == [(19800.0, True), (32400.0, False), (64800.0, True), (80100.0, False)]


def test_rising_thresholds_and_pressure(tmp_path):
    rule = THRESHOLD.replace("on_below = 34.0", "on_above = 80.0").replace(
        "off_above = 40.0", "off_below = 70.0"
    )
    rule = rule.replace("PLC2/2_level_m", "PLC2/22_pressure_m")
    text = NET1.replace('tags = ["PLC2/2_level_m"]', 'tags = ["PLC2/2_level_m", "PLC2/22_pressure_m"]')
    made = control(tmp_path, text.replace('\n[[plc]]\nname = "PLC2"', f'{rule}\n[[plc]]\nname = "PLC2"'))
    assert made.controls.signals == (Signal("level_m", "2"), Signal("pressure_m", "22"))
    (on, off) = made.controls.actions
    assert (on.premises[0].relation, on.premises[0].value, on.premises[0].signal) == (">", 80.0, 1)
    assert (off.premises[0].relation, off.premises[0].value) == ("<", 70.0)


BAD = {
    "no such tag": (
        '"PLC2/2_level_m"',
        '"PLC2/3_level_m"',
        r"PLC1\.reads\.tags: 'PLC2/3_level_m'.*PLC2/2_level_m",
    ),
    "tag of another": (
        '"PLC2/2_level_m"',
        '"PLC1/9_running"',
        r"reads\.tags: 'PLC1/9_running'.*PLC2 measures",
    ),
    "unknown tank": ('level_m = ["2"]', 'level_m = ["T9"]', r"PLC2\.level_m: 'T9'.*tank.*such as 2"),
    "unknown node": ('pressure_m = ["22"]', 'pressure_m = ["x"]', r"PLC2\.pressure_m: 'x'.*node"),
    "unknown pump": ('running = ["9"]', 'running = ["10"]', r"PLC1\.running: '10'.*pump.*such as 9"),
    "unknown link": ('flow_m3h = ["9"]', 'flow_m3h = ["x"]', r"PLC1\.flow_m3h: 'x'.*link"),
    "unknown actuator": ('drives = ["9"]', 'drives = ["P1"]', r"PLC1\.drives: 'P1'.*such as 9"),
    "two drivers": ('level_m = ["2"]', 'level_m = ["2"]\ndrives = ["9"]', r"drives: '9'.*one PLC per link"),
    "no driver": ('drives = ["9"]', "", r"drives: '9'.*link with a control is driven by one PLC"),
    "no read": (
        'reads = [{ link = "PLC2>PLC1", tags = ["PLC2/2_level_m"] }]',
        "",
        r"PLC1\.reads: 'level_m of 2, which the control of 9 asks for'.*a read of PLC2/2_level_m",
    ),
    "same name": ('name = "PLC2"', 'name = "PLC1"', r"plc\.name: 'PLC1'.*each name once"),
    "a substation's name": ('name = "PLC2"', 'name = "PDC"', r"plc\.name: 'PDC'.*no other station"),
    "an instrument twice": ('level_m = ["2"]', 'level_m = ["2", "2"]', r"'2_level_m'.*each instrument once"),
    "no link id": ("PLC2>PLC1", "PLC2-PLC1", r"plc\[0\]\.reads\[0\]\.link: 'PLC2-PLC1'.*SRC>DST"),
    "link elsewhere": ("PLC2>PLC1", "PLC2>PLC3", r"PLC1\.reads\.link: 'PLC2>PLC3'.*SRC>PLC1"),
    "link from nowhere": ("PLC2>PLC1", "PLC9>PLC1", r"PLC1\.reads\.link: 'PLC9>PLC1'"),
    "cycle": ('drives = ["9"]', 'drives = ["9"]\ncycle_s = 45', r"PLC1\.cycle_s: 45.*divisor.* 60"),
    "no cycle": ('drives = ["9"]', 'drives = ["9"]\ncycle_s = 0', r"plc\[0\]\.cycle_s: 0.*above 0"),
    "endless cycle": ('drives = ["9"]', 'drives = ["9"]\ncycle_s = inf', r"plc\[0\]\.cycle_s: inf.*finite"),
    "huge cycle": ('drives = ["9"]', 'drives = ["9"]\ncycle_s = 1e300', r"PLC1\.cycle_s: 1e\+300.*divisor"),
    "no tags": (
        'tags = ["PLC2/2_level_m"]',
        "tags = []",
        r"reads\[0\]\.tags: \[\].*a list of at least one tag",
    ),
    "no text": ('drives = ["9"]', "drives = [9]", r"drives\[0\]: 9.*a text"),
    "a threshold nowhere": (
        'drives = ["9"]',
        'drives = ["9"]\nthreshold = [{ link = "9", tag = "PLC2/2_level_m", on_below = nan, off_above = 2 }]',
        r"plc\[0\]\.threshold\[0\]\.on_below: nan.*finite",
    ),
    "unknown key": ('drives = ["9"]', 'drive = ["9"]', r"plc\[0\]: 'drive'.*one of name, level_m"),
    "wrong type": ('drives = ["9"]', "drives = 9", r"plc\[0\]\.drives: 9"),
    "no name": ('name = "PLC2"', "", r"plc\[1\]: .*a table with name"),
    "stale": (
        'drives = ["9"]',
        'drives = ["9"]\non_stale = "panic"',
        r"on_stale: 'panic'.*hold, stop, run, schedule",
    ),
    "no fallback": (
        'drives = ["9"]',
        'drives = ["9"]\non_stale = "schedule"',
        r"PLC1\.on_stale: 'schedule'.*a fallback for 9",
    ),
    "no TOML": ("[[plc]]", "[[plc", r"water\.plcs: .*plcs.toml'.*a readable TOML file"),
}


@pytest.mark.parametrize("mistake", BAD)
def test_mistakes_are_named_with_file_field_and_value(mistake, tmp_path):
    before, after, sentence = BAD[mistake]
    assert before in NET1
    with pytest.raises(BadInput, match=sentence) as caught:
        control(tmp_path, NET1.replace(before, after, 1))
    assert "plcs.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


BAD_RULES = {
    "on above off": (
        THRESHOLD.replace("34.0", "40.0"),
        r"plc\[0\]\.threshold\[0\]\.on_below: 40.*off_above = 40",
    ),
    "rising": (
        THRESHOLD.replace("on_below", "on_above").replace("off_above", "off_below"),
        r"threshold\[0\]\.on_above: 34.*more than off_below = 40",
    ),
    "half a pair": (
        THRESHOLD.replace("off_above = 40.0\n", ""),
        r"threshold\[0\]: 'on_below'.*with off_above",
    ),
    "three": (THRESHOLD + "off_below = 1.0\n", r"threshold\[0\]: 'off_above, off_below, on_below'"),
    "not received": (
        THRESHOLD.replace("2_level_m", "22_pressure_m"),
        r"threshold\.tag: 'PLC2/22_pressure_m'",
    ),
    "not driven": (THRESHOLD.replace('"9"', '"10"'), r"threshold\.link: '10'.*such as 9"),
    "twice": (THRESHOLD * 2, r"threshold: '9 on PLC2/2_level_m'"),
    "no time": (
        '[[plc.schedule]]\nlink = "9"\non_at = ["24:00"]\noff_at = ["05:00"]\n',
        r"schedule\[0\]\.on_at\[0\]: '24:00'.*05:30",
    ),
    "on only": ('[[plc.schedule]]\nlink = "9"\non_at = ["04:00"]\n', r"schedule\[0\]: \['04:00'\]"),
    "both": (
        THRESHOLD + '[[plc.schedule]]\nlink = "9"\non_at = ["04:00"]\noff_at = ["05:00"]\n',
        r"schedule\.link: '9'.*without a threshold",
    ),
}


@pytest.mark.parametrize("mistake", BAD_RULES)
def test_mistakes_in_rules_are_named(mistake, tmp_path):
    rule, sentence = BAD_RULES[mistake]
    with pytest.raises(BadInput, match=sentence):
        control(tmp_path, NET1.replace('\n[[plc]]\nname = "PLC2"', f'{rule}\n[[plc]]\nname = "PLC2"'))


def test_a_cycle_is_a_multiple_of_the_hydraulic_step(tmp_path):
    text = NET1.replace('drives = ["9"]', 'drives = ["9"]\ncycle_s = 20')
    assert control(tmp_path, text, hydraulic_step_s=20.0).graph.plcs[0].cycle_s == 20.0
    with pytest.raises(BadInput, match=r"cycle_s: 20.*hydraulic step of 60"):
        control(tmp_path, text)


def test_a_hydraulic_step_divides_the_report_interval(tmp_path):
    with pytest.raises(BadInput, match=r"water\.hydraulic_step_s: 28\.0.*60"):
        control(tmp_path, NET1, hydraulic_step_s=28.0)


def test_an_unknown_graph_is_refused():
    with pytest.raises(BadInput, match=r"water\.plcs: 'atlantis'.*ctown"):
        read_plcs("atlantis")


def test_the_default_graph_measures_what_else_controls_ask_for(tmp_path):
    text = find_inp("net1").read_text()
    start, end = text.index("[CONTROLS]"), text.index("[ENERGY]")
    rule = "[RULES]\nRULE 1\nIF NODE 22 PRESSURE BELOW 100\nTHEN PIPE 12 STATUS IS CLOSED\n"
    inp = tmp_path / "pressure.inp"
    inp.write_text(f"{text[:start]}{rule}{text[end:]}")
    plc = default_graph(read_controls(str(inp))).plcs[-1]
    assert plc.drives == ("9", "12")
    assert list(plc.tags) == ["PLC/9_flow_m3h", "PLC/9_running", "PLC/22_pressure_m"]


def test_ctown_is_the_published_plant():
    graph = read_plcs("ctown")
    plcs = {plc.name: plc for plc in graph.plcs if plc.name.startswith("PLC")}
    assert len(plcs) == 9
    assert sum(len(plc.tags) for plc in plcs.values()) == 43
    assert {name: plc.drives for name, plc in plcs.items() if plc.drives} == {
        "PLC1": ("PU1", "PU2", "PU3"),
        "PLC3": ("PU4", "PU5", "PU6", "PU7", "V2"),
        "PLC5": ("PU8", "PU9", "PU10", "PU11"),
    }
    assert [read.link for plc in plcs.values() for read in plc.reads] == [
        "PLC2>PLC1",
        "T2>PLC3",
        "PLC4>PLC3",
        "PLC6>PLC3",
        "PLC7>PLC5",
        "PLC9>PLC5",
    ]
    assert [plc.name for plc in graph.plcs if plc.protected] == [f"FM-T{i}" for i in range(1, 8)]


def test_ctowns_controls_are_the_published_thresholds():
    path = shared_data("ctown.inp")
    water = Water(str(path))
    made = water_control(WaterSettings(network=str(path), plcs="ctown"), water.layout, frozenset())
    found = {}
    for action in made.controls.actions:
        (premise,) = action.premises
        name = water.layout.link_names[action.link], made.controls.signals[premise.signal].element
        found.setdefault(name, [0.0, 0.0])[0 if action.order.is_open else 1] = premise.value
    assert found["PU1", "T1"] == pytest.approx([4.0, 6.3])
    assert found["PU2", "T1"] == pytest.approx([1.0, 4.5])
    assert found["V2", "T2"] == pytest.approx([0.5, 5.5])
    assert found["PU10", "T7"] == pytest.approx([2.5, 4.8])
    assert found["PU11", "T7"] == pytest.approx([1.0, 3.0])
    assert all(elements_with(water.layout, quantity) for quantity in ("level_m", "running", "pressure_m"))


def test_the_documented_example_is_a_graph_of_net1(tmp_path):
    page = (ROOT / "docs" / "physics" / "plc.md").read_text()
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.S)
    made = control(tmp_path, example)
    assert [plc.name for plc in made.graph.plcs] == ["PLC1", "PLC2", "FM-2"]
    keys = set(tomllib.loads(example)["plc"][0]) | {"threshold", "schedule"}
    assert all(f"`{key}`" in page for key in keys)


def test_shipped_graphs_are_found_by_name():
    assert all(path.is_file() for path in CATALOGUE.values())
