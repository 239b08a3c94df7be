"""The set of perturbations a certificate speaks of: a half width per tag, in the tag's unit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from streams.errors import BadInput
from streams.plant_model import PlantModel

FLIP = 0.25
"""A change of a 0/1 switch status by this much or more could make it unreadable or another state."""


@dataclass(frozen=True)
class Perturbation:
    """share: of each tag's published range; per_tag: exceptions in engineering units. Protected tags:
    zero."""

    share: float
    per_tag: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises BadInput on what is not finite, negative, or so large that a switch status could flip."""
        if not math.isfinite(self.share) or not 0.0 <= self.share < FLIP:
            allowed = f"a share of range from 0 to below {FLIP:g}, because a switch status could flip"
            raise BadInput("eps", self.share, allowed)
        for name, value in self.per_tag.items():
            if not math.isfinite(value) or value < 0.0:
                raise BadInput(f"eps of {name}", value, "0 or more, finite, in the tag's unit")

    def check(self, plant: PlantModel) -> None:
        """Against the tags of a plant. Raises BadInput for an entry of an unknown tag, one above 0 of a
        protected tag, and an eps with which a switch status could flip."""
        tags = {tag.name: tag for tag in plant.tags}
        for name, value in self.per_tag.items():
            if name not in tags:
                raise BadInput(f"eps of {name}", value, "an entry only for a tag of the plant model")
            if tags[name].protected and value > 0.0:
                raise BadInput(f"eps of {name}", value, "0 or no entry, because its link is protected")
        for tag in (tags[b.status_tag] for b in plant.branches if b.status_tag in tags):
            eps = self.per_tag.get(tag.name, self.share * (tag.high - tag.low))
            if not tag.protected and eps >= FLIP:
                allowed = f"below {FLIP:g}, because a switch status could flip"
                raise BadInput(f"eps of {tag.name}", eps, allowed)

    @staticmethod
    def of(eps: float | Mapping[str, float]) -> Perturbation:
        """From a share of range, or a table tag -> engineering units that leaves all others at 0."""
        return Perturbation(0.0, dict(eps)) if isinstance(eps, Mapping) else Perturbation(float(eps))

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
