"""Training methods by name. A new one is a file here and a line in ``MARGINS``."""

from __future__ import annotations

from detectors.losses.adversarial import adversarial_margin
from detectors.losses.batch import Batch, Margin
from detectors.losses.crown_ibp import crown_ibp_margin
from detectors.losses.dual import dual_margin
from detectors.losses.interval import interval_margin
from detectors.losses.natural import natural_margin
from detectors.losses.small_boxes import small_boxes_margin
from detectors.losses.smoothed import smoothed_margin

MARGINS: dict[str, Margin] = {
    "interval": interval_margin,
    "crown_ibp": crown_ibp_margin,
    "dual": dual_margin,
    "small_boxes": small_boxes_margin,
    "adversarial": adversarial_margin,
    "smoothed": smoothed_margin,
    "natural": natural_margin,
}

__all__ = ["MARGINS", "Batch", "Margin"]
