"""Methods by name. A new one is a file here and a line in ``METHODS``."""

from __future__ import annotations

from detectors.verification.methods.base import Method
from detectors.verification.methods.crown import Crown, CrownIbp
from detectors.verification.methods.interval import Interval
from detectors.verification.methods.lipschitz import Lipschitz
from detectors.verification.methods.smoothing import Smoothing
from detectors.verification.methods.zonotope import Zonotopes

METHODS: dict[str, type[Method]] = {
    "interval": Interval,
    "zonotope": Zonotopes,
    "crown_ibp": CrownIbp,
    "crown": Crown,
    "lipschitz": Lipschitz,
    "smoothing": Smoothing,
}

__all__ = ["METHODS", "Crown", "CrownIbp", "Interval", "Lipschitz", "Method", "Smoothing", "Zonotopes"]
