"""``breakwater certify NET.onnx SPEC.vnnlib``: the contract's document, statuses, single sentences."""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from scenarios.cli import _status
from scenarios.waiting import Waiting
from tests.detectors.exchange.graphs import by_onnxruntime, dense, spec

LAYERS = [([[1, 1], [1, -1]], [0, 0]), ([[1, 0], [0, 1]], [0, 0])]
"""y0 = relu(x0 + x1), y1 = relu(x0 - x1)."""


@pytest.fixture
def net(tmp_path):
    return dense(tmp_path / "net.onnx", LAYERS)


def problem(tmp_path, *asserts):
    return spec(tmp_path / "spec.vnnlib", [(0, 1), (0, 1)], 2, asserts)


def test_certified(net, tmp_path, capsys):
    status = _status(["certify", str(net), str(problem(tmp_path, "(>= Y_0 2.5)")), "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert status == 0
    assert list(answer) == ["verdict", "bound", "method", "seconds", "counterexample"]
    assert (answer["verdict"], answer["counterexample"]) == ("certified", None)
    assert 0.0 < answer["bound"] <= 0.5
    assert answer["seconds"] > 0.0
    assert answer["method"]


def test_falsified_with_a_counterexample_that_onnxruntime_confirms(net, tmp_path, capsys):
    status = _status(["certify", str(net), str(problem(tmp_path, "(>= Y_0 1.5)")), "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert (status, answer["verdict"]) == (0, "falsified")
    point = np.array(answer["counterexample"])
    assert ((point >= 0.0) & (point <= 1.0)).all()
    assert by_onnxruntime(net, point[None, :], (1, 2))[0, 0] >= 1.5


@pytest.mark.parametrize(
    ("asserted", "part"),
    [("(>= Y_0 2.5)", "certified by"), ("(>= Y_0 1.5)", "X_1 = "), ("(> Y_0 2)", "unknown by")],
)
def test_sentences_for_people(asserted, part, net, tmp_path, capsys):
    assert _status(["certify", str(net), str(problem(tmp_path, asserted)), "--timeout", "1.5"]) == 0
    out, err = capsys.readouterr()
    assert part in out
    # A machine that has never compiled the search is told that it does.
    assert err == "" or ("unknown" in part and "compiling the search" in err)


def test_an_overflow_is_unknown_and_still_json(tmp_path, capsys):
    net = dense(tmp_path / "net.onnx", [([[3e38]], [0])] * 10)
    path = spec(tmp_path / "spec.vnnlib", [(1, 2)], 1, ["(<= Y_0 0)"])
    assert _status(["certify", str(net), str(path), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["verdict"], answer["bound"]) == ("unknown", None)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["{tmp}/none.onnx", "{tmp}/spec.vnnlib"], "none.onnx: 'no such file'"),
        (["{tmp}/net.onnx", "{tmp}/none.vnnlib"], "none.vnnlib: 'no such file'"),
        (["{tmp}/cut.onnx", "{tmp}/spec.vnnlib"], "cut.onnx"),
        (["{tmp}/empty.onnx", "{tmp}/spec.vnnlib"], "'an empty file'"),
        (["{tmp}/nan.onnx", "{tmp}/spec.vnnlib"], "initializer w0: 'NaN or infinity'"),
        (["{tmp}/net.onnx", "{tmp}/odd.vnnlib"], "line 8: 'Y_9'"),
        (["{tmp}/net.onnx", "{tmp}/open.vnnlib"], "X_1: 'no upper bound'"),
        (["{tmp}/net.onnx", "{tmp}/crossed.vnnlib"], "X_1, upper bound: 0.0"),
        (["{tmp}/wide.onnx", "{tmp}/spec.vnnlib"], "X_2: 'no lower bound'"),
        (["{tmp}/net.onnx", "{tmp}/net.onnx"], "SPEC: '"),
        (["{tmp}/spec.vnnlib", "{tmp}/spec.vnnlib"], "NET: '"),
        (["{tmp}/net.onnx", "{tmp}/spec.vnnlib", "--timeout", "0"], "--timeout: 0.0"),
        (["{tmp}/net.onnx", "{tmp}/spec.vnnlib", "--timeout", "nan"], "--timeout: nan"),
        (["{tmp}/net.onnx", "{tmp}/spec.vnnlib", "--timeout", "soon"], "--timeout"),
        (["default", "{tmp}", "--timeout", "5"], "--timeout: 5.0"),
    ],
)
@pytest.mark.parametrize("json_", [[], ["--json"]])
def test_bad_input_is_exit_2_and_one_sentence(arguments, part, json_, net, tmp_path, capsys):
    problem(tmp_path, "(>= Y_0 2.5)")
    (tmp_path / "cut.onnx").write_bytes(net.read_bytes()[:-40])
    (tmp_path / "empty.onnx").write_bytes(b"")
    dense(tmp_path / "nan.onnx", [([[np.nan, 1]], [0])])
    dense(tmp_path / "wide.onnx", [([[1, 1, 1], [1, 1, 1]], [0, 0])])
    text = (tmp_path / "spec.vnnlib").read_text()
    (tmp_path / "odd.vnnlib").write_text(
        "\n".join([*text.splitlines()[:7], "(assert (<= Y_9 0))", *text.splitlines()[7:]])
    )
    (tmp_path / "open.vnnlib").write_text(text.replace("(assert (<= X_1 1))", ""))
    (tmp_path / "crossed.vnnlib").write_text(
        text.replace("(assert (<= X_1 1))", "(assert (<= X_1 -0.0))").replace(
            "(assert (>= X_1 0))", "(assert (>= X_1 1))"
        )
    )
    status = _status(["certify", *(word.format(tmp=tmp_path) for word in arguments), *json_])
    out, err = capsys.readouterr()
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert part in err
    assert "Traceback" not in err


def test_torch_and_the_simulator_are_not_loaded_for_a_network(net, tmp_path):
    code = (
        "import sys, scenarios.cli as c; status = c._status(sys.argv[1:]);"
        "heavy = {'torch', 'simpy', 'plotly', 'pandas'} & set(sys.modules);"
        "sys.exit(', '.join(heavy) or status)"
    )
    arguments = ["certify", str(net), str(problem(tmp_path, "(>= Y_0 2.5)"))]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False, env=os.environ
    )
    assert done.returncode == 0, done.stderr


def test_progress_comes_after_two_seconds_only(monkeypatch, capsys):
    monkeypatch.setattr("scenarios.waiting.QUIET_S", 0.05)
    with Waiting("net, spec", 60.0):
        pass
    assert capsys.readouterr().err == ""
    with Waiting("net, spec", 60.0) as waiting:
        waiting.at("input box 2 of 3")
        time.sleep(0.2)
    assert capsys.readouterr().err.startswith("net, spec: input box 2 of 3: 0 s of at most 60 s")
