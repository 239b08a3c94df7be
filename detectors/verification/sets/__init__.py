"""Sets of perturbed windows; a new one is one file and one line here."""

from __future__ import annotations

from detectors.verification.sets.base import Region
from detectors.verification.sets.boxes import Boxes

__all__ = ["Boxes", "Region"]
