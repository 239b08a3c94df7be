"""Adversarial training (Madry et al. 2018): the margin at the worst point that an attack finds. No bound."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from detectors.losses.attack import worst_features
from detectors.losses.batch import Batch
from detectors.network import Mlp


def adversarial_margin(network: Mlp, batch: Batch, draw: np.random.Generator) -> Tensor:
    """Margin at the attacked windows, (w,): no lower bound, the true least margin may be smaller."""
    margin: Tensor = batch.side * network(worst_features(network, batch, batch.reach, draw))
    return margin
