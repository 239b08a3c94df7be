"""Benches: what is measured is right, and how it is told; the figures themselves are the machine's."""

import json

import numpy as np

from detectors.bounds.dense import Dense
from scenarios.bench import catalogue
from scenarios.bench.bounds import interval_bounds
from scenarios.bench.figure import BenchFigure, beside
from scenarios.bench.streams import STATIONS, VALUES, _values_per_second
from scenarios.cli import _status
from streams.embedded import EmbeddedBus


def test_the_peer_bound_by_hand():
    # relu(x0 - x1) + relu(x0 + x1) - 1 at (1, 0) +- 0.5: both sums lie in [0, 2], so the output in [-1, 3].
    network = Dense(
        (np.array([[1.0, -1.0], [1.0, 1.0]]), np.array([[1.0, 1.0]])), (np.zeros(2), np.array([-1.0]))
    )
    low, high = interval_bounds(network, np.array([[1.0, 0.0]]), np.array([[0.5, 0.5]]))
    assert (low[0], high[0]) == (-1.0, 3.0)


def test_values_are_counted_once_warm():
    assert _values_per_second(EmbeddedBus(), 5) > STATIONS * VALUES


def test_figures_are_printed_with_their_peers(monkeypatch, capsys):
    figures = [BenchFigure("alone", 1.5, "s"), beside("rate", 50.0, "1/s", "other", 100.0)]
    monkeypatch.setitem(catalogue.BENCHES, "twin", lambda out: figures)
    assert _status(["bench", "twin", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told[1] == {
        "name": "rate",
        "value": 50.0,
        "unit": "1/s",
        "peer": "other",
        "peer_value": 100.0,
        "ratio": 0.5,
    }
    assert told[0]["peer"] is None
    assert _status(["bench", "twin"]) == 0
    assert "0.50" in capsys.readouterr().out


def test_figures_are_kept_where_asked(monkeypatch, tmp_path):
    monkeypatch.setitem(catalogue.BENCHES, "twin", lambda out: [BenchFigure("alone", 1.5, "s")])
    assert _status(["bench", "twin", "--out", str(tmp_path / "new"), "--json"]) == 0
    assert json.loads((tmp_path / "new" / "twin.json").read_text())[0]["value"] == 1.5


def test_a_folder_that_cannot_be_made_is_refused(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(catalogue.BENCHES, "twin", lambda out: [])
    (tmp_path / "file").write_text("")
    assert _status(["bench", "twin", "--out", str(tmp_path / "file")]) == 2
    assert "--out" in capsys.readouterr().err
