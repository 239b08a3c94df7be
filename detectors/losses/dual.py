"""The convex outer polytope (Wong and Kolter 2018, "Provable Defenses against Adversarial Examples").

The feasible dual solution that they choose bounds the linear programme over the triangle relaxation of every
ReLU. Its dual variables, passed back through the layers, are the coefficients of lines with parallel ends,
and the box enters by the dual norm: -sum_t reach_t |nu_t|. Bounds of hidden layers come from the same dual;
no random projections, the networks are small.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from detectors.losses.batch import Batch
from detectors.losses.lines import Ends, lowest, parallel
from detectors.network import Mlp


def dual_margin(network: Mlp, batch: Batch, draw: np.random.Generator) -> Tensor:
    """Dual lower bound of the margin over the box, (w,)."""
    del draw
    last = len(network.weights) - 1
    box = batch.features, batch.matrix, batch.reach
    first = batch.features @ network.weights[0].T + network.biases[0]
    radius = (network.weights[0] @ batch.matrix).abs() @ batch.reach
    ends: list[Ends] = [(first - radius, first + radius)]
    for layer in range(1, last):
        one = torch.eye(network.weights[layer].shape[0], dtype=first.dtype)
        rows = torch.cat([one, -one]).expand(first.shape[0], -1, -1)
        low, minus_high = lowest(network, rows, layer, ends, *box, parallel).chunk(2, dim=1)
        ends.append((low, -minus_high))
    return lowest(network, batch.side[:, None, None], last, ends, *box, parallel)[:, 0]
