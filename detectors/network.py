"""The torch side of the network: dense layers with ReLU, and their interval bounds for training."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from detectors.bounds.dense import Dense

Floats = NDArray[np.float64]

OTHERS = 0.1
"""Scale of the weights beside those that watch rows."""
SPARE = 0.5
"""How far a clean window's logit is below 0 at such a start."""


class Mlp(nn.Module):
    """inputs -> hidden ReLU layers -> one logit, float64. ``seed`` alone decides the initial weights."""

    def __init__(self, inputs: int, hidden: Sequence[int], seed: int) -> None:
        super().__init__()
        draw = torch.Generator().manual_seed(seed)
        sizes = [inputs, *hidden, 1]
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        for n, m in pairwise(sizes):
            # He's scale halved: interval bounds of a wide start would drown the signal (Shi et al. 2021).
            spread = 0.5 * (2.0 / n) ** 0.5
            self.weights.append(nn.Parameter(spread * torch.randn(m, n, generator=draw, dtype=torch.float64)))
            self.biases.append(nn.Parameter(torch.zeros(m, dtype=torch.float64)))

    def start_at_thresholds(self, thresholds: Floats, growth: Floats) -> None:
        """Begin as a detector that alarms where a row leaves +-(threshold + growth @ rows): two neurons a
        row, the lowest thresholds (m,) first, as many as fit; all other weights shrink to a tenth. growth:
        (m,), 0 for rows with a finite threshold.

        Such a network certifies what its rows certify, and training goes on from there.
        """
        watched = np.argsort(thresholds, kind="stable")[: self.weights[0].shape[0] // 2]
        watched = watched[np.isfinite(thresholds[watched])]
        with torch.no_grad():
            for w in self.weights:
                w.mul_(OTHERS)
            for i, row in enumerate(watched):
                for neuron, sign in ((2 * i, 1.0), (2 * i + 1, -1.0)):
                    self.weights[0][neuron] = -torch.from_numpy(growth)
                    self.weights[0][neuron, row] = sign
                    self.biases[0][neuron] = -float(thresholds[row])
            count = 2 * len(watched)
            for w in list(self.weights)[1:]:
                w[0] = 0.0
                w[0, :count] = 1.0
                count = 1
            self.biases[-1][0] = -SPARE

    def forward(self, features: Tensor) -> Tensor:
        """Logits (w,) of features (w, inputs)."""
        return self.after_first(features @ self.weights[0].T + self.biases[0])

    def after_first(self, z: Tensor) -> Tensor:
        """Logits from the first layer's values before its ReLU, (w, h1)."""
        for w, b in zip(list(self.weights)[1:], list(self.biases)[1:], strict=True):
            z = torch.relu(z) @ w.T + b
        return z[:, 0]

    def interval(self, features: Tensor, matrix: Tensor, reach: Tensor) -> tuple[Tensor, Tensor]:
        """Lower and upper logit (w,) over the box of half width reach (n,) on reduced windows.

        features: (w, m) at the centres; matrix: (m, n) the feature map, composed with the first layer before
        absolute values are taken. Plain floating point: for training only, never for a certificate.
        """
        low, high = self.layer_intervals(features, matrix, reach)[-1]
        return low[:, 0], high[:, 0]

    def layer_intervals(self, features: Tensor, matrix: Tensor, reach: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Lower and upper values (w, neurons) of every layer before its ReLU; arguments as in
        ``interval``."""
        z = features @ self.weights[0].T + self.biases[0]
        radius = (self.weights[0] @ matrix).abs() @ reach
        low, high = z - radius, z + radius
        ends = [(low, high)]
        for w, b in zip(list(self.weights)[1:], list(self.biases)[1:], strict=True):
            low, high = torch.relu(low), torch.relu(high)
            mid, rad = (low + high) / 2, (high - low) / 2
            mid, rad = mid @ w.T + b, rad @ w.abs().T
            low, high = mid - rad, mid + rad
            ends.append((low, high))
        return ends

    def dense(self) -> Dense:
        """The trained network as plain arrays."""
        return Dense(
            tuple(np.ascontiguousarray(w.detach().numpy()) for w in self.weights),
            tuple(b.detach().numpy().copy() for b in self.biases),
        )
