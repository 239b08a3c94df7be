"""A GRU and a temporal block against torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from detectors.verification.methods.crown import tighten_by_lines
from detectors.verification.methods.zonotope import tighten_by_zonotopes
from detectors.verification.network import Network, Node
from detectors.verification.operations.affine_forms import select
from detectors.verification.operations.recurrent import (
    Gru,
    Part,
    TemporalBlock,
    append,
    gru,
    steps_of,
    temporal_block,
)
from detectors.verification.propagation import propagate
from detectors.verification.rounding import ARITHMETICS
from detectors.verification.sets import Boxes
from streams.errors import BadInput


def of_torch(layer: torch.nn.GRU, number: int = 0, suffix: str = "") -> Gru:
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return Gru(*(getattr(layer, f"{name}_l{number}{suffix}").detach().numpy() for name in names))


def module(features: int, hidden: int, **more) -> torch.nn.GRU:
    torch.manual_seed(5)
    return torch.nn.GRU(features, hidden, batch_first=True, dtype=torch.float64, **more)


def test_gru_is_torchs() -> None:
    layer = module(3, 4)
    nodes: list[Node] = []
    states = gru(nodes, steps_of(0, 6, 3), of_torch(layer))
    window = np.random.default_rng(1).normal(size=(5, 6, 3))
    values = Network(18, tuple(nodes)).values(window.reshape(5, -1))
    theirs = layer(torch.from_numpy(window))[0].detach().numpy()
    for step, part in enumerate(states):
        assert values[part.value] == pytest.approx(theirs[:, step], abs=1e-14)


def test_stacked_and_started_gru_is_torchs() -> None:
    layer = module(2, 3, num_layers=2)
    start = np.random.default_rng(4).normal(size=(2, 3))
    nodes: list[Node] = []
    first = gru(nodes, steps_of(0, 4, 2), of_torch(layer), start[0])
    last = gru(nodes, first, of_torch(layer, 1), start[1])[-1]
    window = np.random.default_rng(1).normal(size=(5, 4, 2))
    initial = torch.from_numpy(np.repeat(start[:, None], 5, axis=1))
    theirs = layer(torch.from_numpy(window), initial)[0].detach().numpy()[:, -1]
    ours = Network(8, tuple(nodes)).values(window.reshape(5, -1))[last.value]
    assert ours == pytest.approx(theirs, abs=1e-14)


def test_backward_direction_is_torchs() -> None:
    layer = module(2, 3, bidirectional=True)
    nodes: list[Node] = []
    last = gru(nodes, steps_of(0, 4, 2)[::-1], of_torch(layer, 0, "_reverse"))[-1]
    window = np.random.default_rng(1).normal(size=(5, 4, 2))
    theirs = layer(torch.from_numpy(window))[0].detach().numpy()[:, 0, 3:]
    ours = Network(8, tuple(nodes)).values(window.reshape(5, -1))[last.value]
    assert ours == pytest.approx(theirs, abs=1e-14)


@pytest.mark.parametrize("channels", [2, 3])
def test_temporal_block_is_torchs(channels: int) -> None:
    rng = np.random.default_rng(channels)
    first, second = rng.normal(size=(3, channels, 2)), rng.normal(size=(3, 3, 2))
    biases = rng.normal(size=(3, 3))
    beside = rng.normal(size=(3, channels, 1)) if channels != 3 else None
    weights = TemporalBlock(
        first, biases[0], second, biases[1], beside, None if beside is None else biases[2]
    )
    nodes: list[Node] = []
    temporal_block(nodes, 0, 9, weights, dilation=2)
    x = rng.normal(size=(4, channels, 9))

    def causal(given: torch.Tensor, weight: np.ndarray, bias: np.ndarray) -> torch.Tensor:
        padded = functional.pad(given, (2, 0))
        return functional.relu(
            functional.conv1d(padded, torch.from_numpy(weight), torch.from_numpy(bias), dilation=2)
        )

    given = torch.from_numpy(x)
    own = causal(causal(given, first, biases[0]), second, biases[1])
    kept = given if beside is None else functional.conv1d(given, *map(torch.from_numpy, (beside, biases[2])))
    theirs = functional.relu(own + kept).numpy().reshape(4, -1)
    assert Network(channels * 9, tuple(nodes))(x.reshape(4, -1)) == pytest.approx(theirs, abs=1e-13)


@pytest.mark.parametrize("way", [tighten_by_lines, tighten_by_zonotopes])
def test_torch_in_binary32_stays_in_the_bounds_for_binary32(way) -> None:
    torch.manual_seed(2)
    layer = torch.nn.GRU(2, 4, batch_first=True, dtype=torch.float32)
    nodes: list[Node] = []
    states = gru(nodes, steps_of(0, 5, 2), of_torch(layer))
    rng = np.random.default_rng(3)
    for reach in (0.0, 1e-4, 0.3):
        centre = rng.normal(size=10).astype(np.float32).astype(np.float64)
        region = Boxes(centre - reach, centre + reach)
        trace = propagate(Network(10, tuple(nodes)), region, ARITHMETICS["binary32"])
        way(trace)
        windows = (centre + 0.99 * reach * rng.uniform(-1, 1, (200, 10))).astype(np.float32)
        theirs = layer(torch.from_numpy(windows.reshape(200, 5, 2)))[0].detach().numpy()
        for step, part in enumerate(states):
            box = trace.values[part.value].box
            assert (theirs[:, step] >= box.low).all()
            assert (theirs[:, step] <= box.high).all()
        last = trace.values[states[-1].value].box
        assert (last.high - last.low).max() < 1e-2 or reach > 0.1


def test_what_does_not_fit_is_named() -> None:
    weights = Gru(np.ones((6, 3)), np.ones((6, 2)), np.ones(6), np.ones(6))
    with pytest.raises(BadInput, match="GRU, weights"):
        gru([], steps_of(0, 2, 3), weights._replace(input_bias=np.ones(5)))
    with pytest.raises(BadInput, match="GRU, steps"):
        gru([], [Part(0, 4, 2)], weights)
    with pytest.raises(BadInput, match="temporal block, channels"):
        temporal_block(
            [], 0, 5, TemporalBlock(np.ones((2, 3, 2)), np.ones(2), np.ones((2, 2, 2)), np.ones(2))
        )


def test_scans_by_tags_reorder_into_channels_over_time() -> None:
    nodes: list[Node] = []
    append(nodes, select(np.arange(6).reshape(3, 2).T.ravel(), 6), 0)
    window = np.array([[1.0, 10.0, 2.0, 20.0, 3.0, 30.0]])
    assert Network(6, tuple(nodes))(window).tolist() == [[1.0, 2.0, 3.0, 10.0, 20.0, 30.0]]
