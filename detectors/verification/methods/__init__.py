"""Methods by name. A new one is a file here and a line in ``METHODS``."""

from __future__ import annotations

from detectors.verification.methods.alpha_crown import AlphaCrown
from detectors.verification.methods.base import Method
from detectors.verification.methods.branch_and_bound import BranchAndBound
from detectors.verification.methods.crown import Crown, CrownIbp
from detectors.verification.methods.interval import Interval
from detectors.verification.methods.lipschitz import Lipschitz
from detectors.verification.methods.milp import Milp
from detectors.verification.methods.smoothing import Smoothing
from detectors.verification.methods.zonotope import Zonotopes

METHODS: dict[str, type[Method]] = {
    "interval": Interval,
    "zonotope": Zonotopes,
    "crown_ibp": CrownIbp,
    "crown": Crown,
    "alpha_crown": AlphaCrown,
    "branch_and_bound": BranchAndBound,
    "milp": Milp,
    "lipschitz": Lipschitz,
    "smoothing": Smoothing,
}

__all__ = [
    "METHODS",
    "AlphaCrown",
    "BranchAndBound",
    "Crown",
    "CrownIbp",
    "Interval",
    "Lipschitz",
    "Method",
    "Milp",
    "Smoothing",
    "Zonotopes",
]
