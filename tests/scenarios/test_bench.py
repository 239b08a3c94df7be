"""Benches: what is measured is right, and how it is told; the figures themselves are the machine's."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from detectors.bounds import Bounder, Dense
from scenarios.bench import catalogue
from scenarios.bench.figure import BenchFigure, beside
from scenarios.bench.mlp_bounds import METHODS, PEERS, WINDOWS, figures, random_network
from scenarios.bench.numpy_bounds import interval_bounds
from scenarios.bench.streams import STATIONS, VALUES, _values_per_second
from scenarios.cli import _status
from streams.embedded import EmbeddedBus


def test_the_peer_bound_by_hand():
    # relu(x0 - x1) + relu(x0 + x1) - 1 at (1, 0) +- 0.5: both sums lie in [0, 2], so the output in [-1, 3].
    network = Dense(
        (np.array([[1.0, -1.0], [1.0, 1.0]]), np.array([[1.0, 1.0]])), (np.zeros(2), np.array([-1.0]))
    )
    low, high = interval_bounds(network, np.array([[1.0, 0.0]]), np.array([[0.5, 0.5]]))
    assert (low[0, 0], high[0, 0]) == (-1.0, 3.0)


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


def test_peers_bound_the_same():
    """What is compared is the same bound: NumPy's and PyTorch's agree with ours."""
    import torch

    from scenarios.bench import torch_bounds

    data = random_network()
    weights, biases = ([data[f"{kind}{i}"] for i in range(3)] for kind in "wb")
    network, x, eps = Dense(tuple(weights), tuple(biases)), data["x"][:20], float(data["eps"])
    bounder = Bounder(network, np.eye(160), np.zeros(160), np.full(160, eps), 1)
    ours = {method: bounder.batch(x, method) for method in METHODS}
    peers = {"interval": [interval_bounds(network, x, np.full_like(x, eps))]}
    tensors = (
        [torch.from_numpy(a) for a in weights],
        [torch.from_numpy(a) for a in biases],
        torch.from_numpy(x),
    )
    peers["interval"].append(torch_bounds.interval(*tensors, eps))
    peers["crown_ibp"] = [torch_bounds.crown_ibp(*tensors, eps)]
    for method, found in peers.items():
        for low, high in found:
            assert np.allclose(ours[method][:, :, 0], low, rtol=0, atol=1e-6)
            assert np.allclose(ours[method][:, :, 1], high, rtol=0, atol=1e-6)


UNROUNDED = """
from scenarios.bench.unrounded_bounds import drop_rounding
drop_rounding()
from detectors.bounds import Bounder
from tests.detectors.test_bounds import make
import numpy as np
bounder = Bounder(*make(1, 8, 6, (9, 5)), np.zeros(8), 1)
found = [bounder.batch(np.ones((5, 8)), method) for method in ("interval", "crown_ibp", "crown")]
assert all((x[..., 0] == x[..., 1]).all() for x in found)
print("no width")
"""


def test_the_price_of_rounding_is_measured_against_kernels_without_it():
    """Boxes of no width have bounds of no width once every error term is 0."""
    done = subprocess.run(
        [sys.executable, "-c", UNROUNDED],
        check=True,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert done.stdout == "no width\n"
    rows = figures([{"ours": _times(1e-6, 1e-5, 1e-4), "unrounded": _times(8e-7, 8e-6, 8e-5)}])
    assert [round(f.ratio, 9) for f in rows if f.peer == PEERS["unrounded"]] == [0.8] * 6


def _times(*seconds: float) -> dict[str, dict[str, float]]:
    return {m: {"1": s, str(WINDOWS): s * WINDOWS} for m, s in zip(METHODS, seconds, strict=False)}


def test_the_quickest_round_counts_and_a_missing_peer_says_so():
    ours, slower = _times(1e-6, 1e-5, 1e-4), _times(2e-6, 2e-5, 2e-4)
    told = figures([{"ours": ours, "numpy": _times(4e-6)}, {"ours": slower, "numpy": _times(3e-6)}])
    first = next(f for f in told if f.peer == PEERS["numpy"])
    assert (round(first.value), round(first.peer_value), round(first.ratio, 9)) == (1_000_000, 333_333, 3.0)
    missing = [f for f in told if f.peer == f"{PEERS['lirpa']}: not run"]
    assert len(missing) == 2 * len(METHODS)
    assert all(f.ratio is None for f in missing)
    with_it = figures([{"ours": ours, "lirpa": _times(1e-4, 1e-3, 1e-2)}])
    assert [round(f.ratio) for f in with_it] == [100] * 6
