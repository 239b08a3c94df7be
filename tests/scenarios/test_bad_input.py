"""Bad input through the command line: exit 2, one sentence that names what is wrong, nothing written."""

import pytest

from scenarios.arms import ARMS
from scenarios.cli import _status
from scenarios.run import run_scenario
from scenarios.run_folder import locked
from tests.scenarios.tiny import write_tiny


@pytest.fixture
def refused(tmp_path, capsys):
    """Gives the sentence with which a call is refused; checks all that holds for each of them."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "model.json").write_text("{")
    (tmp_path / "empty.inp").write_text("")
    (tmp_path / "binary.inp").write_bytes(bytes(range(256)) * 8)
    (tmp_path / "deep.toml").write_text("a = " + 5000 * "[" + 5000 * "]")
    (tmp_path / "words.inp").write_text("[JUNCTIONS]\n one two three\n[END]\n")
    scenario = write_tiny(tmp_path)
    before = content(tmp_path)

    def call(*arguments):
        status = _status([str(word).format(tmp=tmp_path, scenario=scenario) for word in arguments])
        out, err = capsys.readouterr()
        assert status == 2, err
        assert out == ""
        assert err.count("\n") == 1
        assert err.startswith("breakwater: ")
        assert "Traceback" not in err
        assert content(tmp_path) == before
        return err

    return call


def content(folder):
    return {path: path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("grid.network=nosuch", ["grid.network", "'nosuch'", "ieee118", "rts24"]),
        ("water.network=nosuch", ["water.network", "'nosuch'", "micropolis", "INP"]),
        ("water.network={tmp}/nosuch.inp", ["water.network", "nosuch.inp", "micropolis", "INP"]),
        ("water.network={tmp}/folder", ["water.network", "folder", "INP"]),
        ("water.network={tmp}/empty.inp", ["water.network", "empty.inp", "INP"]),
        ("water.network={tmp}/binary.inp", ["water.network", "binary.inp", "INP"]),
        ("water.network={tmp}/words.inp", ["water.network", "words.inp", "INP"]),
        ("grid.nosuch=1", ["grid.nosuch", "1", "load_scale"]),
        ("attack.0.budget=1", ["attack[0].budget", "1", "eps"]),
        ("attack.0.eps=nan", ["attack[0].eps", "nan", "finite"]),
        ("attack.0.eps=-0.1", ["attack[0].eps", "-0.1", ">= 0"]),
        ("attack.0.eps=1.1", ["attack[0].eps", "1.1", "<= 1"]),
        ("attack.0.eps={{ 'S2/load_mw' = nan }}", ["attack[0].eps.S2/load_mw", "nan", "finite"]),
        ("attack.0.eps={{ 'S2/load_mw' = -5.0 }}", ["attack[0].eps", "S2/load_mw", "-5.0", ">= 0"]),
        ("attack.0.queries=-1", ["attack[0].queries", "-1", ">= 0"]),
        ("attack.0.start_s=nan", ["attack[0].start_s", "nan", "finite"]),
        ("attack.0.options={{ period_s = nan }}", ["attack[0].options.period_s", "nan", "finite"]),
        ("attack.0.options={{ period_s = 0.0 }}", ["attack[0].options", "period_s", "0.0"]),
        ("attack.0.options={{ period_s = -60.0 }}", ["attack[0].options", "period_s", "-60.0"]),
        ("detector.eps=nan", ["detector.eps", "nan", "finite"]),
        ("detector.eps=-0.01", ["detector.eps", "-0.01", ">= 0"]),
        ("detector.model={tmp}/nosuch", ["detector.model", "nosuch", "default"]),
        ("detector.model={tmp}/folder", ["detector.model", "folder", "model"]),
        ("detector.model={tmp}/broken", ["detector.model", "broken", "model"]),
        ("detector.eps={{}}", ["detector.eps", "at least one tag"]),
        ("detector.eps={{ nosuch = 1.0 }}", ["detector.eps", "nosuch", "tags.csv"]),
        ("detector.eps=0.3", ["detector.eps", "0.3", "0.25"]),
        ("detector.eps={{ 'S2/line2-3_closed' = 0.5 }}", ["detector.eps", "0.5", "S2/line2-3_closed"]),
        ("attack.0.knowledge=black", ["attack[0].knowledge", "'black'", "random_shift needs"]),
        ("scenario.exchange_s=120", ["scenario.exchange_s", "120", "at most 60"]),
        ("water.feeder=99", ["water.feeder", "99"]),
        ("grid.protected_flows=999", ["grid.protected_flows", "999", "0 to 20"]),
        ("scenario.scan_s=7", ["scenario.exchange_s", "whole multiple of scan_s = 7"]),
        ("nature.seasonal=3", ["nature.seasonal", "3", "true or false"]),
        ("nature.nosuch=3", ["nature.nosuch", "renewable_units"]),
        ("nature.load_classes={{ '2' = 'castle' }}", ["nature.load_classes", "castle", "residential"]),
        ("nature.load_classes={{ 'nosuch' = 'residential' }}", ["nature.load_classes", "'nosuch'", "bus"]),
        ("nature.renewable_units={{ 'nosuch' = 'wind' }}", ["nature.renewable_units", "'nosuch'", "G1"]),
        ("nature.storm=[{{ start_s = 1.0, end_s = 5.0 }}]", ["nature.storm", "nature.outages"]),
        ("water.cooling_node=nosuch", ["water.cooling_node", "'nosuch'", "water.cooled_unit"]),
        ("water.chlorine_source_mg_l=x", ["water.chlorine_source_mg_l", "'x'", "a number or nothing"]),
        ("water.patterns={tmp}/empty.inp", ["water.patterns", "empty.inp", "1 patterns"]),
        ("scenario.start=9999-12-31T23:59:59", ["scenario.start", "9999-12-31", "1900 to 2200"]),
        ("scenario.start=0001-01-01", ["scenario.start", "0001-01-01", "1900 to 2200"]),
        ("nature.storm=[{{ start_s = 9.0, end_s = 5.0 }}]", ["nature.storm[0].end_s", "5.0", "start_s of 9"]),
        (
            "nature={{ outages = true, storm = [{{ start_s = 1.0, end_s = 5.0, area = 9 }}] }}",
            ["nature.storm[0].area", "9"],
        ),
        (
            "fault=[{{ kind = 'line', element = '1-99', start_s = 4.0 }}]",
            ["fault[0].element", "'1-99'", "a branch such as 1-2"],
        ),
        ("fault=[{{ kind = 'flood', element = 'x', start_s = 4.0 }}]", ["fault[0].kind", "flood", "burst"]),
        (
            "fault=[{{ kind = 'line', element = '1-2', start_s = 4.0, end_s = 2.0 }}]",
            ["fault[0].end_s", "2.0", "start_s of 4"],
        ),
        (
            "fault=[{{ kind = 'burst', element = '22', start_s = 4.0 }}]",
            ["fault[0].size", "0.0", "m3/h per sqrt(m)"],
        ),
        (
            "fault=[{{ kind = 'instrument_bias', element = 'S2/nosuch', start_s = 4.0, size = 1.0 }}]",
            ["fault[0].element", "'S2/nosuch'", "tags.csv"],
        ),
        (
            "fault=[{{ kind = 'burst', element = '22', start_s = 4.0, size = 1e300 }}]",
            ["fault[0].size", "1e+300", "at most 1e+06 m3/h per sqrt(m)"],
        ),
        ("supply=[{{ bus = '2', restart_s = 1e300 }}]", ["supply[0].restart_s", "1e+300", "<= 2678400"]),
        ("supply=[{{ bus = '2', fuel_h = 1e300 }}]", ["supply[0].fuel_h", "1e+300"]),
        (
            "communication=[{{ station = 'S2', battery_h = 1.0, recharge_h = 1e-300 }}]",
            ["communication[0].recharge_h", "1e-300"],
        ),
        ("scenario.scan_s=1e-6", ["scenario.duration_s", "200", "scans"]),
        ("supply=[{{ bus = 'nosuch' }}]", ["supply.bus", "'nosuch'", "a bus of ieee14"]),
        ("supply=[{{ bus = '2', feeder = 20 }}]", ["supply.feeder", "20", "0 to 19"]),
        ("supply=[{{ bus = '2', pumps = ['PU9'] }}]", ["supply.pumps", "'PU9'", "9"]),
        ("supply=[{{ bus = '2', pumps = 'some' }}]", ["supply[0].pumps", "'some'", "a list, 'all'"]),
        ("supply=[{{ bus = '2', backup_kw = -1.0 }}]", ["supply[0].backup_kw", "-1.0", ">= 0"]),
        ("supply=[{{ bus = '2', dropout_pu = 0.9 }}]", ["supply[0].dropout_pu", "0.9", "<= 0.85"]),
        ("supply=[{{ bus = '2', stations = ['S1'] }}]", ["supply.stations", "'S1'", "RTU-2"]),
        ("supply=[{{ bus = '2' }}, {{ bus = '3' }}]", ["supply.pumps", "'all'", "one supply"]),
        ("supply=[{{ buss = '2' }}]", ["supply[0].buss", "'2'", "bus"]),
        ("cooling=[{{ unit = 'G99', node = '32' }}]", ["cooling.unit", "'G99'", "G1"]),
        ("cooling=[{{ unit = 'G2', node = 'nosuch' }}]", ["cooling.node", "'nosuch'", "a junction"]),
        (
            "cooling=[{{ unit = 'G2', node = '32', technology = 'x' }}]",
            ["cooling[0].technology", "coal_tower"],
        ),
        ("cooling=[{{ unit = 'G2', node = '32', replication = -1 }}]", ["cooling[0].replication", "-1"]),
        ("communication=[{{ station = 'X', battery_h = 1.0 }}]", ["communication.station", "'X'", "S2"]),
        ("communication=[{{ station = 'S2', battery_h = -1.0 }}]", ["communication[0].battery_h", "-1.0"]),
        ("communication=[{{ station = 'S2' }}]", ["communication[0].battery_h", "required"]),
        ("communication=[{{ station = 'S2', battery_h = 1.0, via = 'S99' }}]", ["communication.via", "S99"]),
        ("communication=[{{ station = 'S2', battery_h = 1.0, bus = '99' }}]", ["communication.bus", "99"]),
    ],
)
def test_a_bad_value_of_a_scenario(override, parts, refused):
    sentence = refused("run", "{scenario}", "--set", override, "--out", "{tmp}/out")
    for part in ["tiny.toml", *parts]:
        assert part in sentence


def test_a_file_of_lists_in_lists(refused):
    assert "without lists hundreds deep" in refused("run", "{tmp}/deep.toml", "--out", "{tmp}/out")
    deep = refused("run", "{scenario}", "--set", "water.plcs={tmp}/deep.toml", "--out", "{tmp}/out")
    assert "water.plcs" in deep


def test_a_model_that_does_not_fit_the_scenario(refused):
    sentence = refused("run", "{scenario}", "--arms", "baseline,defended", "--out", "{tmp}/out")
    for part in ["--arms: 'defended'", "allowed: baseline, undefended, because the plant has no tag"]:
        assert part in sentence


@pytest.fixture(scope="module")
def recorded(tiny_prepared, tmp_path_factory):
    """Folder of a recorded arm."""
    folder = tmp_path_factory.mktemp("recorded") / "run"
    run_scenario(tiny_prepared, [ARMS["baseline"]], folder)
    return folder / "baseline"


def test_recorded_data_that_do_not_fit_the_model(recorded, refused):
    before = content(recorded)
    sentence = refused("certify", "default", recorded, "--json")
    for part in ["model: ", "default", "a model that fits (the plant has no tag"]:
        assert part in sentence
    assert content(recorded) == before


@pytest.mark.parametrize("place", ["file", "folder", "nosuch"])
def test_data_that_are_none(place, refused, tmp_path):
    # What was typed is named, not only what was looked for in it or beside it.
    assert f"{tmp_path}/{place}" in refused("certify", "default", f"{{tmp}}/{place}")


@pytest.mark.parametrize("out", ["{tmp}/file", "{tmp}/file/below", "{tmp}/file/far/below"])
def test_a_folder_that_cannot_be_written(out, refused):
    sentence = refused("run", "{scenario}", "--arms", "baseline", "--out", out)
    assert "--out: " in sentence
    assert "folder" in sentence


def test_a_folder_that_another_run_is_writing(tmp_path, refused):
    with locked(tmp_path / "out"):
        sentence = refused("run", "{scenario}", "--arms", "baseline", "--out", "{tmp}/out")
    assert "--out" in sentence
    assert "no other run" in sentence


@pytest.mark.parametrize("run", ["", "a b", "ünï", "x" * 101, "a/b"])
def test_a_run_id_that_no_topic_can_carry(run, refused):
    serve = ("serve", "plant", "--scenario", "{scenario}", "--bootstrap", "127.0.0.1:1", "--arm", "baseline")
    assert "--run" in refused(*serve, "--run", run)


@pytest.mark.parametrize("bootstrap", ["nonsense", "nonsense:", ":1", "127.0.0.1:none", ""])
def test_an_address_that_no_broker_can_have(bootstrap, refused):
    sentence = refused("run", "{scenario}", "--bus", "kafka", "--bootstrap", bootstrap, "--out", "{tmp}/out")
    assert f"bootstrap: '{bootstrap}'" in sentence
    assert "HOST:PORT" in sentence


@pytest.mark.parametrize("place", ["file", "folder", "nosuch"])
def test_a_report_of_what_is_no_run(place, refused, tmp_path):
    assert f"RUN_DIR: '{tmp_path}/{place}'" in refused("report", f"{{tmp}}/{place}")
