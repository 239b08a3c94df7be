"""The network that is certified: dense layers with ReLU between them, float64, logit > 0 is an alarm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.errors import BadInput

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Dense:
    """weights[l]: (out, in); biases[l]: (out,). At least two layers. All finite."""

    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]

    def __post_init__(self) -> None:
        """Check shapes and finiteness once. Raises BadInput."""
        if len(self.weights) < 2 or len(self.weights) != len(self.biases):
            raise BadInput("network layers", len(self.weights), "two or more, with one bias vector each")
        for i, (w, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            fits = (
                w.ndim == 2
                and b.shape == (w.shape[0],)
                and (i == 0 or w.shape[1] == self.weights[i - 1].shape[0])
            )
            if not fits or w.dtype != np.float64 or b.dtype != np.float64:
                raise BadInput(f"network layer {i + 1}", (w.shape, b.shape), "float64 matrices that chain")
            if not (np.isfinite(w).all() and np.isfinite(b).all()):
                raise BadInput(f"network layer {i + 1}", "NaN or infinity", "finite weights")

    @property
    def inputs(self) -> int:
        """Number of features."""
        return int(self.weights[0].shape[1])

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return int(self.weights[-1].shape[0])

    def logits(self, features: Floats) -> Floats:
        """Plain evaluation: features (n, inputs) -> logits (n,)."""
        a = features
        for w, b in zip(self.weights[:-1], self.biases[:-1], strict=True):
            a = np.maximum(a @ w.T + b, 0.0)
        out: Floats = (a @ self.weights[-1].T + self.biases[-1])[:, 0]
        return out
