"""CROWN-IBP (Zhang et al. 2020, "Towards Stable and Efficient Training of Verifiably Robust Networks").

Lines back from the logit on interval bounds, mixed with the interval bound itself: lines weigh 1 at first and
0 when the box has its full size, because lines train well early and intervals late.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from detectors.losses.batch import Batch
from detectors.losses.interval import interval_margin
from detectors.losses.lines import adaptive, lowest
from detectors.network import Mlp


def line_margin(network: Mlp, batch: Batch) -> Tensor:
    """Linear lower bound of the margin on interval bounds, (w,)."""
    ends = network.layer_intervals(batch.features, batch.matrix, batch.reach)
    last = len(network.weights) - 1
    rows = batch.side[:, None, None]
    return lowest(network, rows, last, ends[:last], batch.features, batch.matrix, batch.reach, adaptive)[:, 0]


def crown_ibp_margin(network: Mlp, batch: Batch, draw: np.random.Generator) -> Tensor:
    """Lower bound of the margin, (w,): a mixture of two lower bounds is one."""
    by_intervals = interval_margin(network, batch, draw)
    if batch.grown >= 1.0:
        return by_intervals
    return (1.0 - batch.grown) * line_margin(network, batch) + batch.grown * by_intervals
