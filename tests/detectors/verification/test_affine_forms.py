"""Layers over time and features against torch and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from detectors.verification.box import Box
from detectors.verification.operations import Affine
from detectors.verification.operations import affine_forms as forms
from detectors.verification.operations.maximum import elementwise, pooling
from detectors.verification.rounding import ARITHMETICS
from streams.errors import BadInput


@pytest.mark.parametrize(
    ("stride", "padding", "dilation", "groups"),
    [(1, 0, 1, 1), (2, 1, 1, 1), (1, 2, 2, 1), (3, 2, 1, 2), (2, 3, 3, 2)],
)
def test_convolution_is_torchs(stride: int, padding: int, dilation: int, groups: int) -> None:
    rng = np.random.default_rng(stride + 10 * padding)
    weight, bias, x = rng.normal(size=(4, 4 // groups, 3)), rng.normal(size=4), rng.normal(size=(5, 4, 11))
    ours = forms.convolution(weight, bias, 11, stride, padding, dilation, groups)
    theirs = functional.conv1d(*map(torch.from_numpy, (x, weight, bias)), stride, padding, dilation, groups)
    assert ours.evaluate(x.reshape(5, -1)) == pytest.approx(theirs.numpy().reshape(5, -1), abs=1e-12)


def test_causal_convolution_by_hand() -> None:
    """Two taps 3 and 5 one behind the other: y_t = 3 x_(t-2) + 5 x_t."""
    causal = forms.convolution(np.array([[[3.0, 5.0]]]), np.array([1.0]), 4, padding=(2, 0), dilation=2)
    assert causal.evaluate(np.array([[1.0, 2.0, 3.0, 4.0]])).tolist() == [[6.0, 11.0, 19.0, 27.0]]


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(2, None, 0), (3, 1, 1), (3, 2, 0), (4, 3, 2)])
def test_pooling_is_torchs(kernel: int, stride: int | None, padding: int) -> None:
    x = np.random.default_rng(kernel).normal(size=(5, 3, 10))
    given, flat = torch.from_numpy(x), x.reshape(5, -1)
    average = functional.avg_pool1d(given, kernel, stride, padding).numpy().reshape(5, -1)
    assert forms.average_pooling(3, 10, kernel, stride, padding).evaluate(flat) == pytest.approx(average)
    largest = functional.max_pool1d(given, kernel, stride, padding).numpy().reshape(5, -1)
    assert (pooling(3, 10, kernel, stride, padding).evaluate(flat) == largest).all()


def test_batch_normalisation_is_torchs() -> None:
    rng = np.random.default_rng(2)
    mean, variance, scale, shift = rng.normal(size=3), rng.random(3), rng.normal(size=3), rng.normal(size=3)
    x = rng.normal(size=(5, 3, 4))
    theirs = functional.batch_norm(*map(torch.from_numpy, (x, mean, variance, scale, shift)), eps=1e-3)
    ours = forms.batch_normalisation(mean, variance, scale, shift, 1e-3, 4).evaluate(x.reshape(5, -1))
    assert ours == pytest.approx(theirs.numpy().reshape(5, -1), abs=1e-12)


def test_joining_by_hand() -> None:
    x, y = np.array([[1.0, 2.0]]), np.array([[10.0, 30.0]])
    assert forms.addition(2).evaluate(x, y).tolist() == [[11.0, 32.0]]
    assert forms.addition(2, 3).evaluate(x, y, x).tolist() == [[12.0, 34.0]]
    assert forms.subtraction(2).evaluate(x, y).tolist() == [[-9.0, -28.0]]
    assert forms.concatenation([2, 2]).evaluate(x, y).tolist() == [[1.0, 2.0, 10.0, 30.0]]
    assert forms.select([1, 0, 1], 2).evaluate(y).tolist() == [[30.0, 10.0, 30.0]]
    assert elementwise(2, 3).evaluate(x, y, np.array([[5.0, 99.0]])).tolist() == [[10.0, 99.0]]
    assert forms.dense(np.array([[1.0, 1.0]])).evaluate(x).tolist() == [[3.0]]


def test_features_by_hand() -> None:
    """Three scans of two tags."""
    window = np.array([[1.0, 10.0, 2.0, 30.0, 6.0, 50.0]])
    assert forms.differences(3, 2).evaluate(window).tolist() == [[1.0, 20.0, 4.0, 20.0]]
    assert forms.differences(3, 2, lag=2).evaluate(window).tolist() == [[5.0, 40.0]]
    assert forms.scan_means(3, 2).evaluate(window) == pytest.approx(np.array([[3.0, 30.0]]))
    # Inflow less 0.1 times level, and twice the level with an offset.
    balance, level = {"inflow": 1.0, "level": -0.1}, {"level": 2.0}
    rows = forms.residuals([balance, level], ["inflow", "level"], np.array([0.0, 7.0]))
    assert rows.evaluate(window[:, :2]).tolist() == [[0.0, 27.0]]
    every = forms.every_scan(rows, 3).evaluate(window)
    assert every == pytest.approx(np.array([[0.0, 27.0, -1.0, 67.0, 1.0, 107.0]]))


@pytest.mark.parametrize(
    ("build", "where"),
    [
        (lambda: forms.residuals([{"flow": 1.0}], ["level"]), "feature 1, tag: 'flow'"),
        (lambda: forms.select([0, 5], 5), "selection, entries"),
        (lambda: forms.differences(3, 2, 3), "differences, lag"),
        (lambda: forms.convolution(np.ones((1, 1, 5)), None, 3), "window over time, reach"),
        (lambda: forms.convolution(np.ones((2, 1, 2)), np.ones(3), 3), "convolution, bias"),
        (lambda: forms.convolution(np.ones((3, 1, 2)), None, 3, groups=2), "convolution, weight"),
        (lambda: forms.convolution(np.ones((1, 1, 2)), None, 3, stride=0), "window over time, stride"),
        (lambda: forms.convolution(np.ones((1, 1, 2)), None, 3, padding=-1), "window over time, padding"),
        (lambda: pooling(1, 4, 2, padding=2), "max pooling, padding"),
        (lambda: forms.batch_normalisation(*(np.array([v]) for v in (0.0, -1.0, 1.0, 1.0))), "variance"),
        (lambda: forms.dense(np.array([[np.nan]])), "affine operation"),
        (lambda: Affine([np.ones((2, 3))], np.ones(3)), "affine operation"),
    ],
)  # fmt: skip
def test_bad_input_is_named(build, where: str) -> None:
    with pytest.raises(BadInput, match=where):
        build()


def test_selection_is_charged_for_what_it_adds_only() -> None:
    """One nonzero in a row of many: the width does not grow with the row."""
    point = np.linspace(1.0, 2.0, 500)[None]
    found = forms.select([3], 500).bound((Box(point, point),), ARITHMETICS["binary32"]).box
    assert found.high[0, 0] - found.low[0, 0] < 4e-5
