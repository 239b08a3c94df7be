"""Training with Gaussian noise on telemetry (Cohen, Rosenfeld, Kolter 2019), as for randomised smoothing."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from detectors.losses.batch import Batch
from detectors.network import Mlp


def smoothed_margin(network: Mlp, batch: Batch, draw: np.random.Generator) -> Tensor:
    """Margin under one draw of noise a window, standard deviation ``reach`` per input, (w,). No bound."""
    noise = torch.from_numpy(draw.standard_normal((batch.features.shape[0], batch.reach.shape[0])))
    margin: Tensor = batch.side * network(batch.features + (noise * batch.reach) @ batch.matrix.T)
    return margin
