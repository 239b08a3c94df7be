"""Arms of a run: the same nature, with and without attack and defence."""

from __future__ import annotations

from typing import NamedTuple

from scenarios.catalogue import unique


class Arm(NamedTuple):
    """attacked: the scenario's attacks act; defended: detectors, hub and responder take part."""

    name: str
    attacked: bool
    defended: bool


ARMS = unique(
    [
        Arm("baseline", attacked=False, defended=False),
        Arm("undefended", attacked=True, defended=False),
        Arm("defended", attacked=True, defended=True),
        Arm("nuisance", attacked=False, defended=True),
    ]
)
