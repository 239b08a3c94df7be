"""``breakwater certify`` with --out, --any-station and --check, on a few scans of the default plant."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from detectors.certificate_files.bundle import FILE
from scenarios.cli import _status
from scenarios.scenario import load_scenario
from simulator.plant import Plant


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Telemetry of the flagship's first 12 scans, as a run folder keeps it."""
    folder = tmp_path_factory.mktemp("recorded")
    plant = Plant(load_scenario("flagship").plant_settings(attacked=False))
    try:
        rows = [(4.0 * k, plant.advance([], 4.0 * k).received) for k in range(12)]
    finally:
        plant.close()
    table = {"t_s": [t for t, _ in rows]}
    table |= {tag.name: [float(v[i]) for _, v in rows] for i, tag in enumerate(plant.model.tags)}
    pq.write_table(pa.table(table), folder / "telemetry.parquet")
    (folder / "plant_model.json").write_bytes(plant.model.encode())
    return folder


@pytest.fixture(scope="module")
def written(recorded, tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    assert _status(["certify", "default", str(recorded), "--out", str(folder)]) == 0
    return folder / FILE


def test_what_is_written_is_confirmed_where_it_lies(written, capsys):
    capsys.readouterr()
    assert _status(["certify", "--check", str(written), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["holds"]
    assert document["confirmed"] >= 5
    assert document["not_confirmed"] == 0
    assert json.loads(written.read_bytes().splitlines()[0])["model"]["path"] == "default"


def test_another_place_can_be_named(written, recorded, tmp_path, capsys):
    moved = tmp_path / "elsewhere" / "moved.jsonl"
    moved.parent.mkdir()
    moved.write_bytes(written.read_bytes())
    assert _status(["certify", "--check", str(moved)]) == 2
    assert _status(["certify", "default", str(recorded), "--check", str(moved)]) == 0
    assert "confirmed" in capsys.readouterr().out


def test_a_changed_file_is_exit_1(written, tmp_path, recorded, capsys):
    text = written.read_bytes().replace(b'"verdict":"certified_normal"', b'"verdict":"certified_alarm"', 1)
    (tmp_path / FILE).write_bytes(text)
    capsys.readouterr()
    assert _status(["certify", "default", str(recorded), "--check", str(tmp_path / FILE)]) == 1
    assert "changed after it was written" in capsys.readouterr().out


def test_any_station_of_quiet_windows_could_raise_an_alarm(recorded, capsys):
    assert _status(["certify", "default", str(recorded), "--any-station", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {c["free_stations"] for c in found} == {1}
    assert {c["verdict"] for c in found if c["domain"] == "grid"} == {"uncertain"}


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ([], "MODEL DATA"),
        (["default"], "MODEL DATA"),
        (["--check", "{tmp}/none"], "none"),
        (["--check", "{file}", "--any-station"], "--any-station"),
        (["--check", "{file}", "--out", "{tmp}/x"], "--out"),
        (["{tmp}", "{data}", "--check", "{file}"], "model"),
    ],
)
def test_bad_input_is_one_sentence(arguments, part, written, recorded, tmp_path, capsys):
    capsys.readouterr()
    words = [word.format(tmp=tmp_path, file=written, data=recorded) for word in arguments]
    assert _status(["certify", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert part in err
    assert err.count("\n") == 1
