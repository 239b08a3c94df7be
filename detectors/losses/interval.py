"""Interval training (Gowal et al. 2018, "On the Effectiveness of Interval Bound Propagation")."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from detectors.losses.batch import Batch
from detectors.network import Mlp


def interval_margin(network: Mlp, batch: Batch, draw: np.random.Generator) -> Tensor:
    """Interval bound of the margin over the box, (w,)."""
    del draw
    low, high = network.interval(batch.features, batch.matrix, batch.reach)
    return torch.where(batch.side > 0, low, -high)
