"""Natural training: the margin at the window as it was received. For comparison, and for the twin."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from detectors.losses.batch import Batch
from detectors.network import Mlp


def natural_margin(network: Mlp, batch: Batch, draw: np.random.Generator) -> Tensor:
    """Margin at the centres, (w,)."""
    del draw
    margin: Tensor = batch.side * network(batch.features)
    return margin
