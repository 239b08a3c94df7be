"""Small boxes (SABR; Mueller et al. 2023, "Certified Training: Small Boxes Are All You Need").

Intervals over a box of ``box_share`` of the full size around the worst point that an attack finds, moved so
that it stays within the full box. Less is bounded than is claimed: the certificate is another matter.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from detectors.losses.attack import worst_features
from detectors.losses.batch import Batch
from detectors.losses.interval import interval_margin
from detectors.network import Mlp


def small_box(network: Mlp, batch: Batch, draw: np.random.Generator) -> Batch:
    """The same windows with centre and half width of the small box; it lies within the full box."""
    small = batch.reach * batch.box_share
    centres = worst_features(network, batch, batch.reach - small, draw)
    return batch._replace(features=centres, reach=small)


def small_boxes_margin(network: Mlp, batch: Batch, draw: np.random.Generator) -> Tensor:
    """Interval bound of the margin over the small box, (w,)."""
    return interval_margin(network, small_box(network, batch, draw), draw)
