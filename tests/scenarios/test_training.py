"""``breakwater train``: from a training file to a model that fits, and every file that is refused."""

import msgspec
import pytest

from detectors.model import MODELS
from scenarios import training_data
from scenarios.arms import ARMS
from scenarios.cli import _status
from scenarios.prepare import choose_arms, prepare
from scenarios.run import run_scenario
from scenarios.scenario import load_scenario
from scenarios.training import DATA, Training, load_training, train_model
from streams.errors import BadInput
from tests.scenarios.tiny import TOML, tiny

FILE = """
seed = 1000000
[grid]
steps = 60
hidden = [8]
[water]
enabled = false
[data]
scenario = "{scenario}"
runs = 4
duration_s = 600
"""


def silent(*progress):
    pass


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A training file of seconds, on small networks."""
    folder = tmp_path_factory.mktemp("training")
    scenario = folder / "small.toml"
    scenario.write_text(TOML.format(model="default"))
    path = folder / "train.toml"
    path.write_text(FILE.format(scenario=scenario))
    return path


@pytest.fixture(scope="module")
def model(file, tmp_path_factory):
    """Trained from it without disturbance."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_data, "usable_cores", lambda: 1)
        return train_model(load_training(file), tmp_path_factory.mktemp("model") / "model", silent, silent)


def test_an_interrupted_training_ends_with_the_same_model(file, model, tmp_path, monkeypatch):
    monkeypatch.setattr(training_data, "usable_cores", lambda: 1)
    training = load_training(file)

    def stop_recording(done, of):
        if done == 2:
            raise KeyboardInterrupt

    def stop_training(member, kind, step, of, loss):
        if kind == "twin":
            raise KeyboardInterrupt

    out = tmp_path / "model"
    for on_data, on_step in ((stop_recording, silent), (silent, stop_training)):
        with pytest.raises(KeyboardInterrupt):
            train_model(training, out, on_data, on_step)
    assert train_model(training, out, silent, silent).digest() == model.digest()


def test_what_was_trained_fits_and_takes_part(model, tmp_path):
    prepared = prepare(tiny(tmp_path, (f"detector.model='{model.folder}'",)), "tiny.toml")
    assert (prepared.model_folder, prepared.misfit) == (model.folder, "")
    assert [arm.name for arm in choose_arms(None, prepared)] == list(ARMS)
    defended = run_scenario(prepared, [ARMS["defended"]], tmp_path / "run").arms["defended"]
    assert defended.detection.certified_share is not None
    assert defended.latency["verdict_p50_ms"] > 0.0


def test_what_was_trained_for_another_plant_is_refused(model, capsys, tmp_path):
    command = ["run", "smoke", "--arms", "defended", "--set", f"detector.model='{model.folder}'"]
    assert _status([*command, "--out", str(tmp_path / "run")]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "--arms: 'defended'" in err
    assert "allowed: baseline, undefended, because" in err
    assert not (tmp_path / "run").exists()


def test_data_of_two_configurations_do_not_mix(file, model):
    training = load_training(file)
    other = Training(msgspec.structs.replace(training.data, runs=5), training.detector)
    before = sorted(path.name for path in (model.folder / DATA).iterdir())
    with pytest.raises(BadInput, match=r"--out: .*holds data of another \[data\]"):
        train_model(other, model.folder, silent, silent)
    assert sorted(path.name for path in (model.folder / DATA).iterdir()) == before


def test_the_default_model_was_trained_apart_from_evaluation():
    data = load_training(MODELS / "default.toml").data
    assert data.first_seed >= 1_000_000
    assert data.tampered_share > 0.0
    # Its networks are those of the shipped scenarios; their seeds and attacks are not.
    assert load_scenario(data.scenario).scenario.seed < data.first_seed


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("first_seed = 999999", ["first_seed", "999999", "1000000 and up"]),
        ("first_seed = -1", ["first_seed", "-1", "1000000 and up"]),
        ("runs = 0", ["runs", "0", "1 to 10000"]),
        ("runs = 10001", ["runs", "10001", "1 to 10000"]),
        ("runs = 1.5", ["runs", "1.5", "int"]),
        ("runs = 'many'", ["runs", "many", "int"]),
        ("duration_s = 599.0", ["duration_s", "599.0", "600 to 86400"]),
        ("duration_s = nan", ["duration_s", "nan", "600 to 86400"]),
        ("duration_s = inf", ["duration_s", "inf", "600 to 86400"]),
        ("load_scale = [1.05, 0.85]", ["load_scale", "1.05", "0 < low <= high <= 2"]),
        ("load_scale = [0.0, 1.0]", ["load_scale", "0.0", "0 < low <= high <= 2"]),
        ("load_scale = [0.9, nan]", ["load_scale", "nan", "0 < low <= high <= 2"]),
        ("outage_share = 1.1", ["outage_share", "1.1", "0 to 1"]),
        ("tampered_share = -0.1", ["tampered_share", "-0.1", "0 to 1"]),
        ("tampered_share = nan", ["tampered_share", "nan", "0 to 1"]),
        ("eps = 2.0", ["eps", "2.0", "0 to 1"]),
        ("eps = nan", ["eps", "nan", "0 to 1"]),
        ("nosuch = 1", ["nosuch", "first_seed"]),
        ("scenario = 'nosuch'", ["data.scenario", "'nosuch'", "flagship"]),
    ],
)
def test_a_bad_data_table_is_one_sentence_and_nothing_is_written(line, parts, tmp_path, capsys):
    path = tmp_path / "bad.toml"
    path.write_text(f"[data]\n{line}\n")
    assert _status(["train", str(path), "--out", str(tmp_path / "model")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert not (tmp_path / "model").exists()
    for part in ["bad.toml", *parts]:
        assert part in err


def test_a_model_folder_that_cannot_be_made_is_refused(file, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert _status(["train", str(file), "--out", str(tmp_path / "file" / "model")]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert f"--out: '{tmp_path}/file/model'" in err
    assert (tmp_path / "file").read_text() == "in the way"
