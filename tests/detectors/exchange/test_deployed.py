"""The trained detector as a network and as an ONNX file: the logit that its judge computes."""

import numpy as np
import pytest

from detectors.exchange.deployed import grid_network, water_network
from detectors.exchange.onnx_reader import read_onnx
from detectors.exchange.onnx_writer import write_onnx
from tests.detectors.exchange.graphs import by_onnxruntime


def same(network, bounder, points, tmp_path):
    path = tmp_path / "net.onnx"
    write_onnx(network, path)
    wanted = bounder.logits(points)[:, None]
    for found in (network(points), read_onnx(path).network(points)):
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)
    outputs = by_onnxruntime(path, points, (1, network.inputs))
    np.testing.assert_allclose(outputs, wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("opened", [None, 3])
def test_grid(opened, grid, windows, tmp_path):
    closed = grid.calibration.usual_closed.copy()
    if opened is not None:
        closed[opened] = False
    points = np.array([values.mean(axis=0) for values, _ in windows[:10]])
    points = points[np.isfinite(points).all(axis=1)]
    assert len(points) > 3
    bounder = grid.plan(closed, np.zeros(points.shape[1], dtype=bool)).bounder
    same(grid_network(grid, closed), bounder, points, tmp_path)


def test_water(water, tmp_path):
    index = water.features.index
    low, high = np.tile(index.low, index.samples), np.tile(index.high, index.samples)
    points = np.random.default_rng(1).uniform(low, high, (6, low.size))
    same(water_network(water), water.bounder(np.zeros(low.size, dtype=bool)), points, tmp_path)
