"""Scenario files: what is read, what is refused and how it is said."""

import tomllib
from pathlib import Path

import pytest

from scenarios.catalogue import SCENARIOS
from scenarios.scenario import load_scenario, read_scenario
from scenarios.toml_text import to_toml
from streams.errors import BadInput

TOML = """
[scenario]
name = "base"
duration_s = 1200
[grid]
load_scale = 0.95
[[attack]]
attacker = "load_redistribution"
start_s = 60
end_s = 600
links = ["S*>SCADA"]
eps = 0.2
[[attack]]
attacker = "level_spoofing"
start_s = 60
end_s = 600
links = ["RTU-*>SCADA"]
eps = 1.0
"""


@pytest.fixture
def base(tmp_path):
    """Path of a scenario that has two attacks."""
    path = tmp_path / "base.toml"
    path.write_text(TOML)
    return str(path)


@pytest.mark.parametrize("name", SCENARIOS)
def test_catalogue_scenarios_load_and_survive_being_written(name, tmp_path):
    scenario = load_scenario(name)
    assert scenario.scenario.name == name
    path = tmp_path / "again.toml"
    path.write_text(to_toml(scenario.document()))
    again = read_scenario(path)
    assert again == scenario
    assert again.digest() == scenario.digest()


def test_what_couples_the_systems_survives_being_written(base, tmp_path):
    couplings = (
        "supply=[{ bus = '76', pumps = ['Pump1'], backup_kw = 80.0 }, { bus = '77', stations = ['PLC'] }]",
        "cooling=[{ unit = 'G89', node = 'TN458', technology = 'coal_tower', replication = 7 }]",
        "communication=[{ station = 'S*', battery_h = 2.0, via = 'S69' }]",
    )
    scenario = load_scenario(base, couplings)
    path = tmp_path / "again.toml"
    path.write_text(to_toml(scenario.document()))
    assert read_scenario(path) == scenario
    plant = scenario.plant_settings(attacked=False)
    assert [(own.bus, own.pumps, own.backup_kw) for own in plant.supplies] == [
        ("76", ("Pump1",), 80.0),
        ("77", "all", 0.0),
    ]
    assert (plant.coolings[0].technology, plant.coolings[0].replication) == ("coal_tower", 7)
    assert (plant.communication[0].battery_h, plant.communication[0].via) == (2.0, "S69")


def test_smoke_has_300_scans():
    smoke = load_scenario("smoke")
    assert smoke.scenario.duration_s / smoke.scenario.scan_s == 300
    assert smoke.exchanges == 300


def test_an_override_of_a_text_stays_text(base):
    scenario = load_scenario(base, ('water.bus="76"', "scenario.name=7"))
    assert (scenario.water.bus, scenario.scenario.name) == ("76", "7")


def test_overrides_are_typed_by_toml_and_reach_into_lists(base):
    scenario = load_scenario(
        base,
        (
            "grid.load_scale=0.9",
            "attack.1.eps=0.25",
            "water.network=net3",
            'detector.model="m"',
            "attack.0.links=['a*']",
        ),
    )
    assert scenario.grid.load_scale == 0.9
    assert scenario.attack[1].eps == 0.25
    assert scenario.water.network == "net3"
    assert scenario.detector.model == "m"
    assert scenario.attack[0].links == ("a*",)


def test_a_table_of_eps_is_in_engineering_units(base):
    scenario = load_scenario(base, ("attack.0.eps={ 'S1/load_mw' = 5.5 }",))
    (budget, _) = scenario.plant_settings(attacked=True).budgets
    assert budget.eps_tags == {"S1/load_mw": 5.5}
    assert budget.eps_share == 0.0


def test_without_attack_nothing_can_be_tampered_with(base):
    assert load_scenario(base).plant_settings(attacked=False).budgets == ()


def test_another_value_is_another_digest():
    plain = load_scenario("smoke")
    assert (
        load_scenario("smoke", ("scenario.seed=2",)).digest() == plain.with_seed(2).digest() != plain.digest()
    )


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("no.such=1", ["key no", "grid"]),
        ("grid.nosuch=1", ["grid.nosuch", "load_scale"]),
        ("attack.0.nosuch=1", ["attack[0].nosuch", "eps"]),
        ("grid.load_scale=nan", ["grid.load_scale", "nan", "finite"]),
        ("attack.0.eps=nan", ["attack[0].eps", "nan", "finite"]),
        ("attack.0.eps=inf", ["attack[0].eps", "inf", "finite"]),
        ("attack.0.eps=-0.1", ["attack[0].eps", "-0.1", ">= 0"]),
        ("attack.0.eps={ a = -1.0 }", ["attack[0].eps", "-1.0", ">= 0"]),
        ("attack.0.queries=-1", ["attack[0].queries", "-1", ">= 0"]),
        ("attack.0.knowledge='red'", ["attack[0].knowledge", "'red'", "'white', 'grey', 'black'"]),
        ("attack.0.attacker='nosuch'", ["attack[0].attacker", "'nosuch'", "load_redistribution"]),
        ("attack.0.options={ nosuch = 1 }", ["attack[0].options", "nosuch", "tau"]),
        ("attack.0.end_s=1.0", ["attack[0].end_s", "1.0", "start_s"]),
        ("attack.0.links=[]", ["attack[0].links", "length >= 1"]),
        ("grid.network='nosuch'", ["grid.network", "'nosuch'", "ieee118"]),
        ("water.network='nosuch'", ["water.network", "'nosuch'", "INP"]),
        ("grid.security='n-2'", ["grid.security", "'n-2'", "'n-1'"]),
        ("scenario.scan_s=0.0", ["scenario.scan_s", "0.0", "> 0"]),
        ("scenario.exchange_s=6.0", ["scenario.exchange_s", "6.0", "scan_s = 4"]),
        (
            "scenario={ name = 'x', duration_s = 56, scan_s = 7.0, exchange_s = 7.0 }",
            ["scenario.scan_s", "7.0", "60"],
        ),
        ("water.hydraulic_step_s=44.0", ["water.hydraulic_step_s", "44.0", "divide 60 s"]),
        ("water.hydraulic_step_s=50.0", ["water.hydraulic_step_s", "50.0", "scan_s = 4"]),
        ("water.hydraulic_step_s=8.0", ["water.hydraulic_step_s", "8.0", "divide 60 s"]),
        ("water.quality='colour'", ["water.quality", "colour", "contaminant"]),
        ("water.chlorine_source_mg_l=-1.0", ["water.chlorine_source_mg_l", "-1.0"]),
        ("scenario.duration_s=6.0", ["scenario.duration_s", "6.0", "exchange_s"]),
        ("grid.security.x=1", ["grid.security", "string"]),
        ("scenario.duration_s='x'", ["scenario.duration_s", "'x'", "number"]),
        ("scenario.seed=1000000", ["scenario.seed", "1000000", "<= 999999"]),
        ("scenario.start='noon'", ["scenario.start", "'noon'", "ISO"]),
        ("response.playbooks=['nosuch']", ["response.playbooks", "'nosuch'", "protected_dispatch"]),
        ("detector.monitors=['nosuch']", ["detector.monitors", "'nosuch'", "residual"]),
        ("control.estimator_period_s=61.0", ["control.estimator_period_s", "61.0", "exchange_s"]),
        ("control.reserve_share=3.0", ["control.reserve_share", "3.0", "<= 2"]),
        ("control.agc_areas='two'", ["control.agc_areas", "'two'", "'case'"]),
        ("control.nosuch=1", ["nosuch"]),
        (
            "link=[{ id = 'a>b', protected = true }, { id = 'a>b', protected = false }]",
            ["link.id", "'a>b'", "once"],
        ),
        ("attack.7.eps=1", ["--set", "attack.7.eps=1", "0 to 1"]),
        ("grid.load_scale.x=1", ["--set", "load_scale is a value"]),
        ("nonsense", ["--set", "'nonsense'", "KEY=VALUE"]),
    ],
)
def test_what_is_wrong_is_named(base, override, parts):
    with pytest.raises(BadInput) as caught:
        load_scenario(base, (override,))
    sentence = str(caught.value)
    assert "\n" not in sentence
    for part in parts:
        assert part in sentence


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"garbage", "TOML"),
        (b"\xff\xfe", "UTF-8"),
        (b"[grid]\nnetwork = 'ieee118'\n", "scenario"),
        (b"[scenario]\nname = 'x'\n", "scenario.duration_s"),
    ],
)
def test_a_bad_file_is_one_sentence(content, part, tmp_path):
    path = tmp_path / "x.toml"
    path.write_bytes(content)
    with pytest.raises(BadInput) as caught:
        load_scenario(str(path))
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_scenario_says_what_there_is():
    with pytest.raises(BadInput, match="'nosuch' is not allowed; allowed: flagship, smoke or a TOML file"):
        load_scenario("nosuch")


def test_toml_text_keeps_every_kind_of_value():
    document = {
        "a": {
            "text": 'quote " \\ tab\t \x7f é',
            "yes": True,
            "n": 3,
            "x": 1e-9,
            "big": 1e22,
            "list": ["a", 1.5],
        },
        "b": [{"deep": {"a key": 1.0, "S1/load_mw": -2.5}}, {"deep": {}}],
    }
    assert tomllib.loads(to_toml(document)) == document


def test_a_toml_date_may_stand_for_the_start(tmp_path):
    text = Path(SCENARIOS["smoke"].path).read_text().replace('"2025-07-15T14:00:00"', "2025-07-15T14:00:00")
    path = tmp_path / "dated.toml"
    path.write_text(text)
    assert read_scenario(path).scenario.start == "2025-07-15T14:00:00"


def test_a_plc_graph_beside_the_scenario_is_found_and_named_absolutely(base, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path.parent)
    with pytest.raises(BadInput, match=r"water\.plcs: 'plcs\.toml'.*ctown or the path of a TOML file"):
        load_scenario(base, ("water.plcs=plcs.toml",))
    graph = tmp_path / "plcs.toml"
    graph.write_text("")
    scenario = load_scenario(base, ("water.plcs=plcs.toml",))
    assert scenario.water.plcs == str(graph)
    again = tmp_path / "elsewhere" / "again.toml"
    again.parent.mkdir()
    again.write_text(to_toml(scenario.document()))
    assert read_scenario(again) == scenario
    assert scenario.plant_settings(attacked=False).water.plcs == str(graph)


def test_a_shipped_plc_graph_keeps_its_name(base):
    assert load_scenario(base, ("water.plcs=ctown",)).water.plcs == "ctown"
    assert load_scenario(base).water.plcs == ""
