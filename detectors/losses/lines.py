"""Linear lower bounds of a dense ReLU network over a box, differentiable, for many windows at once.

Going back from the outputs, an undecided ReLU on [low, high] lies between one line below it and the line
high / (high - low) (z - low) above. The slope below is the only choice: ``adaptive`` takes 0 or 1, whichever
leaves less room (Zhang et al. 2018, CROWN), ``parallel`` takes the slope above (Weng et al. 2018, Fast-Lin),
which gives the dual bound of Wong and Kolter (2018).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from detectors.network import Mlp

Slope = Callable[[Tensor, Tensor], Tensor]
Ends = tuple[Tensor, Tensor]


def adaptive(low: Tensor, high: Tensor) -> Tensor:
    """Slope of the lower line: 1 where the positive part is the longer, else 0."""
    return (high > -low).double()


def parallel(low: Tensor, high: Tensor) -> Tensor:
    """Slope of the lower line: that of the upper one, for low < 0 < high."""
    return high / (high - low).clamp(min=1e-300)


def lowest(
    network: Mlp,
    rows: Tensor,
    layer: int,
    ends: Sequence[Ends],
    features: Tensor,
    matrix: Tensor,
    reach: Tensor,
    slope: Slope,
) -> Tensor:
    """Lower bounds (w, k) of rows @ z over the box, z the values of ``layer`` (from 0) before its ReLU.

    rows: (w, k, neurons of the layer); ends: (low, high), each (w, neurons), of every layer before it.
    """
    weights, biases = list(network.weights), list(network.biases)
    p = rows
    constant = torch.zeros(rows.shape[:2], dtype=rows.dtype)
    for at in range(layer, 0, -1):
        constant = constant + p @ biases[at]
        p = p @ weights[at]
        low, high = ends[at - 1][0][:, None], ends[at - 1][1][:, None]
        undecided = (low < 0) & (high > 0)
        steep = parallel(low, high)
        below = torch.where(undecided, slope(low, high), (high > 0).double())
        above = torch.where(undecided, steep, (high > 0).double())
        constant = constant + (p.clamp(max=0.0) * torch.where(undecided, -steep * low, 0.0)).sum(-1)
        p = p.clamp(min=0.0) * below + p.clamp(max=0.0) * above
    at_centre = (p * (features @ weights[0].T + biases[0])[:, None]).sum(-1)
    found: Tensor = constant + at_centre - (p @ (weights[0] @ matrix)).abs() @ reach
    return found
