"""What every training method is: windows and a box in, the least margin it sees there out.

The margin of a window is its logit if it was tampered with, minus its logit if it is clean: positive where
the verdict is right. Certified methods return a lower bound of the margin over the box, attacks an upper
bound of its least value. ``detectors.training`` turns margins into a logistic loss. Plain floating point: for
training only, never for a certificate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from torch import Tensor

from detectors.network import Mlp


class Batch(NamedTuple):
    """features: (w, m) at the centres of the boxes; side: (w,) 1 tampered, -1 clean; matrix: (m, n) features
    per reduced input; reach: (n,) half width of the box now; grown: 0 to 1, how far the schedule has come;
    attack_steps, box_share: see ``MemberConfig``."""

    features: Tensor
    side: Tensor
    matrix: Tensor
    reach: Tensor
    grown: float
    attack_steps: int
    box_share: float


Margin = Callable[[Mlp, Batch, np.random.Generator], Tensor]
"""(network, batch, draw) -> (w,) margins. ``draw`` is the only source of chance."""
