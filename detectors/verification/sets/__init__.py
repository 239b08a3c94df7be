"""Sets of perturbed windows by name. A new one is one file and one line in ``SETS``."""

from __future__ import annotations

from detectors.verification.sets.ball import Ball
from detectors.verification.sets.base import NormBall, Region
from detectors.verification.sets.boxes import Boxes
from detectors.verification.sets.consistent import Consistent
from detectors.verification.sets.free_stations import FewTags, FreeStations
from detectors.verification.sets.persistent import Persistent
from detectors.verification.sets.shared_budget import SharedBudget
from detectors.verification.sets.union import Union
from detectors.verification.sets.windows import box_around, over_scans, station_groups

SETS: dict[str, type[Region]] = {
    "box": Boxes,
    "l2": Ball,
    "l1": SharedBudget,
    "l0": FewTags,
    "stations": FreeStations,
    "persistent": Persistent,
    "consistent": Consistent,
    "union": Union,
}

__all__ = [
    "SETS",
    "Ball",
    "Boxes",
    "Consistent",
    "FewTags",
    "FreeStations",
    "NormBall",
    "Persistent",
    "Region",
    "SharedBudget",
    "Union",
    "box_around",
    "over_scans",
    "station_groups",
]
