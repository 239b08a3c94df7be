"""The command line: statuses, single sentences, one JSON document on stdout."""

import json
import os
import subprocess
import sys

import pytest

from scenarios.cli import _status
from tests.scenarios.made_run import make_run
from tests.scenarios.tiny import write_tiny


def one_sentence(arguments, capsys):
    """Status and stderr of a bad call."""
    status = _status([str(word) for word in arguments])
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    assert err.count("\n") == 1
    return status, err


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["run", "nosuch"], "'nosuch'"),
        (["run", "flagship", "--arms", "nosuch", "--out", "{tmp}/a"], "--arms: 'nosuch'"),
        (["run", "flagship", "--arms", "", "--out", "{tmp}/a"], "--arms: ''"),
        (["run", "flagship", "--seed", "x"], "--seed"),
        (["run", "flagship", "--seed", "-1", "--out", "{tmp}/a"], "--seed: -1"),
        (["run", "flagship", "--seed", "1000000", "--out", "{tmp}/a"], "--seed: 1000000"),
        (["run", "flagship", "--set", "no.such=1", "--out", "{tmp}/a"], "key no"),
        (["run", "flagship", "--bus", "nosuch", "--out", "{tmp}/a"], "--bus: 'nosuch'"),
        (["run", "flagship", "--bootstrap", "h:1", "--out", "{tmp}/a"], "--bootstrap: 'h:1'"),
        (["run", "{tmp}/garbage.toml"], "TOML"),
        (["run"], "Missing argument"),
        (["run", "flagship", "--nosuch"], "No such option"),
        (["nosuch"], "nosuch"),
        (["certify", "{tmp}/garbage.toml", "{tmp}/garbage.toml"], "model"),
        (["certify", "{tmp}/none", "{tmp}/none", "--json"], "model"),
        (["train", "{tmp}/garbage.toml", "--out", "{tmp}/m"], "CONFIG"),
        (["train", "{tmp}/none.toml", "--out", "{tmp}/m"], "CONFIG"),
        (["train", "{tmp}/unknown.toml", "--out", "{tmp}/m"], "nosuch"),
        (["report", "{tmp}"], "RUN_DIR"),
        (["list", "nosuch"], "KIND: 'nosuch'"),
        (["bench", "nosuch"], "WHAT: 'nosuch'"),
    ],
)
def test_bad_input_is_exit_2_one_sentence_and_nothing_written(arguments, part, tmp_path, capsys):
    (tmp_path / "garbage.toml").write_text("garbage")
    (tmp_path / "unknown.toml").write_text("nosuch = 1\n")
    before = sorted(tmp_path.iterdir())
    status, err = one_sentence([word.format(tmp=tmp_path) for word in arguments], capsys)
    assert status == 2
    assert part in err
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("out", ["/proc/nope", "{tmp}/file", "{tmp}/full"])
def test_a_folder_that_cannot_be_used_is_refused(out, tmp_path, capsys):
    (tmp_path / "file").write_text("a file")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious.txt").write_text("mine")
    scenario = write_tiny(tmp_path)
    status, err = one_sentence(["run", scenario, "--out", out.format(tmp=tmp_path)], capsys)
    assert status == 2
    assert "--out" in err
    assert (tmp_path / "full" / "precious.txt").read_text() == "mine"


def test_a_broker_that_is_not_there_is_refused(tmp_path, capsys):
    scenario = write_tiny(tmp_path)
    command = ["run", scenario, "--bus", "kafka", "--bootstrap", "127.0.0.1:1", "--out", tmp_path / "a"]
    status, err = one_sentence(command, capsys)
    assert status == 2
    assert "127.0.0.1:1" in err
    assert not (tmp_path / "a").exists()


def test_run_prints_one_json_document_and_writes_the_report(tmp_path, capsys):
    scenario = write_tiny(tmp_path)
    command = [
        "run",
        str(scenario),
        "--arms",
        "baseline",
        "--out",
        str(tmp_path / "out"),
        "--seed",
        "7",
        "--json",
    ]
    assert _status(command) == 0
    out, err = capsys.readouterr()
    summary = json.loads(out)
    assert summary["seed"] == 7
    assert summary["arms"]["baseline"]["detection"]["detected"] is None
    assert "assumption:" in err
    assert (tmp_path / "out" / "report.html").is_file()
    assert _status(command[:-1]) == 0
    assert "lines tripped" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["networks", "scenarios", "attackers", "detectors", "safe-modes"])
def test_list_names_and_describes(kind, capsys):
    assert _status(["list", kind, "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)
    assert len(entries) >= 2
    assert all(entry["name"] and entry["description"] for entry in entries)
    assert _status(["list", kind]) == 0
    assert entries[0]["name"] in capsys.readouterr().out


def test_report_is_built_again(tmp_path, capsys):
    folder = make_run(tmp_path / "run")
    assert _status(["report", str(folder)]) == 0
    assert str(folder / "report.html") in capsys.readouterr().err


def test_no_arguments_and_help_say_what_there_is(capsys):
    assert _status(["--help"]) == 0
    out = capsys.readouterr().out
    for command in ("run", "list", "train", "certify", "report", "serve", "bench"):
        assert f"\n  {command} " in out


def test_help_loads_nothing_heavy():
    code = (
        "import sys, scenarios.cli as c; c._status(['--help']);"
        "heavy = {'numpy', 'msgspec', 'rich', 'pyarrow', 'torch', 'numba', 'simpy', 'plotly'};"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=os.environ
    )
    assert done.returncode == 0, done.stderr
