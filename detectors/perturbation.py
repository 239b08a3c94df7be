"""The set of perturbations a certificate speaks of: a half width per tag, in the tag's unit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from streams.errors import BadInput


@dataclass(frozen=True)
class Perturbation:
    """share: of each tag's published range; per_tag: exceptions in engineering units. Protected tags:
    zero."""

    share: float
    per_tag: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises BadInput on what is not finite, negative, or so large that a switch status could flip."""
        if not math.isfinite(self.share) or not 0.0 <= self.share < 0.5:
            raise BadInput("eps", self.share, "a share of range from 0 to below 0.5")
        for name, value in self.per_tag.items():
            if not math.isfinite(value) or value < 0.0:
                raise BadInput(f"eps of {name}", value, "0 or more, finite, in the tag's unit")

    def half_widths(
        self,
        names: Sequence[str],
        low: NDArray[np.float64],
        high: NDArray[np.float64],
        protected: NDArray[np.bool_],
    ) -> NDArray[np.float64]:
        """Half width of the box per tag, in its unit, shape (n,)."""
        eps = self.share * (high - low)
        for i, name in enumerate(names):
            if name in self.per_tag:
                eps[i] = self.per_tag[name]
        return np.where(protected, 0.0, eps)
