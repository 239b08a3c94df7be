"""The interval bound as it stands in papers, in NumPy; the pace that BLAS sets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.bounds.dense import Dense

Floats = NDArray[np.float64]


def interval_bounds(network: Dense, centre: Floats, radius: Floats) -> tuple[Floats, Floats]:
    """Interval bound propagation: (windows, inputs) to (low, high), (windows, outputs) each. One radius (1,
    inputs) does for all windows.

    Gowal et al. 2018. Rounding errors are not accounted for, nor is the feature pipeline.
    """
    last = len(network.weights) - 1
    for layer, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
        centre, radius = centre @ weight.T + bias, radius @ np.abs(weight).T
        if layer < last:
            low, high = np.maximum(centre - radius, 0.0), np.maximum(centre + radius, 0.0)
            centre, radius = (low + high) / 2.0, (high - low) / 2.0
    return centre - radius, centre + radius
