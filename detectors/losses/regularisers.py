"""What can be added to any method: weights of small sum and ReLUs whose sign is decided (Xiao et al. 2019,
"Training for Faster Adversarial Robustness Verification via Inducing ReLU Stability")."""

from __future__ import annotations

import torch
from torch import Tensor

from detectors.losses.batch import Batch
from detectors.network import Mlp


def weight_sum(network: Mlp) -> Tensor:
    """Sum of the magnitudes of all weights, biases not among them."""
    return torch.stack([w.abs().sum() for w in network.weights]).sum()


def instability(network: Mlp, batch: Batch) -> Tensor:
    """Mean over windows of the sum over hidden neurons of -tanh(1 + low high), from -neurons (all stable) to
    +neurons; interval bounds."""
    ends = network.layer_intervals(batch.features, batch.matrix, batch.reach)[:-1]
    return torch.stack([-torch.tanh(1.0 + low * high).sum(1).mean() for low, high in ends]).sum()
