"""Roles as processes of their own: the same digest as in one process, and what is refused."""

import os
import subprocess
import sys

import msgspec
import pytest

from scenarios import run
from scenarios.arms import ARMS
from scenarios.cli import _status
from scenarios.recording import read_summary
from scenarios.run import run_scenario
from streams.broker import development_broker
from tests.scenarios.tiny import write_tiny

ROLES = ("plant", "control", "attacker", "recorder")


def serve(role, scenario, bootstrap, out):
    command = [sys.executable, "-m", "scenarios.cli", "serve", role]
    options = [
        "--scenario",
        str(scenario),
        "--bootstrap",
        bootstrap,
        "--run",
        "test-1",
        "--arm",
        "undefended",
    ]
    options += ["--out", str(out)] if role == "recorder" else []
    return subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True, env=os.environ)


def test_four_processes_give_the_digest_of_one(tiny_prepared, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "usable_cores", lambda: 1)
    alone = run_scenario(tiny_prepared, [ARMS["undefended"]], tmp_path / "alone")
    scenario = write_tiny(tmp_path)
    with development_broker() as bootstrap:
        processes = {role: serve(role, scenario, bootstrap, tmp_path / "served") for role in ROLES}
        errors = {role: process.communicate(timeout=120)[1] for role, process in processes.items()}
    assert {role: process.returncode for role, process in processes.items()} == dict.fromkeys(ROLES, 0), (
        errors
    )
    served = read_summary(tmp_path / "served")
    assert served.digest == alone.digest
    assert served.arms["undefended"].outcome == msgspec.to_builtins(alone.arms["undefended"].outcome)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["nosuch"], "ROLE: 'nosuch'"),
        (["plant", "--bus", "memory"], "--bus: 'memory'"),
        (["plant", "--arm", "nosuch"], "'nosuch'"),
        (["plant", "--run", "a b"], "--run: 'a b'"),
        (["plant", "--bootstrap", "127.0.0.1:1"], "bootstrap: '127.0.0.1:1'"),
        (["plant", "--scenario", "nosuch"], "SCENARIO: 'nosuch'"),
    ],
)
def test_bad_arguments_are_one_sentence(arguments, part, capsys):
    base = {"--scenario": "smoke", "--bootstrap": "127.0.0.1:1", "--run": "r", "--arm": "baseline"}
    given = dict(zip(arguments[1::2], arguments[2::2], strict=True))
    options = [word for pair in {**base, **given}.items() for word in pair]
    assert _status(["serve", arguments[0], *options]) == 2
    err = capsys.readouterr().err
    assert part in err
    assert err.count("\n") == 1
