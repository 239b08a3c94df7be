"""Projected gradient descent on the margin, in reduced telemetry (Madry et al. 2018)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from detectors.losses.batch import Batch
from detectors.network import Mlp

FIRST_STEP = 0.5
"""Of the half width; steps shrink to a tenth of it in equal ratios."""


def worst_features(network: Mlp, batch: Batch, reach: Tensor, draw: np.random.Generator) -> Tensor:
    """Features (w, m) of the point of least margin that was found, from one random start in the box
    features + matrix @ [-reach, reach]. No gradient flows back through the search."""
    shape = (batch.features.shape[0], reach.shape[0])
    place = torch.from_numpy(draw.uniform(-1.0, 1.0, shape)) * reach
    steps = batch.attack_steps
    for i in range(steps):
        x = (batch.features + place @ batch.matrix.T).detach().requires_grad_()
        margin = (batch.side * network(x)).sum()
        (slope,) = torch.autograd.grad(margin, x)
        size = FIRST_STEP * 0.1 ** (i / max(steps - 1, 1))
        place = place - size * reach * torch.sign(slope @ batch.matrix)
        place = torch.maximum(torch.minimum(place, reach), -reach)
    return (batch.features + place @ batch.matrix.T).detach()
